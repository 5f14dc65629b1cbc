#!/bin/sh
# lint_test.sh PAGE...: mandoc finds nothing wrong in any page.  References to
# pages that are not installed are not wrong.
command -v mandoc >/dev/null || { echo "skipped: no mandoc"; exit 77; }
found=$(mandoc -T lint "$@" 2>&1 |
    grep -v -e 'referenced manual not found' -e 'outdated mandoc.db')
[ -z "$found" ] || { echo "$found"; exit 1; }

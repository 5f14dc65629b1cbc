/*
 * test.h -- cmocka with what every test includes.
 */
#ifndef AICERT_TESTS_TEST_H
#define AICERT_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* For ctest: the program could not run; the reason was printed. */
#define TEST_SKIPPED 77

#define assert_ok(call) assert_int_equal((call), 0 /* AC_OK */)

#endif

# model_signing.sh -- installs OpenSSF's model_signing into $cache, a virtual
# environment, once.  Sourced after lib.sh; skips where that is impossible.

version=1.1.1
openssl=26.4.0 # 1.1.1 imports it and does not ask for it

exec 9>"$cache/lock"
flock 9
if [ "$(cat "$cache/installed" 2>/dev/null)" != "$version" ]; then
	/usr/bin/python3 -m venv "$cache/venv" >"$cache/pip.log" 2>&1 ||
	    skip "no python3-venv"
	"$cache/venv/bin/pip" install --disable-pip-version-check --retries 1 \
	    --timeout 30 "model-signing==$version" "pyOpenSSL==$openssl" >>"$cache/pip.log" 2>&1 ||
	    skip "pip could not install model-signing $version:" \
	    "$(tail -n 1 "$cache/pip.log")"
	echo "$version" >"$cache/installed"
fi
flock -u 9


#!/usr/bin/env bash
# Make the environment in folder $2 with Python $1: everything that requirements.lock names, and locum itself.
set -euo pipefail
cd "$(dirname "$0")/.."

python=$1
environment=$2
complete=$environment/.complete

fail() {
    echo "$1" >&2
    exit 2
}

has_python() { "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
has_venv() { "$python" -c 'import ensurepip, venv' 2>/dev/null; }

# A bare Debian has no python3, or one that cannot make environments.
if [ "$python" = python3 ] && ! { has_python && has_venv; } && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing the system package python3-venv"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -qq --yes --no-install-recommends python3-venv >/dev/null
    hash -r
fi
has_python || fail "$python is missing or older than 3.11: install Python 3.11 or newer (on Debian: apt install python3-venv) or name one, as in 'make demo PYTHON=python3.12'"
has_venv || fail "$python cannot make environments: install its venv package (on Debian: apt install python3-venv) or name another Python, as in 'make demo PYTHON=python3.12'"

# Without the stamp an environment was left half-made and is made again; with it, it is brought up to date.
if [ -d "$environment" ] && [ ! -e "$complete" ]; then
    [ -e "$environment/pyvenv.cfg" ] || fail "$environment exists and is not a Python environment: remove it or name another folder, as in 'make demo VENV=.venv-locum'"
    rm -rf "$environment"
fi
rm -f "$complete"

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
if [ ! -e "$environment" ]; then
    echo "making the environment in $environment"
    "$python" -m venv "$environment"
fi
echo "installing what requirements.lock names (a minute or two)"
# pip works on one core: two of them, with every other line each, take half as long. The third adds what a build
# for graphics cards needs and the file does not name, as a rule nothing.
install() { "$environment/bin/python" -m pip install -qq --no-compile "$@"; }
every_other() { grep -v '^#' requirements.lock | awk "NR % 2 == $1"; }
install --no-deps --requirement <(every_other 0) &
other=$!
install --no-deps --requirement <(every_other 1) || { kill "$other"; exit 1; }
wait "$other"
install --requirement requirements.lock
# pip would compile on one core as well.
"$environment/bin/python" -m compileall -qq -j 0 -x '/tests?/' "$environment/lib" || true
echo "installing locum itself"
"$environment/bin/python" -m pip install -qq --no-deps --no-build-isolation --editable .
touch "$complete"

#!/usr/bin/env bash
# Resolve pyproject.toml anew with Python $1 and write every version to requirements.lock.
#
# Run it with the oldest Python that locum supports: what works there has versions for newer ones too.
# The header and the lines with a condition are kept as they stand.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

echo "resolving pyproject.toml (a minute or two)"
"$1" -m venv "$scratch"
"$scratch/bin/pip" install -qq --upgrade pip 'setuptools>=80'
# torch exactly: a looser range finds releases that bring gigabytes of libraries for graphics cards
"$scratch/bin/pip" install -qq --no-build-isolation --editable '.[dev]' 'torch==2.13.0'
"$scratch/bin/pip" check
{
    grep '^#' requirements.lock
    # 2.13.0+cpu is written 2.13.0: the plain version accepts every build of it
    "$scratch/bin/pip" freeze --all --exclude pip --exclude-editable | sed 's/+cpu$//'
    grep '; python_version' requirements.lock || true
} >"$scratch/requirements.lock"
cp "$scratch/requirements.lock" requirements.lock

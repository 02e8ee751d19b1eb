#!/usr/bin/env bash
# Install what the shipped studies of programs run, CalculiX and OpenFOAM, and the OpenGL libraries that bodies in space
# are drawn with: packages of Debian 12. Without them the other studies run, and the tests of these are skipped.
set -euo pipefail

missing=()
command -v ccx >/dev/null || missing+=(calculix-ccx)
command -v simpleFoam >/dev/null || missing+=(openfoam)
for library in libegl1 libgl1; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$library" 2>/dev/null)" = installed ] || missing+=("$library")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed: ${missing[*]}; as root on Debian: apt install --no-install-recommends ${missing[*]}" >&2
    exit 2
fi
echo "installing the system packages ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -qq --yes --no-install-recommends "${missing[@]}" >/dev/null; }; then
    echo "could not install ${missing[*]}; they are packages of Debian 12's main archive, which takes a network" >&2
    exit 2
fi

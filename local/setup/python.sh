#!/bin/sh
# Finds Python 3.13 and uv for the Makefile; installs uv into .tools when there is none.
# Leaves .tools/python (the interpreter's path) and .tools/uv (a link to the program).
set -eu

# A shim (pyenv) exists for versions that are not installed: only running it tells.
is_313='import sys; sys.exit(sys.version_info[:2] != (3, 13))'
real='import os, sys; print(os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable))'
python=
for candidate in python3.13 python3 python "$HOME"/.pyenv/versions/3.13*/bin/python; do
    if "$candidate" -c "$is_313" >/dev/null 2>&1; then
        python=$("$candidate" -c "$real")
        break
    fi
done
if [ -z "$python" ]; then
    found=$( (python3 --version || python --version) 2>/dev/null || echo 'no Python')
    echo "Flightdeck needs Python 3.13 and found $found: install it (https://www.python.org/downloads/) so that python3.13 is on the PATH." >&2
    exit 1
fi

# 0.8 is the first uv that reads our lock file's revision.
recent='import re, sys; v = re.findall(r"\d+", sys.argv[1]); sys.exit((int(v[0]), int(v[1])) < (0, 8))'
uv=
for candidate in "$(command -v uv || true)" "$HOME/.local/bin/uv" "$HOME/.cargo/bin/uv"; do
    if [ -x "$candidate" ] && "$python" -c "$recent" "$("$candidate" --version)" 2>/dev/null; then
        uv=$candidate
        break
    fi
done

mkdir -p .tools
if [ -z "$uv" ]; then
    echo "Installing uv into .tools, once."
    rm -rf .tools/venv
    if ! { "$python" -m venv .tools/venv && .tools/venv/bin/python -m pip install --quiet --disable-pip-version-check 'uv==0.13.8'; }; then
        echo "Flightdeck cannot install uv with pip: see the lines above, then check the network or install uv (https://docs.astral.sh/uv/)." >&2
        exit 1
    fi
    uv=$PWD/.tools/venv/bin/uv
fi
echo "$python" > .tools/python
ln -sf "$uv" .tools/uv

#!/bin/sh
# Says in one sentence why Azurite cannot be installed here: no Node, an old one, or no npm.
set -eu
if ! version=$(node --version 2>/dev/null); then
    echo "Flightdeck needs Node 20 or newer for Azurite, and there is no node on the PATH: install it (https://nodejs.org/)." >&2
    exit 1
fi
major=${version#v}
if [ "${major%%.*}" -lt 20 ]; then
    echo "Flightdeck needs Node 20 or newer for Azurite, and found $version: install a newer one (https://nodejs.org/)." >&2
    exit 1
fi
if ! npm --version >/dev/null 2>&1; then
    echo "Flightdeck needs npm, which comes with Node, to install Azurite: there is none on the PATH." >&2
    exit 1
fi

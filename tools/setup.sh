#!/bin/sh
# Make .venv with everything that Tonglu is run, built and tested with. Asks the network only when
# constraints.txt has changed since the last time. Works as root and as an ordinary user.
set -eu
cd "$(dirname "$0")/.."

# ---- What the machine must have.
python=${PYTHON:-python3}
missing=""
command -v "$python" >/dev/null 2>&1 || missing="$missing python3"
if [ -z "$missing" ]; then
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "Python 3.11 or newer is needed; $("$python" --version) was found. Set PYTHON to another one." >&2
        exit 1
    }
    "$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
fi
command -v git >/dev/null 2>&1 || missing="$missing git"
if [ -n "$missing" ]; then
    echo "This machine lacks:$missing. On Debian 12:" >&2
    echo "    apt-get install --no-install-recommends$missing" >&2
    exit 1
fi

# ---- The environment, once.
[ -x .venv/bin/python ] || "$python" -m venv .venv
fingerprint() {
    { pwd; .venv/bin/python --version; cat "$@"; } | sha256sum | cut -d ' ' -f 1
}
current() {
    [ -f ".venv/$1.stamp" ] && [ "$(cat ".venv/$1.stamp")" = "$2" ]
}
packages=$(fingerprint constraints.txt)
ours=$(fingerprint constraints.txt pyproject.toml sync_protocol/pyproject.toml mobile_client_sdk/pyproject.toml)

# A home that cannot be written, like that of a service user, has no place for a cache.
if [ ! -w "${HOME:-/nonexistent}" ]; then
    export UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1
# As pip does by itself: without bytecode every start compiles 1,200 modules again where the
# packages cannot be written, and at least the first one everywhere.
export UV_COMPILE_BYTECODE=1
# A company's own certificate authority is known to the system, not to uv.
export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}"

install() {
    if [ -x .venv/bin/uv ]; then
        .venv/bin/uv pip install --quiet --python .venv/bin/python "$@"
    else
        .venv/bin/python -m pip install --quiet "$@"
    fi
}

if ! current packages "$packages"; then
    echo "Installing packages (constraints.txt has changed, or this is the first time) ..."
    if [ ! -x .venv/bin/uv ]; then
        # uv comes first, pinned by its own lines of constraints.txt; where it does not run, pip goes on alone.
        sed -n '/^uv==/,/[^\\]$/p' constraints.txt > .venv/uv.txt
        .venv/bin/python -m pip install --quiet --require-hashes --no-deps -r .venv/uv.txt \
            || echo "uv cannot be installed here; pip takes longer but does the same." >&2
    fi
    install --require-hashes -r constraints.txt
    echo "$packages" > .venv/packages.stamp
fi
if ! current ours "$ours"; then
    # No build isolation: the build backend is in constraints.txt, so this needs no network.
    install --no-deps --no-build-isolation -e . -e sync_protocol -e mobile_client_sdk
    echo "$ours" > .venv/ours.stamp
fi

# ---- What only some tests need.
wanted=""
command -v chromium >/dev/null 2>&1 || wanted="$wanted chromium fonts-noto-cjk"
[ -x /usr/lib/postgresql/15/bin/postgres ] || wanted="$wanted postgresql-15"
command -v npm >/dev/null 2>&1 || wanted="$wanted npm"
command -v hledger >/dev/null 2>&1 || wanted="$wanted hledger"
if [ -n "$wanted" ]; then
    echo "The tests of the pages, the second PostgreSQL and the exported journal need more:"
    echo "    apt-get install --no-install-recommends$wanted"
fi

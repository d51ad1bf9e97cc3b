#!/bin/sh
# Prove that a device installs the protocol and the client alone: their wheels go into an environment
# that has nothing else, and both are imported there.
set -eu
cd "$(dirname "$0")/.."
# A company's own certificate authority is known to the system, not to uv.
export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}"
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
for member in sync_protocol mobile_client_sdk; do
    (cd "$member" && ../.venv/bin/python -m hatchling build -t wheel -d "$place/wheels" >/dev/null)
done
.venv/bin/python -m venv --without-pip "$place/device"
.venv/bin/uv pip install --quiet --python "$place/device/bin/python" --constraint constraints.txt "$place"/wheels/*.whl
cd "$place"
device/bin/python -I - <<'PROOF'
import importlib.util, pkgutil
import mobile_client_sdk, sync_protocol

for package in (sync_protocol, mobile_client_sdk):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        __import__(module.name)
for foreign in ("server", "billing", "litestar", "piccolo"):
    assert importlib.util.find_spec(foreign) is None, f"{foreign} is on the device"
print("The protocol and the client work alone.")
PROOF

"""A rep's app with many customers, as a process of its own: says how much memory it has used.

Usage: big_rep.py STORE URL ENROLMENT_CODE
"""

import sys
from pathlib import Path

from mobile_client_sdk.client import open_client
from mobile_client_sdk.records import Customer


def memory(file: str, name: str) -> int:
    """Answer a figure of this process in KiB."""
    lines = Path("/proc/self", file).read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def main() -> None:
    """Load, read all, edit some, sync, and say the peak."""
    path, url, code = sys.argv[1:]
    with open_client(path, url) as client:
        client.enrol(code, device_name="rep")
        assert client.sync().is_complete
        count = sum(1 for _ in client.customers())
        assert count == client.count(Customer)
        with client.group():
            for position, customer in enumerate(client.customers()):
                if position % 20 == 0:
                    with client.edit(customer) as draft:
                        draft.remark = "看过"
        assert client.sync().is_complete
    print(count, memory("status", "VmHWM:"), memory("smaps_rollup", "Pss:"))  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main()

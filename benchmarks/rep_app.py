"""A rep's app as a process of its own: loads, reads and edits, and says how much memory that took.

Run as a module with the store, the server's address and an enrolment code. Prints the customers,
then KiB: of the process before the store is opened, at its peak, and at the end.
"""

import sys
from pathlib import Path

from mobile_client_sdk.client import open_client
from mobile_client_sdk.records import Customer

_EDITED_EVERY = 20


def _memory(file: str, name: str) -> int:
    """Read a figure of this process in KiB."""
    lines = Path("/proc/self", file).read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def main(path: str, url: str, code: str) -> None:
    """Load all, read all, edit some, sync."""
    before = _memory("smaps_rollup", "Pss:")
    with open_client(path, url) as client:
        client.enrol(code, device_name="压测手机")
        assert client.sync().is_complete
        count = sum(1 for _ in client.customers())
        assert count == client.count(Customer)
        with client.group():
            for position, customer in enumerate(client.customers()):
                if position % _EDITED_EVERY == 0:
                    with client.edit(customer) as draft:
                        draft.remark = "看过"
        assert client.sync().is_complete
        after = _memory("smaps_rollup", "Pss:")
    print(count, before, _memory("status", "VmHWM:"), after)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main(*sys.argv[1:])

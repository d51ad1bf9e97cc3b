"""A rep's app as a process of its own that sends a photo, to be killed within any chunk.

Usage: sender.py STORE URL [ENROLMENT_CODE PHOTO]

Says `put N` before it sends N bytes of a chunk, and `stored` at the end.
"""

import sys

import httpx

from mobile_client_sdk.client import open_client


class Telling(httpx.HTTPTransport):
    """Says how many bytes of photos it is about to send."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Say it, then send."""
        if request.method == "PUT":
            print("put", len(request.read()), flush=True)  # noqa: T201 - the parent counts
        return super().handle_request(request)


def main() -> None:
    """Attach a photo the first time; send what waits, until somebody kills this process."""
    path, url, *first = sys.argv[1:]
    client = open_client(path, url, http=Telling())
    if first:
        code, photo = first
        client.enrol(code, device_name="rep")
        client.attach(client.create_customer(name="福满楼"), photo)
        assert client.sync().is_complete
    while client.send_attachments().pending:
        pass
    print("stored", flush=True)  # noqa: T201 - the parent waits for it


if __name__ == "__main__":
    main()

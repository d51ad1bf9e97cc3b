"""A rep's app as a process of its own that sends a photo, to be killed within any chunk.

Run as a module with the store and the server's address, the first time also with an enrolment code
and the photo. Prints `put N` before it sends N bytes of a chunk, and `stored` at the end.
"""

import sys

import httpx

from mobile_client_sdk.client import open_client


class _Telling(httpx.HTTPTransport):
    """Says how many bytes of photos it is about to send."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Say it, then send."""
        if request.method == "PUT":
            print("put", len(request.read()), flush=True)  # noqa: T201 - the parent counts
        return super().handle_request(request)


def main(path: str, url: str, *first: str) -> None:
    """Attach a photo the first time; send what waits, until somebody kills this process."""
    client = open_client(path, url, http=_Telling())
    if first:
        code, photo = first
        client.enrol(code, device_name="压测手机")
        client.attach(client.create_customer(name="福满楼"), photo)
        assert client.sync().is_complete
    while client.send_attachments().pending:
        pass
    print("stored", flush=True)  # noqa: T201 - the parent waits for it


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A phone's network: the real one, which the journey can take away, or let lose an answer."""

from typing import Final

import httpx


class Network(httpx.BaseTransport):
    """Real HTTP that can be switched off. Counts what was sent and what came back."""

    def __init__(self) -> None:
        self._real: Final = httpx.HTTPTransport()
        self.is_up = True
        self.answers_to_lose = 0
        """So many answers vanish after the server has done its work."""
        self.requests = 0
        self.answers_lost = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send for real, unless the network is away; then perhaps lose the answer."""
        if not self.is_up:
            raise httpx.ConnectError("there is no network here", request=request)
        self.requests += 1
        response = self._real.handle_request(request)
        if self.answers_to_lose > 0:
            response.read()
            response.close()
            self.answers_to_lose -= 1
            self.answers_lost += 1
            raise httpx.ReadError("the connection broke before the answer came", request=request)
        return response

    def close(self) -> None:
        """Close the real connections."""
        self._real.close()

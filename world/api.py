"""Talk to a running server as any client does: HTTP, JSON, a bearer token, patience with 429.

What comes back is plain JSON: the journey reads the API as a stranger would, not with the server's
own structs.
"""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Final, Self

import httpx
import msgspec

_TIMEOUT_S: Final = 30.0
_TRIES_MAX: Final = 20
_TOO_MANY: Final = 429

Json = dict[str, Any]


class Refused(RuntimeError):
    """The server refused; the problem document says why."""

    def __init__(self, method: str, path: str, status: int, problem: Json) -> None:
        super().__init__(f"{method} {path} -> {status} {problem.get('code')}: {problem}")
        self.status = status
        self.problem = problem

    @property
    def code(self) -> str:
        """Give the problem's stable code."""
        return str(self.problem.get("code", ""))


class Api:
    """One person's way to the server. Without a token only what everybody may ask is answered."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.AsyncClient(base_url=url, headers=self.headers, timeout=_TIMEOUT_S)

    async def __aenter__(self) -> Self:
        """Connect when first asked."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    @classmethod
    async def signed_in(cls, url: str, login: str, password: str) -> Self:
        """Sign in by name and password.

        :raises Refused: when they do not belong together.
        """
        async with cls(url) as anybody:
            tokens = await anybody.post("/v1/auth/login", {"login": login, "password": password})
        return cls(url, tokens["access_token"])

    async def get(self, path: str, **query: Any) -> Any:
        """Read."""
        return self._answer(await self.raw("GET", path, params=query))

    async def post(self, path: str, body: Any = None) -> Any:
        """Ask for something to be done."""
        return self._answer(await self.raw("POST", path, json=body))

    async def put(self, path: str, body: Any) -> Any:
        """Set."""
        return self._answer(await self.raw("PUT", path, json=body))

    async def patch(self, path: str, body: Any) -> Any:
        """Change."""
        return self._answer(await self.raw("PATCH", path, json=body))

    async def refusal(self, path: str, body: Any = None) -> str:
        """Ask for what should be refused; give the code of the refusal, or nothing."""
        try:
            await self.post(path, body)
        except Refused as refusal:
            return refusal.code
        return ""

    async def every(self, path: str, **query: Any) -> AsyncIterator[Json]:
        """Read all items of a list, page by page."""
        cursor: str | None = None
        while True:
            page = await self.get(path, **query, **({"cursor": cursor} if cursor else {}))
            for item in page["items"]:
                yield item
            cursor = page["next_cursor"]
            if not cursor:
                return

    async def raw(
        self,
        method: str,
        path: str,
        *,
        params: Json | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Send one request and give whatever comes back; only 429 is waited out."""
        body = content if json is None else msgspec.json.encode(json)
        head = dict(headers or {})
        if json is not None:
            head["Content-Type"] = "application/json"
        known = {name: value for name, value in (params or {}).items() if value is not None}
        for _ in range(_TRIES_MAX):
            response = await self._http.request(
                method, path, params=_written(known), content=body, headers=head
            )
            if response.status_code != _TOO_MANY:
                break
            await asyncio.sleep(float(response.headers.get("retry-after", "1")))
        return response

    def _answer(self, response: httpx.Response) -> Any:
        """Give the body, or raise what the problem document says."""
        request = response.request
        if response.is_error:
            problem = _problem(response)
            raise Refused(request.method, request.url.path, response.status_code, problem)
        return msgspec.json.decode(response.content) if response.content else None


def _problem(response: httpx.Response) -> Json:
    """Read a problem document, or say what came instead."""
    try:
        return msgspec.json.decode(response.content, type=Json)
    except msgspec.DecodeError:
        return {"code": "no_problem_document", "detail": response.text[:300]}


def _written(query: Json) -> dict[str, str | list[str]]:
    """Write query parameters as the API reads them."""
    return {
        name: [str(item) for item in value] if isinstance(value, list | tuple) else str(value)
        for name, value in query.items()
    }

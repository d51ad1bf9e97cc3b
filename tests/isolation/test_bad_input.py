"""Bad input on every route: a refusal that names what is wrong, never a fault of ours."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote_from_bytes

import httpx
import msgspec
import pytest

from tests.isolation.listening import each, listening
from tests.isolation.matrix.case import Case, Route, replaced
from tests.isolation.test_matrix import CASES, own_ids, send
from tests.isolation.world import World

Document = dict[str, Any]

# Nothing fresh for each try: what is refused does not depend on it.
_UNSPENT: Final = {route: msgspec.structs.replace(case, spends="") for route, case in CASES.items()}
_TAKES_A_BODY: Final = [
    pytest.param(route, case, id=" ".join(route))
    for route, case in _UNSPENT.items()
    if case.body is not None and not case.is_page
]
_ANY: Final = [
    pytest.param(route, case, id=" ".join(route)) for route, case in CASES.items() if case.succeeds
]
_BAD_BODIES: Final = {
    "invalid UTF-8": b'{"name": "\x9c"}',
    "a lone surrogate": b'{"name": "\\ud800"}',
    "deep arrays": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "just too deep": b'{"name": ' + b"[" * 33 + b"]" * 33 + b"}",
    "not complete": b'{"name": ',
    "no JSON": b"name=x",
    "a list": b"[]",
    "a text": b'"x"',
    "a number": b"1",
    "null": b"null",
    "nothing": b"",
    "too large": b'{"name": "' + b"x" * 1_100_000 + b'"}',
}
_HOSTILE: Final[list[Any]] = [
    None,
    True,
    -1,
    2**63,
    10**400,
    1.5,
    "",
    " ",
    "a\x00b",
    "\x1b[31m",
    "x" * 100_000,
    "𝕏" * 3000,
    "\u202e" * 50,
    "'; DROP TABLE customer; --",
    "{{7*7}}",
    "../../etc/passwd",
    "not-an-id",
    [],
    [[]],
    ["x"] * 3000,
    {},
    {"add": [], "remove": {}},
]
_HOSTILE_WORDS: Final = [
    "",
    "%00",
    "%ff%fe",
    "%ed%a0%80",
    "-1",
    "9" * 40,
    "x" * 5000,
    "NaN",
    "2026-13-45",
    "';--",
    "[]",
    "null",
    "%F0%9D%95%8F",
    "0190a000-0000-7000-8000-00000000000g",
]
_PAGE_WORDS: Final = ["%00", "%ff%fe", "9" * 40, "x" * 5000, "not-an-id", "2026-13-45"]


def is_refusal(response: httpx.Response, *, is_page: bool = False) -> bool:
    """Say whether this is a refusal that a person or a program can act on."""
    if not 400 <= response.status_code < 500:
        return False
    if is_page:
        return response.headers["content-type"].startswith("text/html")
    if response.headers["content-type"] != "application/problem+json":
        return False
    problem = response.json()
    return bool(problem["code"] and problem["detail"] and problem["title"])


def named(response: httpx.Response) -> list[str]:
    """Give the fields that a refusal names."""
    return [error["field"] for error in response.json().get("errors", [])]


@pytest.mark.parametrize("what", _BAD_BODIES)
@pytest.mark.parametrize(("route", "case"), _TAKES_A_BODY)
async def test_bytes_that_are_no_request_are_refused(
    http: httpx.AsyncClient, world: World, route: Route, case: Case, what: str
) -> None:
    method, path = route
    for place, value in (await own_ids(world, case)).items():
        path = path.replace(f"{{{place.partition('.')[2]}}}", str(value))
    session = world.session(case.role)
    response = await http.request(
        method,
        path,
        content=_BAD_BODIES[what],
        headers={
            "authorization": f"Bearer {session.token}",
            "content-type": "application/json",
        },
    )

    assert is_refusal(response), f"{response.status_code} {response.text[:300]}"
    assert named(response), response.text[:300]
    assert response.status_code == (413 if what == "too large" else response.status_code)


@pytest.mark.parametrize(("route", "case"), _TAKES_A_BODY)
async def test_a_body_of_another_type_is_refused(
    http: httpx.AsyncClient, world: World, route: Route, case: Case
) -> None:
    method, path = route
    for place, value in (await own_ids(world, case)).items():
        path = path.replace(f"{{{place.partition('.')[2]}}}", str(value))
    session = world.session(case.role)
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        response = await http.request(
            method,
            path,
            content=b"{}",
            headers={"authorization": f"Bearer {session.token}", "content-type": media_type},
        )

        assert response.status_code in (400, 415), response.text[:300]
        assert is_refusal(response)


def leaves(body: Any, place: str = "") -> Iterator[str]:
    """List every place of a body."""
    items = body.items() if isinstance(body, dict) else enumerate(body)
    for key, value in items:
        here = f"{place}.{key}" if place else str(key)
        yield here
        if isinstance(value, (dict, list)):
            yield from leaves(value, here)


@pytest.fixture(scope="module")
async def document(http: httpx.AsyncClient) -> Document:
    """The OpenAPI document, read once."""
    found: Document = (await http.get("/v1/openapi.json")).json()
    return found


def _places(document: Document, route: Route, case: Case, world: World) -> set[str]:
    """List the places of a body: those of the example, and all that the document names."""
    assert case.body is not None
    found = set(leaves(case.body(world.mine)))
    operation = document["paths"].get(route[1], {}).get(route[0].lower(), {})
    for media in operation.get("requestBody", {}).get("content", {}).values():
        schema = media["schema"]
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        found.update(schema.get("properties", {}))
    return found


@pytest.mark.parametrize(("route", "case"), _TAKES_A_BODY)
async def test_a_hostile_value_in_any_field_is_taken_or_refused(
    http: httpx.AsyncClient, document: Document, world: World, route: Route, case: Case
) -> None:
    assert case.body is not None
    for place in sorted(_places(document, route, case, world)):
        for value in _HOSTILE:
            body = _with_any(case.body(world.mine), place, value)
            response = await send(
                http, world, case.role, route, case, await own_ids(world, case), body
            )

            where = f"{place}={str(value)[:40]!r}: {response.status_code} {response.text[:200]}"
            assert response.status_code < 500, where
            if response.status_code >= 400:
                assert is_refusal(response), where
            if response.status_code == 422:
                assert named(response), where
                assert "x" * 50 not in response.text, where


def _with_any(body: Any, place: str, value: Any) -> Any:
    """Put any value into a place of a body."""
    marker = "<here>"
    marked = replaced(body, place, marker)
    return _substitute(marked, marker, value)


def _substitute(body: Any, marker: str, value: Any) -> Any:
    """Give the body with the marker replaced."""
    match body:
        case str() if body == marker:
            return value
        case dict():
            return {key: _substitute(item, marker, value) for key, item in body.items()}
        case list():
            return [_substitute(item, marker, value) for item in body]
        case _:
            return body


@pytest.mark.parametrize(("route", "case"), _ANY)
async def test_a_hostile_word_in_an_address_is_taken_or_refused(
    http: httpx.AsyncClient, document: Document, world: World, route: Route, case: Case
) -> None:
    method, path = route
    if method != "GET":
        return
    ids = {place.partition(".")[2]: value for place, value in (await own_ids(world, case)).items()}
    session = world.session(case.role)
    headers = {"authorization": f"Bearer {session.token}"}
    if case.is_page:
        headers = {"cookie": "=".join(session.cookie), "accept": "text/html"}
    for name, value in {**ids, **case.words}.items():
        whole = path.format(**{**ids, **case.words, name: "<word>"})
        for word in _HOSTILE_WORDS:
            if word:
                await _get(http, whole.replace("<word>", word), headers, is_page=case.is_page)
        assert value
    whole = path.format(**ids, **case.words)
    with listening() as heard:
        await _get(http, whole, headers, is_page=case.is_page)
        if not case.is_page:
            heard.update(_documented(document, route))
        for name in each(heard):
            for word in _PAGE_WORDS if case.is_page else _HOSTILE_WORDS:
                await _get(http, f"{whole}?{name}={word}", headers, is_page=case.is_page)
    many = "&".join(f"x{number}=1" for number in range(500))
    await _get(http, f"{whole}?{many}", headers, is_page=case.is_page)


def _documented(document: Document, route: Route) -> list[str]:
    """Give the parameters of an address that the document names."""
    parameters = document["paths"][route[1]]["get"].get("parameters", [])
    return [each["name"] for each in parameters if each["in"] == "query"]


async def _get(
    http: httpx.AsyncClient, address: str, headers: dict[str, str], *, is_page: bool
) -> None:
    """Ask an address; it is answered or refused."""
    response = await http.get(address, headers=headers)

    where = f"{address[:200]}: {response.status_code} {response.text[:200]}"
    assert response.status_code < 500, where
    if response.status_code >= 400:
        assert is_refusal(response, is_page=is_page), where


_FORMS: Final = [
    pytest.param(route, case, id=" ".join(route))
    for route, case in _UNSPENT.items()
    if case.is_page and route[0] == "POST"
]
_HOSTILE_FORMS: Final = [
    b"",
    b"a\x00b",
    "²".encode(),
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"x" * 100_000,
    b"9" * 5_000,
    b"not-an-id",
    b"'; DROP TABLE customer; --",
    "\u202e𝕏".encode(),
    b"1e99999999",
    b"<script>alert(1)</script>",
]


@pytest.mark.parametrize(("route", "case"), _FORMS)
async def test_a_hostile_form_is_taken_or_refused(
    http: httpx.AsyncClient, world: World, route: Route, case: Case
) -> None:
    _, path = route
    session = world.session(case.role)
    given = case.body(world.mine) if case.body else {}
    headers = {
        "cookie": "=".join(session.cookie),
        "x-csrf-token": session.csrf_token,
        "content-type": "application/x-www-form-urlencoded",
    }
    with listening() as heard:
        for name in each(heard, ["nothing", *given]):
            for value in _HOSTILE_FORMS if name in given else _HOSTILE_FORMS[:3]:
                ids = await own_ids(world, case)
                whole = path.format(
                    **{place.partition(".")[2]: str(one) for place, one in ids.items()},
                    **case.words,
                )
                content = _form({**_encoded(given), name.encode(): value})
                response = await http.post(whole, content=content, headers=headers)

                where = f"{name}={value[:30]!r}: {response.status_code} {response.text[:200]}"
                assert response.status_code < 500, where
                assert b"<script>alert(1)" not in response.content, where


def _encoded(given: dict[str, Any]) -> dict[bytes, bytes]:
    """Write a form's fields as bytes."""
    return {name.encode(): str(value).encode() for name, value in given.items()}


def _form(fields: dict[bytes, bytes]) -> bytes:
    """Write a form, with every byte escaped that may not stand for itself."""
    return b"&".join(
        name + b"=" + quote_from_bytes(value, safe="").encode() for name, value in fields.items()
    )


async def test_a_form_that_is_no_form_is_refused(http: httpx.AsyncClient, world: World) -> None:
    session = world.mine.sessions[next(iter(world.mine.sessions))]
    headers = {"cookie": "=".join(session.cookie), "x-csrf-token": session.csrf_token}
    for media_type, body in (
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken"),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--",
        ),
        ("application/json", b"{}"),
        ("application/x-www-form-urlencoded", b"=" * 10_000),
        ("application/x-www-form-urlencoded", b"&".join(b"a=1" for _ in range(20_000))),
        ("", b"\xff"),
    ):
        response = await http.post(
            "/customers/new", content=body, headers={**headers, "content-type": media_type}
        )
        assert response.status_code < 500, f"{media_type} {response.text[:200]}"


async def test_msgpack_that_is_none_is_refused(http: httpx.AsyncClient, world: World) -> None:
    rep = next(one for role, one in world.mine.sessions.items() if role == "sales_rep")
    headers = {"authorization": f"Bearer {rep.token}", "content-type": "application/msgpack"}
    wrong = msgspec.msgpack.encode({"ops": 1, "cursor": 1})
    for body in (b"\x91" * 100_000, b"\xa1\x9c", b"\xc1", b"", wrong):
        for path in ("/v1/sync/push", "/v1/sync/pull"):
            response = await http.post(path, content=body, headers=headers)
            assert is_refusal(response), f"{path} {response.status_code} {response.text[:200]}"
            assert named(response), response.text[:200]

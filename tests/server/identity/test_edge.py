"""The edge: over HTTP nobody is anybody without a proof of this server's own making."""

import ast
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import pytest
from litestar import Litestar, Router, get, post

from server import app as server_app
from server.access.edge import CurrentActor
from server.identity import keys, routes, service
from server.identity.rules.enrolment_codes import CODES
from server.identity.schemas import WebSignIn
from server.kit import clock
from server.settings import Settings
from tests.factories import Tenant, new_id
from tests.server.identity.conftest import PASSWORD, Person, lock

SERVER = Path(server_app.__file__).parent
MAKERS = {"identity/rules/standing.py", "access/rules.py"}
"""Where an Actor may be made: from a standing that the database has given, or of the product."""


@get("/page", sync_to_thread=False)
def show(actor: CurrentActor) -> str:
    """Show a page."""
    return str(actor.user_id)


@post("/page", status_code=200, sync_to_thread=False)
def change(actor: CurrentActor) -> str:
    """Change something from a page."""
    return str(actor.user_id)


@post("/sign-in", status_code=200, sync_to_thread=False, exclude_from_auth=True)
def sign_in_page() -> str:
    """Stand for the sign-in form."""
    return "in"


PAGES = Router("/", route_handlers=[show, change, sign_in_page], opt={"auth": "cookie"})


@pytest.fixture(scope="module")
def own_app(database: Settings) -> Litestar:
    """The API with three pages of the tests' own on top; the database is open already."""
    return server_app.create_app(database, more=[PAGES])


@pytest.fixture
async def http(own_app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody at the other end of the wire."""
    transport = httpx.ASGITransport(app=cast("Any", own_app))
    async with httpx.AsyncClient(transport=transport, base_url="http://tonglu.test") as client:
        yield client


async def bearer(http: httpx.AsyncClient, person: Person) -> dict[str, str]:
    """Sign in over HTTP and give the header."""
    answer = await http.post(
        "/v1/auth/login", json={"login": person.login, "password": person.password}
    )
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def test_a_person_signs_in_and_is_shown(http: httpx.AsyncClient, rep: Person) -> None:
    answer = await http.get("/v1/me", headers=await bearer(http, rep))

    assert answer.status_code == 200
    assert answer.json()["user_id"] == str(rep.actor.user_id)
    assert answer.json()["role"] == "sales_rep"
    assert answer.headers["cache-control"] == "no-store"


OPEN = {
    ("POST", "/v1/auth/login"),
    ("POST", "/v1/auth/invitation"),
    ("POST", "/v1/auth/invitation/acceptance"),
    ("POST", "/v1/auth/token"),
    ("POST", "/v1/devices/enrolment"),
    # Whoever scans a campaign's code: the page's token is the proof.
    ("GET", "/v1/lead-forms/{token:str}"),
    ("POST", "/v1/lead-forms/{token:str}"),
    # The address is the proof.
    ("GET", "/v1/calendars/{company_id:uuid}/{token:str}"),
    # A source outside signs what it sends.
    ("POST", "/v1/signals/{company_id:uuid}/{source_id:uuid}"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("POST", "/sign-in"),
}
"""All routes that need no proof."""


async def test_every_other_route_refuses_who_brings_no_proof(
    own_app: Litestar, http: httpx.AsyncClient
) -> None:
    for route in own_app.routes:
        if route.path.startswith("/v1/openapi.json"):
            continue
        path = route.path
        for part in [part for part in path.split("/") if part.startswith("{")]:
            given = "0" if part.endswith(":int}") else "019cac0f-2680-7f7f-9d31-4dd7d4da61af"
            path = path.replace(part, given)
        for method in cast("set[str]", route.methods) - {"OPTIONS", "HEAD"}:
            if (method, route.path) in OPEN:
                continue
            answer = await http.request(method, path, json={})
            assert answer.status_code == 401, (method, route.path, answer.text)
            assert answer.headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer null"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer a.b.c"},
        {"X-User-Id": "00000000-0000-7000-8000-000000000001"},
        {"X-Forwarded-User": "admin"},
        {"Cookie": "tonglu_session=AAAA"},
    ],
)
async def test_an_actor_is_made_from_nothing_else(
    http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await http.get("/v1/me", headers=headers)

    assert answer.status_code == 401


async def test_a_proof_in_the_query_or_body_does_not_count(
    http: httpx.AsyncClient, rep: Person
) -> None:
    token = (await bearer(http, rep))["Authorization"].removeprefix("Bearer ")

    answer = await http.get("/v1/me", params={"access_token": token, "token": token})

    assert answer.status_code == 401


def test_actors_are_made_in_one_place() -> None:
    made = {
        str(file.relative_to(SERVER))
        for file in SERVER.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name | ast.Attribute)
        and (node.func.id if isinstance(node.func, ast.Name) else node.func.attr) == "Actor"
    }

    assert made == MAKERS


async def test_a_refresh_token_is_no_access_token_and_the_reverse(
    http: httpx.AsyncClient, rep: Person
) -> None:
    tokens = (
        await http.post("/v1/auth/login", json={"login": rep.login, "password": rep.password})
    ).json()

    swapped = await http.get(
        "/v1/me", headers={"Authorization": f"Bearer {tokens['refresh_token']}"}
    )
    turned = await http.post("/v1/auth/token", json={"refresh_token": tokens["access_token"]})
    good = await http.post("/v1/auth/token", json={"refresh_token": tokens["refresh_token"]})

    assert (swapped.status_code, turned.status_code, good.status_code) == (401, 401, 200)
    assert set(good.json()) == {
        "access_token",
        "refresh_token",
        "expires_in_s",
        "lease_ms",
        "lease_only",
        "lease_shares",
        "seal_key",
        "token_type",
    }


async def test_a_device_is_enrolled_seen_and_revoked_over_http(
    http: httpx.AsyncClient, rep: Person
) -> None:
    headers = await bearer(http, rep)
    code = (await http.post("/v1/devices/enrolment-codes", headers=headers, json={})).json()["code"]
    phone = await http.post(
        "/v1/devices/enrolment",
        json={"code": code, "device_name": "Mate 60", "platform": "android"},
    )
    device = {"Authorization": f"Bearer {phone.json()['access_token']}"}

    assert phone.status_code == 201
    seen = (await http.get("/v1/devices", headers=device)).json()["items"]
    assert [item["name"] for item in seen] == ["Mate 60"]
    path = f"/v1/devices/{phone.json()['device_id']}/revocation"
    assert (await http.post(path, headers=headers)).status_code == 204
    assert (await http.get("/v1/devices", headers=device)).status_code == 401


async def test_a_throttled_person_is_told_when_to_come_again(http: httpx.AsyncClient) -> None:
    body = {"login": f"nobody.{clock.now().timestamp()}", "password": PASSWORD}

    answers = [await http.post("/v1/auth/login", json=body) for _ in range(11)]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 900
    assert answers[-1].json()["code"] == "too_many_tries"


async def test_a_client_that_keeps_cookies_is_known_when_strangers_have_guessed_too_often(
    http: httpx.AsyncClient, rep: Person
) -> None:
    await bearer(http, rep)
    await lock(rep.login, now=clock.now())

    assert await bearer(http, rep)
    http.cookies.clear()
    body = {"login": rep.login, "password": rep.password}
    assert (await http.post("/v1/auth/login", json=body)).status_code == 429


async def test_behind_a_proxy_one_client_does_not_use_up_the_tries_of_another(
    database: Settings,
) -> None:
    behind = msgspec.structs.replace(database, trusted_proxies="127.0.0.0/8")
    app = server_app.create_app(behind, more=[PAGES])
    wrong = CODES.new(secrets.choice)
    tail = new_id().int
    guesser, neighbour = (
        f"2001:db8:{(tail + one) % 65536:x}:{tail >> 16 & 65535:x}::1" for one in (0, 1)
    )

    async def attempt(http: httpx.AsyncClient, forwarded: str) -> int:
        body = {"code": wrong, "device_name": "x", "platform": "ios"}
        headers = {"x-forwarded-for": forwarded}
        return (await http.post("/v1/devices/enrolment", json=body, headers=headers)).status_code

    transport = httpx.ASGITransport(app=cast("Any", app))
    async with httpx.AsyncClient(transport=transport, base_url="http://tonglu.test") as http:
        forged = [f"198.51.100.{number}, {guesser}" for number in range(21)]
        answers = [await attempt(http, one) for one in forged]

        assert answers[-1] == 429
        assert 429 not in answers[:-1]
        assert await attempt(http, neighbour) != 429


async def in_browser(person: Person, http: httpx.AsyncClient) -> WebSignIn:
    """Sign a browser in and give it its cookie."""
    browser = await service.web_sign_in(
        person.login, person.password, address="203.0.113.9", now=clock.now()
    )
    http.cookies.set(browser.cookie_name, browser.token)
    return browser


async def test_a_page_is_shown_to_a_session_and_to_no_token(
    http: httpx.AsyncClient, rep: Person
) -> None:
    assert (await http.get("/page", headers=await bearer(http, rep))).status_code == 401

    await in_browser(rep, http)

    assert (await http.get("/page")).text == str(rep.actor.user_id)


async def test_a_cookie_is_nothing_to_the_api(http: httpx.AsyncClient, rep: Person) -> None:
    await in_browser(rep, http)

    assert (await http.get("/v1/me")).status_code == 401


async def test_a_change_needs_the_sessions_own_csrf_token(
    http: httpx.AsyncClient, rep: Person, owner: Person, opened_keys: keys.Keys
) -> None:
    others = await in_browser(owner, http)
    browser = await in_browser(rep, http)

    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": others.csrf_token}):
        refused = await http.post("/page", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "csrf_refused")
    for field in ("", others.csrf_token, browser.token):
        assert (await http.post("/page", data={"csrf_token": field})).status_code == 403
    json_body = await http.post("/page", json={"csrf_token": browser.csrf_token})
    assert json_body.status_code == 403

    by_header = await http.post("/page", headers={"X-CSRF-Token": browser.csrf_token})
    by_field = await http.post("/page", data={"csrf_token": browser.csrf_token, "name": "x"})
    by_upload = await http.post(
        "/page", data={"csrf_token": browser.csrf_token}, files={"file": ("a.csv", b"a,b")}
    )

    assert [by_header.text, by_field.text, by_upload.text] == [str(rep.actor.user_id)] * 3


async def test_another_site_cannot_post_not_even_to_sign_in(
    http: httpx.AsyncClient, rep: Person
) -> None:
    browser = await in_browser(rep, http)
    good = {"X-CSRF-Token": browser.csrf_token}

    for site in ("cross-site", "same-site"):
        headers = {"Sec-Fetch-Site": site}
        assert (await http.post("/page", headers=good | headers)).status_code == 403
        assert (await http.post("/sign-in", headers=headers)).status_code == 403
    same = await http.post("/sign-in", headers={"Sec-Fetch-Site": "same-origin"})
    assert same.status_code == 200


async def test_the_document_says_which_routes_are_open(http: httpx.AsyncClient) -> None:
    document = (await http.get("/v1/openapi.json")).json()

    open_ones = {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if {} in operation.get("security", [])
    }

    assert open_ones == {
        (method, path.replace(":str}", "}").replace(":uuid}", "}"))
        for method, path in OPEN
        if path.startswith("/v1")
    }
    assert document["security"] == [{"bearer": []}]
    assert routes.router.tags == ["identity"]


async def test_a_role_change_counts_from_the_next_write(
    http: httpx.AsyncClient, tenant: Tenant, owner: Person, rep: Person
) -> None:
    headers = await bearer(http, rep)
    path = f"/v1/users/{rep.actor.user_id}/disabling"
    assert (await http.post(path, headers=headers)).status_code == 403

    answer = await http.patch(
        f"/v1/users/{rep.actor.user_id}",
        headers=await bearer(http, owner),
        json={"role": "agent_owner", "scope": "tenant"},
    )

    assert answer.status_code == 200
    assert (await http.post(path, headers=headers)).status_code == 200
    assert (await http.get("/v1/me", headers=headers)).status_code == 401

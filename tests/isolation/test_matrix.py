"""No tenant meets another: every route, every place of an id, ids of a rival, five roles."""

import asyncio
import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any, Final, cast
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from server.access import Role
from server.kit import clock, live
from tests.isolation.matrix import API, PAGES, PUBLIC, STREAMS
from tests.isolation.matrix.case import Case, Route, replaced
from tests.isolation.matrix.parts import pull, push
from tests.isolation.world import (
    AGENT_ROLES,
    FRESH,
    PLATFORM_ROLES,
    Company,
    World,
    harvest,
    pattern_of,
    rows_of,
    words_of_many,
)

ROLES: Final = (*AGENT_ROLES, *PLATFORM_ROLES)
CASES: Final[dict[Route, Case]] = {
    **API,
    **{route: msgspec.structs.replace(case, is_page=True) for route, case in PAGES.items()},
}
_UNDER_TEST: Final = [
    pytest.param(route, case, id=" ".join(route)) for route, case in CASES.items()
]
_REQUEST_ID: Final = "150a710bcde0150a710bcde000000001"
_NONCE: Final = re.compile(r"nonce[-=][\"']?[\w-]{16,}[\"']?")
_MADE_AT: Final = re.compile(r"(?<=W3CDTF\">)[0-9TZ:-]+")
_TYPE: Final = re.compile(r":[a-z]+}")


class Answer(msgspec.Struct, frozen=True):
    """An answer, without the id that was asked for."""

    status: int
    body: str
    headers: dict[str, str]


def routes_of(app: Litestar) -> Iterator[tuple[Route, HTTPRoute]]:
    """List every method and address of the application."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in handler.http_methods - {"OPTIONS"}:
                    yield (method, _TYPE.sub("}", route.path)), route


async def send(
    http: httpx.AsyncClient,
    world: World,
    role: Role,
    route: Route,
    case: Case,
    ids: dict[str, UUID | str],
    given: Any = None,
) -> httpx.Response:
    """Ask a route as somebody of this role, with these ids in their places.

    :param given: a body that was sent before, to be sent again.
    """
    session = world.session(role)
    method, path = route
    body = given or (case.body(world.mine) if case.body else None)
    query = dict(case.query)
    for place, value in ids.items():
        part, _, name = place.partition(".")
        match part:
            case "path":
                path = path.replace(f"{{{name}}}", str(value))
            case "query":
                query[name] = str(value)
            case _:
                body = replaced(body or {}, name, value)
    for name, word in case.words.items():
        path = path.replace(f"{{{name}}}", word)
    assert "{" not in path, f"{route} has a place without an id"
    headers = {"x-request-id": _REQUEST_ID}
    if case.is_page:
        headers |= {"cookie": "=".join(session.cookie), "x-csrf-token": session.csrf_token}
        files = {"file": ("customers.csv", case.file, "text/csv")} if case.file else None
        return await http.request(
            method, path, params=query, data=body, files=files, headers=headers
        )
    headers |= {"authorization": f"Bearer {session.token}"}
    if case.file:
        headers |= {"content-type": "text/csv"}
        return await http.request(method, path, params=query, content=case.file, headers=headers)
    return await http.request(method, path, params=query, json=body, headers=headers)


def answered(response: httpx.Response, value: UUID | str) -> Answer:
    """Write an answer down without the id that was asked for."""
    headers = {key: text for key, text in response.headers.items() if key != "content-length"}
    body = readable(response)
    for form in {str(value), str(value).replace("-", "")}:
        body = body.replace(form, "<id>")
        headers = {key: text.replace(form, "<id>") for key, text in headers.items()}
    headers = {key: _NONCE.sub("<nonce>", text) for key, text in headers.items()}
    return Answer(response.status_code, _NONCE.sub("<nonce>", body), headers)


def readable(response: httpx.Response) -> str:
    """Give an answer's text; of a workbook, the text of all its parts."""
    if not response.content.startswith(b"PK"):
        return response.text
    with zipfile.ZipFile(io.BytesIO(response.content)) as parts:
        text = "".join(parts.read(name).decode("utf-8", "replace") for name in parts.namelist())
    # A workbook says when it was made.
    return _MADE_AT.sub("<made>", text)


async def own_ids(world: World, case: Case, *, but: str = "") -> dict[str, UUID | str]:
    """Give ids of one's own for the places of a path; fresh ones for what the route spends."""
    ids: dict[str, UUID | str] = dict.fromkeys(case.shared, world.program_id)
    for place, kind in case.ids.items():
        if place.startswith("path.") and place != but:
            ids[place] = await _one(world, kind, is_fresh=place == case.spends)
    return {place: value for place, value in ids.items() if place.startswith("path.")}


async def _one(world: World, kind: str, *, is_fresh: bool) -> UUID:
    """Give one's own record of a kind."""
    if not is_fresh:
        return world.mine.ids[kind]
    if kind == "issuance":
        return await world.fresh_issuance(world.mine)
    return await FRESH[kind](world.mine)


def test_every_route_is_in_the_matrix(house: tuple[Litestar, str]) -> None:
    known = {*CASES, *STREAMS, *PUBLIC}

    routes = {route for route, _ in routes_of(house[0])}

    assert routes - known == set(), "add the route to tests/isolation/matrix"
    assert known - routes == set(), "a route of the matrix is gone"
    assert len(API) + len(PAGES) + len(STREAMS) + len(PUBLIC) == len(known)


def test_every_id_in_a_path_is_in_the_matrix() -> None:
    for (_, path), case in CASES.items():
        for name in re.findall(r"{([a-z_]+)}", path):
            places = {*case.ids, *case.shared, *(f"path.{word}" for word in case.words)}
            assert f"path.{name}" in places, path


async def test_every_id_that_the_document_knows_is_in_the_matrix(http: httpx.AsyncClient) -> None:
    document = (await http.get("/v1/openapi.json")).json()
    unprobed = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            route = (method.upper(), path)
            if route in PUBLIC:
                continue
            case = CASES.get(route) or Case()
            known = {*case.ids, *case.shared, *case.new_ids}
            places = set(_places(document, operation))
            unprobed += [(route, place) for place in places if place not in known]

    assert unprobed == []


def _places(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[str]:
    """Find the places of an operation where an id is taken."""
    for parameter in operation.get("parameters", []):
        if any(_ids_in(document, parameter.get("schema", {}), "")):
            yield f"{parameter['in']}.{parameter['name']}"
    content = operation.get("requestBody", {}).get("content", {})
    for media in content.values():
        for place in _ids_in(document, media.get("schema", {}), ""):
            yield f"body{place}"


def _ids_in(document: dict[str, Any], schema: dict[str, Any], place: str) -> Iterator[str]:
    """Walk through a schema to the ids in it."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if schema.get("format") == "uuid":
        yield place
    for key in ("oneOf", "anyOf", "allOf"):
        for option in schema.get(key, []):
            yield from _ids_in(document, option, place)
    for name, inner in schema.get("properties", {}).items():
        yield from _ids_in(document, inner, f"{place}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from _ids_in(document, schema["items"], f"{place}.0")


async def test_both_companies_have_something_in_every_table(
    house: tuple[Litestar, str], world: World
) -> None:
    for company in (world.mine, world.theirs):
        empty = {table for table, rows in (await rows_of(house[1], company)).items() if not rows}
        assert empty <= _LATER, company.mark
    assert world.theirs.mark in world.foreign.pattern
    assert world.foreign.pattern.count("|") > 150


_LATER: Final = {
    "agent",
    "agent_exit",
    "agent_health",
    "channel_tally",
    "commission_item",
    "commission_line",
    "commission_sale",
    "counting_run",
    "credit_note",
    "dunning_step",
    "exit_consent",
    "exit_item",
    "invoice",
    "invoice_fapiao",
    "invoice_payment",
    "natural_person",
    "payout_payment",
    "recon_answer",
    "recon_exception",
    "recon_file",
    "recon_line",
    "recon_match",
    "recon_part",
    "recon_question",
    "recon_reply",
    "recon_source",
    "registry_alarm",
    "released_cell",
    "statement_account",
    "statement_answer",
    "statement_line",
    "statement_signature",
    "saas_change",
    "saas_grant",
    "saas_subscription",
    "tag_use",
    "usage_bucket",
    "usage_event",
    "voucher_alarm",
}
"""Tables that a worker, the platform or an upload fills."""


def test_a_short_word_counts_where_it_stands_by_itself() -> None:
    pattern = pattern_of({"n354", "林间小店", "深巷茶馆二号店"})

    assert pattern.findall("nonce-Xn354q_8dKw") == []
    assert pattern.findall('<b>n354</b>客户n354在"林间小店"') == ["n354", "n354", "林间小店"]


async def test_a_leak_would_be_seen(http: httpx.AsyncClient, world: World) -> None:
    them = {"authorization": f"Bearer {world.theirs.sessions[Role.AGENT_OWNER].token}"}
    for path in (
        "/v1/customers",
        "/v1/users",
        "/v1/tags",
        "/v1/devices",
        "/v1/customers/export.xlsx",
    ):
        answer = await http.get(path, headers=them)

        assert len(world.leaks(Role.AGENT_OWNER, readable(answer))) > 3, path


@pytest.mark.parametrize(("route", "case"), _UNDER_TEST)
async def test_ones_own_ids_are_accepted(
    http: httpx.AsyncClient, world: World, route: Route, case: Case
) -> None:
    if not case.succeeds:
        return
    response = await send(http, world, case.role, route, case, await own_ids(world, case))

    assert response.status_code < 400, response.text[:300]


@pytest.mark.parametrize(("route", "case"), _UNDER_TEST)
async def test_an_id_of_a_rival_is_an_id_of_nothing(
    http: httpx.AsyncClient, world: World, route: Route, case: Case
) -> None:
    for place, kind in case.ids.items():
        foreign, nothing = world.theirs.ids[kind], uuid4()
        for role in ROLES:
            if role in PLATFORM_ROLES and place in case.answers:
                continue
            body = case.body(world.mine) if case.body else None
            others = await own_ids(world, case, but=place)
            probe = await send(http, world, role, route, case, {**others, place: foreign}, body)
            sent = " ".join(map(str, (foreign, *others.values())))
            others = await own_ids(world, case, but=place)
            control = await send(http, world, role, route, case, {**others, place: nothing}, body)

            where = f"{role} {place}"
            assert probe.status_code < 500, where
            assert world.leaks(role, readable(probe), but=sent) == set(), where
            if role == case.role and place.startswith("path."):
                assert probe.status_code == case.answers.get(place, 404), where
            assert answered(probe, foreign) == answered(control, nothing), where


@pytest.mark.parametrize(
    ("route", "case"), [one for one in _UNDER_TEST if cast("Case", one.values[1]).new_ids]
)
async def test_a_new_id_may_stand_in_another_company(
    http: httpx.AsyncClient, world: World, route: Route, case: Case
) -> None:
    for place in case.new_ids:
        for kind in ("customer", "store", "contact", "note", "tag", "user"):
            others = await own_ids(world, case)
            # One that they make now, so that nothing of mine has a name of theirs afterwards.
            foreign, fresh = await FRESH[kind](world.theirs), uuid4()
            probe = await send(http, world, case.role, route, case, {**others, place: foreign})
            sent = " ".join(map(str, (foreign, *others.values())))
            others = await own_ids(world, case)
            control = await send(http, world, case.role, route, case, {**others, place: fresh})

            assert probe.status_code == control.status_code, f"{place} {kind} {probe.text[:300]}"
            assert world.leaks(case.role, readable(probe), but=sent) == set(), place


@pytest.mark.parametrize(("route", "case"), _UNDER_TEST)
async def test_no_answer_holds_anything_of_the_other(
    http: httpx.AsyncClient, world: World, route: Route, case: Case
) -> None:
    if not case.succeeds:
        return
    searches: list[dict[str, str]] = [{}]
    if route[0] == "GET":
        searches += [{"query.q": word} for word in (world.theirs.mark, "客户", "+8613")]
        searches += [{"query.limit": "200"}, {"query.rows": "500"}]
    for role in ROLES:
        for search in searches:
            ids = {**await own_ids(world, case), **search}
            response = await send(http, world, role, route, case, ids)

            assert response.status_code < 500, role
            sent = " ".join(map(str, ids.values()))
            assert world.leaks(role, readable(response), but=sent) == set(), f"{role} {search}"
            if response.status_code == httpx.codes.FORBIDDEN:
                break  # Whom a route is closed to is told the same for each search.


async def test_s109_an_analyst_meets_no_personal_data_on_any_route(
    house: tuple[Litestar, str], http: httpx.AsyncClient, world: World
) -> None:
    company, session = world.mine, world.session(Role.ANALYST)
    planted = {
        text
        for text in await harvest(house[1], company)
        if company.mark in text or text.startswith("+86") or "@" in text
    } - {company.tenant.name, company.tenant.name[:8]}
    # A word that many customers carry is the company's own.
    planted -= await words_of_many(house[1], company)
    spelled = sorted({*planted, *(text.removeprefix("+86") for text in planted)}, key=len)
    assert len(spelled) > 100, "there is something to leak"
    personal = re.compile("|".join(re.escape(text) for text in reversed(spelled)))
    opened = set()
    for route, case in CASES.items():
        if route in _ENDS_THE_SESSION:
            continue
        ids = {place: company.ids[kind] for place, kind in case.ids.items()} | dict.fromkeys(
            case.shared, world.program_id
        )
        response = await send(http, world, Role.ANALYST, route, case, dict(ids))

        assert response.status_code < 500, route
        assert personal.findall(readable(response)) == [], route
        if response.status_code != 403:
            opened.add(route)
    for (_, path), proof in STREAMS.items():
        bearer = {"authorization": f"Bearer {session.token}"}
        cookie = {"cookie": "=".join(session.cookie)}
        feed = await http.get(path, headers=bearer if proof == "bearer" else cookie)
        assert feed.status_code == 403, path

    assert opened == _OPEN_TO_ANALYSTS


_ENDS_THE_SESSION: Final = {
    ("POST", "/v1/auth/logout"),
    ("POST", "/v1/me/sign-out-everywhere"),
    ("POST", "/v1/me/sign-out-elsewhere"),
    ("POST", "/account/sign-out-elsewhere"),
}
_OPEN_TO_ANALYSTS: Final = {
    ("GET", "/v1/me"),
    ("POST", "/v1/me/password"),
    ("GET", "/account"),
    ("POST", "/account/password"),
    ("GET", "/v1/analyses"),
    ("POST", "/v1/analyses"),
    ("GET", "/v1/analyses/values/{dimension}"),
    ("GET", "/analyses"),
}
"""Whoever opens another route to analysts writes it here, and the test looks what it answers."""


async def test_a_cursor_of_a_rival_opens_nothing(http: httpx.AsyncClient, world: World) -> None:
    them = world.theirs.sessions[Role.AGENT_OWNER]
    for path in ("/v1/customers", "/v1/customers/{customer_id}/history"):
        theirs = path.replace("{customer_id}", str(world.theirs.ids["customer"]))
        mine = path.replace("{customer_id}", str(world.mine.ids["customer"]))
        bearer = {"authorization": f"Bearer {them.token}"}
        first = await http.get(theirs, params={"limit": 1}, headers=bearer)
        cursor = first.json()["next_cursor"]
        assert cursor, theirs

        for role in ROLES:
            bearer = {"authorization": f"Bearer {world.session(role).token}"}
            response = await http.get(mine, params={"cursor": cursor}, headers=bearer)
            assert response.status_code < 500
            assert world.leaks(role, readable(response)) == set()


async def _sync(
    http: httpx.AsyncClient, world: World, company: Company, path: str, body: dict[str, Any]
) -> httpx.Response:
    """Sync as the rep of a company."""
    bearer = {"authorization": f"Bearer {company.sessions[Role.SALES_REP].token}"}
    headers = {**bearer, "x-request-id": _REQUEST_ID}
    return await http.post(f"/v1/sync/{path}", json=body, headers=headers)


async def test_a_pull_gives_nothing_of_the_other(http: httpx.AsyncClient, world: World) -> None:
    theirs = await _sync(http, world, world.theirs, "pull", pull())
    assert theirs.status_code == 200
    assert world.theirs.mark in theirs.text
    foreign_cursor = theirs.json()["cursor"]

    mine = await _sync(http, world, world.mine, "pull", pull())
    with_theirs = await _sync(http, world, world.mine, "pull", pull(foreign_cursor))
    with_nonsense = await _sync(http, world, world.mine, "pull", pull("x" * 60))

    assert mine.status_code == 200
    assert world.mine.mark in mine.text
    for answer in (mine, with_theirs, with_nonsense):
        assert world.leaks(Role.SALES_REP, readable(answer), but=foreign_cursor) == set()
    assert with_theirs.status_code == with_nonsense.status_code


async def test_a_push_reaches_nothing_of_the_other(http: httpx.AsyncClient, world: World) -> None:
    numbers = iter(range(1, 100))
    before = await _sync(http, world, world.theirs, "pull", pull())

    for op in _hostile_ops(world.theirs):
        for record_id in ("customer_id", "id"):
            if record_id not in op and record_id not in op.get("fields", {}):
                continue
            answers = []
            for company_id in (str(world.theirs.ids[op["kind_of_id"]]), str(uuid4())):
                sent = _with_id(op, record_id, company_id, next(numbers))
                answer = await _sync(http, world, world.mine, "push", push(sent))
                assert answer.status_code == 200, answer.text[:300]
                assert world.leaks(Role.SALES_REP, readable(answer), but=company_id) == set()
                (outcome,) = answer.json()["outcomes"]
                answers.append(
                    {key: outcome.get(key) for key in ("status", "code", "detail", "conflicts")}
                )
            assert answers[0] == answers[1], op

    after = await _sync(http, world, world.theirs, "pull", pull())
    assert after.json()["batches"] == before.json()["batches"]


def _hostile_ops(theirs: Company) -> Iterator[dict[str, Any]]:
    """Write ops that try to reach a rival's records."""
    for kind in (
        "customer", "store", "contact", "note", "visit", "task", "tag", "attachment", "conflict",
    ):  # fmt: skip
        yield {"op": "edit", "kind": kind, "kind_of_id": kind, "id": "", "fields": {"name": "x"}}
        yield {"op": "delete", "kind": kind, "kind_of_id": kind, "id": ""}
    for kind, fields in (
        ("store", {"name": "x"}),
        ("contact", {"name": "x"}),
        ("note", {"body": "x"}),
        ("visit", {"purpose": "x"}),
        ("task", {"title": "x"}),
    ):
        yield {
            "op": "create",
            "kind": kind,
            "kind_of_id": "customer",
            "fields": {**fields, "customer_id": ""},
        }


def _with_id(op: dict[str, Any], place: str, value: str, number: int) -> dict[str, Any]:
    """Put an id into an op, and number it."""
    head = {"number": number, "at_ms": clock.to_ms(clock.now()), "base": 0}
    sent = {key: held for key, held in op.items() if key != "kind_of_id"} | head
    if place == "id":
        return {**sent, "id": value}
    return {**sent, "id": str(uuid4()), "fields": {**op["fields"], place: value}}


async def test_a_live_feed_tells_of_ones_own_company_only(
    http: httpx.AsyncClient, world: World
) -> None:
    session = world.mine.sessions[Role.SALES_REP]
    for (method, path), proof in STREAMS.items():
        headers = (
            {"authorization": f"Bearer {session.token}"}
            if proof == "bearer"
            else {"cookie": "=".join(session.cookie)}
        )
        feed = asyncio.create_task(http.request(method, path, headers=headers))
        async with asyncio.timeout(5):
            while not live.HUB._subscriptions:
                await asyncio.wait([feed], timeout=0.01)
        live.HUB.publish(world.theirs.tenant.tenant_id, 777_777)
        live.HUB.publish(world.mine.tenant.tenant_id, 888_888)
        # The feed writes what it has heard before it is told to end.
        await asyncio.wait([feed], timeout=0.05)
        live.HUB.end_subscriptions()

        answer = await feed

        assert answer.status_code == 200
        assert "888888" in answer.text
        assert "777777" not in answer.text
        assert world.leaks(Role.SALES_REP, answer.text) == set()


@pytest.mark.parametrize(("route", "case"), _UNDER_TEST)
async def test_nobody_is_let_in_without_a_proof(
    http: httpx.AsyncClient, world: World, route: Route, case: Case
) -> None:
    method, path = route
    for place, value in (await own_ids(world, case)).items():
        path = path.replace(f"{{{place.partition('.')[2]}}}", str(value))
    for name, word in case.words.items():
        path = path.replace(f"{{{name}}}", word)
    session = world.mine.sessions[Role.AGENT_OWNER]
    cookie, bearer = "=".join(session.cookie), f"Bearer {session.token}"
    # The proof of a page is none on the API, and the other way round.
    wrong = {"authorization": bearer} if case.is_page else {"cookie": cookie}

    for headers in ({}, wrong, {"authorization": "Bearer x"}):
        response = await http.request(method, path, headers=headers)

        if case.is_page:
            assert response.status_code in (303, 401, 403), response.text[:300]
            assert response.headers.get("location", "/sign-in").startswith("/sign-in")
        else:
            assert response.status_code == 401, response.text[:300]
        assert world.mine.mark not in response.text


@pytest.mark.parametrize(
    ("route", "case"),
    [
        one
        for one in _UNDER_TEST
        if cast("Case", one.values[1]).is_page and cast("Route", one.values[0])[0] == "POST"
    ],
)
async def test_a_form_of_another_site_is_refused(
    http: httpx.AsyncClient, world: World, route: Route, case: Case
) -> None:
    session = world.mine.sessions[Role.AGENT_OWNER]
    other = world.theirs.sessions[Role.AGENT_OWNER]
    path = route[1]
    for place, value in (await own_ids(world, case)).items():
        path = path.replace(f"{{{place.partition('.')[2]}}}", str(value))
    for name, word in case.words.items():
        path = path.replace(f"{{{name}}}", word)
    body = case.body(world.mine) if case.body else {}
    cookie = {"cookie": "=".join(session.cookie)}
    for headers in (
        cookie,
        {**cookie, "x-csrf-token": "x"},
        {**cookie, "x-csrf-token": other.csrf_token},
        {**cookie, "x-csrf-token": session.csrf_token, "sec-fetch-site": "cross-site"},
    ):
        response = await http.post(path, data=body, headers=headers)

        assert response.status_code == 403, response.text[:300]

"""Customers over HTTP: what is asked, what is answered, and what is refused by name."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from server.imports.sheets import FILE_BYTES_MAX
from tests.factories import Tenant
from tests.server.customers.conftest import SignIn


@pytest.fixture
async def owner(tenant: Tenant, sign_in: SignIn) -> httpx.AsyncClient:
    """The owner of the company."""
    return await sign_in(tenant, tenant.owner)


@pytest.fixture
async def rep(tenant: Tenant, sign_in: SignIn) -> httpx.AsyncClient:
    """A rep of the company."""
    return await sign_in(tenant, tenant.rep)


def refused(answer: httpx.Response, status: int, code: str, field: str | None = None) -> bool:
    """Say whether this is the problem document that is expected."""
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.text
    problem = answer.json()
    fields = [each["field"] for each in problem.get("errors", [])]
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert field is None or field in fields, answer.text
    return True


async def test_a_customer_lives_over_http(owner: httpx.AsyncClient) -> None:
    tag = (await owner.post("/v1/tags", json={"name": "重点", "meaning": "每周回访"})).json()["id"]
    made = await owner.post(
        "/v1/customers", json={"name": "杭州龙井茶行", "phone": "138 0571 0001", "tags": [tag]}
    )
    assert made.status_code == 201, made.text
    customer_id, seq = made.json()["id"], made.json()["seq"]

    edited = await owner.patch(
        f"/v1/customers/{customer_id}", json={"level": "A", "city": "杭州", "base": seq}
    )
    contact = await owner.post(f"/v1/customers/{customer_id}/contacts", json={"name": "王小明"})
    await owner.post(f"/v1/customers/{customer_id}/stores", json={"name": "一店"})
    await owner.post(f"/v1/customers/{customer_id}/notes", json={"body": "初访"})
    await owner.patch(f"/v1/contacts/{contact.json()['id']}", json={"title": "店长"})
    detail = (await owner.get(f"/v1/customers/{customer_id}")).json()
    listed = (await owner.get("/v1/customers", params={"q": "longjing", "city": "杭州市"})).json()
    history = (await owner.get(f"/v1/customers/{customer_id}/history")).json()
    summary = (await owner.get("/v1/customers/summary", params={"status": "potential"})).json()

    assert (edited.status_code, edited.json()["customer"]["city"]) == (200, "杭州市")
    assert [each["title"] for each in detail["contacts"]] == ["店长"]
    assert [each["name"] for each in detail["tags"]] == ["重点"]
    assert [each["id"] for each in listed["items"]] == [customer_id]
    assert len(history["items"]) == 6
    assert summary["customers"] == 1
    assert (await owner.delete(f"/v1/customers/{customer_id}")).status_code == 200
    assert refused(await owner.get(f"/v1/customers/{customer_id}"), 404, "not_found")
    await owner.post(f"/v1/customers/{customer_id}/restoration")
    assert (await owner.get(f"/v1/customers/{customer_id}")).status_code == 200


async def test_several_statuses_and_orders_are_asked_in_the_address(
    owner: httpx.AsyncClient,
) -> None:
    rows = [
        {"name": "甲", "status": "intent", "expected_revenue_minor": 5},
        {"name": "乙", "status": "signed", "expected_revenue_minor": 9},
        {"name": "丙", "status": "lost"},
    ]
    answer = await owner.post("/v1/customers/batch", json={"customers": rows})
    assert answer.status_code == 201, answer.text

    asked: dict[str, Any] = {"status": ["intent", "signed"], "sort": "revenue", "limit": 1}
    first = (await owner.get("/v1/customers", params=asked)).json()
    second = (
        await owner.get("/v1/customers", params={**asked, "cursor": first["next_cursor"]})
    ).json()

    assert [each["name"] for each in (*first["items"], *second["items"])] == ["乙", "甲"]
    assert second["next_cursor"] is None


async def test_the_machine_and_stale_edits_refuse_with_what_to_do(
    owner: httpx.AsyncClient,
) -> None:
    made = (await owner.post("/v1/customers", json={"name": "甲茶行", "level": "C"})).json()
    path = f"/v1/customers/{made['id']}"

    answer = await owner.patch(path, json={"status": "signed"})
    assert refused(answer, 409, "illegal_transition", "status")
    assert "intent" in answer.json()["allowed"]

    await owner.patch(path, json={"level": "B", "base": made["seq"]})
    stale = await owner.patch(
        path, json={"level": "A", "base": made["seq"], "on_conflict": "refuse"}
    )
    assert refused(stale, 409, "stale", "level")
    assert stale.json()["fields"] == {"level": {"held": "B", "given": "A"}}
    merged = (await owner.patch(path, json={"level": "A", "base": made["seq"]})).json()
    assert (merged["outcome"], len(merged["conflicts"])) == ("merged", 1)


BAD_BODIES: list[tuple[Any, int, str | None]] = [
    (b'{"name":"\x9c"}', 400, "body"),
    (b"[" * 100_000, 400, "body"),
    (b'{"name":', 400, "body"),
    (b"[]", 422, None),
    (b'{"name":"a\\u0000b"}', 422, "name"),
    (b'{"name":7}', 422, "name"),
    (b'{"name":""}', 422, "name"),
    (b'{"name":"   "}', 422, "name"),
    (b"{}", 422, None),
    (b'{"name":"a","phone":"12"}', 422, "phone"),
    (b'{"name":"a","phone":"13805710001\\n1"}', 422, "phone"),
    (b'{"name":"a","uscc":"91330106MA2KXXXX0K"}', 422, "uscc"),
    (b'{"name":"a","status":"won"}', 422, "status"),
    (b'{"name":"a","expected_revenue_minor":100000000000000000000}', 422, "expected_revenue_minor"),
    (b'{"name":"a","expected_revenue_minor":1.5}', 422, "expected_revenue_minor"),
    (b'{"name":"a","expected_revenue_minor":10000000000001}', 422, "expected_revenue_minor"),
    (b'{"name":"a","expected_revenue_minor":-1}', 422, "expected_revenue_minor"),
    (b'{"name":"a","owner_id":"me"}', 422, "owner_id"),
    (b'{"name":"a","tags":["x"]}', 422, "tags[0]"),
    (b'{"name":"a","tags":["00000000-0000-7000-8000-00000000abcd"]}', 422, "tags"),
    (b'{"name":"a","owner_id":"00000000-0000-7000-8000-00000000abcd"}', 422, "owner_id"),
    (b'{"name":"' + b"a" * 201 + b'"}', 422, "name"),
]


@pytest.mark.parametrize(("body", "status", "field"), BAD_BODIES)
async def test_a_bad_body_is_refused_by_the_fields_name(
    owner: httpx.AsyncClient, body: bytes, status: int, field: str | None
) -> None:
    answer = await owner.post(
        "/v1/customers", content=body, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == status, answer.text
    fields = [each["field"] for each in answer.json()["errors"]]
    assert fields, answer.text
    assert field is None or fields == [field], answer.text


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"status": "won"}, "status"),
        ({"sort": "age"}, "sort"),
        ({"limit": "0"}, "limit"),
        ({"limit": "99999999999999999999"}, "limit"),
        ({"owner_id": "x"}, "owner_id"),
        ({"cursor": "%00"}, "cursor"),
        ({"cursor": "W10"}, "cursor"),
        ({"q": "a\x00b"}, "q"),
        ({"q": "长" * 101}, "q"),
        ({"updated_since": "yesterday"}, "updated_since"),
        ({"updated_since": "2026-01-01T00:00:00"}, "updated_since"),
        ({"updated_since": "0001-01-01T00:00:00+14:00"}, "updated_since"),
    ],
)
async def test_a_bad_address_is_refused_by_the_parameters_name(
    owner: httpx.AsyncClient, params: dict[str, str], field: str
) -> None:
    answer = await owner.get("/v1/customers", params=params)

    assert answer.status_code == 422, answer.text
    assert [each["field"] for each in answer.json()["errors"]] == [field], answer.text


@pytest.mark.parametrize("path", ["/summary", "/export.csv", "/export.xlsx"])
async def test_a_time_without_its_zone_is_refused_wherever_customers_are_chosen(
    owner: httpx.AsyncClient, path: str
) -> None:
    await owner.post("/v1/customers", json={"name": "甲茶行"})

    params = {"updated_since": "2026-01-01T00:00:00"}
    answer = await owner.get(f"/v1/customers{path}", params=params)

    assert refused(answer, 422, "invalid", "updated_since")


async def test_a_large_sequence_is_no_fault_of_ours(owner: httpx.AsyncClient) -> None:
    made = (await owner.post("/v1/customers", json={"name": "甲茶行"})).json()

    for base in (-1, 2**53, 2**70):
        answer = await owner.patch(f"/v1/customers/{made['id']}", json={"base": base})
        assert refused(answer, 422, "invalid", "base")


async def test_an_import_over_http(owner: httpx.AsyncClient, rep: httpx.AsyncClient) -> None:
    content = "客户名称,电话\r\n龙井茶行,13805710001\r\n坏行,1\r\n".encode("gb18030")

    sent = await owner.post(
        "/v1/imports",
        params={"file_name": "../客户.csv"},
        content=content,
        headers={"Content-Type": "text/csv"},
    )
    assert sent.status_code == 201, sent.text
    view = sent.json()
    preview = await owner.post(f"/v1/imports/{view['id']}/preview", json={})
    started = await owner.post(f"/v1/imports/{view['id']}/start", json={"duplicates": "skip"})

    assert (view["file_name"], view["encoding"], view["row_count"]) == ("客户.csv", "gb18030", 2)
    assert view["plan"]["columns"] == ["name", "phone"]
    assert preview.json()["counts"]["created"] == 1
    assert [each["code"] for each in preview.json()["problems"]] == ["bad_phone"]
    assert started.json()["state"] == "running"
    template = await owner.get("/v1/imports/template.csv")
    assert template.content.startswith(b"\xef\xbb\xbf")
    answer = await rep.post("/v1/imports", params={"file_name": "a.csv"}, content=content)
    assert refused(answer, 403, "not_permitted")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"name\0", "not_text"), (b"PK\x03\x04", "xlsx_broken"), (b"\xff" * 9, None)],
)
async def test_a_file_that_cannot_be_read_is_refused_in_words(
    owner: httpx.AsyncClient, content: bytes, reason: str | None
) -> None:
    answer = await owner.post("/v1/imports", params={"file_name": "a.csv"}, content=content)

    assert refused(answer, 422, "file_not_read", "file")
    assert reason is None or answer.json()["reason"] == reason


async def test_a_file_above_the_limit_is_refused(owner: httpx.AsyncClient) -> None:
    answer = await owner.post(
        "/v1/imports", params={"file_name": "a.csv"}, content=b"a" * (FILE_BYTES_MAX + 1)
    )

    assert answer.status_code == 413


async def test_a_name_of_a_file_that_is_no_name(owner: httpx.AsyncClient) -> None:
    for params in ({}, {"file_name": ""}, {"file_name": "a\x00"}, {"file_name": "a" * 301}):
        answer = await owner.post("/v1/imports", params=params, content=b"name\r\na\r\n")
        assert answer.status_code == 422, answer.text


async def test_foreign_and_missing_ids_are_answered_with_the_same_bytes(
    owner: httpx.AsyncClient, rival: Tenant, sign_in: SignIn
) -> None:
    theirs = await sign_in(rival, rival.owner)
    foreign = (await theirs.post("/v1/customers", json={"name": "对手茶行"})).json()["id"]
    view = await theirs.post("/v1/imports", params={"file_name": "a.csv"}, content=b"name\r\na\r\n")
    pairs = [
        ("GET", "/v1/customers/{}", foreign),
        ("GET", "/v1/customers/{}/history", foreign),
        ("PATCH", "/v1/customers/{}", foreign),
        ("DELETE", "/v1/customers/{}", foreign),
        ("POST", "/v1/customers/{}/restoration", foreign),
        ("POST", "/v1/customers/{}/notes", foreign),
        ("PATCH", "/v1/contacts/{}", foreign),
        ("DELETE", "/v1/stores/{}", foreign),
        ("PATCH", "/v1/tags/{}", foreign),
        ("GET", "/v1/imports/{}", view.json()["id"]),
        ("POST", "/v1/imports/{}/preview", view.json()["id"]),
        ("POST", "/v1/imports/{}/start", view.json()["id"]),
        ("GET", "/v1/imports/{}/errors.csv", view.json()["id"]),
    ]

    for method, path, foreign_id in pairs:
        body = {"body": "x"} if path.endswith("notes") else {}
        known = await owner.request(method, path.format(foreign_id), json=body)
        missing = await owner.request(method, path.format(uuid4()), json=body)
        assert known.status_code == missing.status_code == 404, (method, path, known.text)
        without_id = [{**answer.json(), "request_id": ""} for answer in (known, missing)]
        assert without_id[0] == without_id[1]

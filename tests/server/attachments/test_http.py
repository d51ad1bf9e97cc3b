"""Attachments over HTTP: what is asked, what is answered, what is refused by name."""

from typing import Any, cast
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from litestar import Litestar

from server.attachments.place import Place
from sync_protocol.attachments import CHUNK_BYTES, chunk_hash, identify
from tests.factories import join, login_of, make_platform_actor, make_tenant
from tests.server.attachments.files import document, photo, photo_of
from tests.server.attachments.stories import piece
from tests.server.customers.conftest import PASSWORD
from tests.server.customers.test_http import refused


@pytest.fixture(scope="module")
async def owner(api: Litestar) -> httpx.AsyncClient:
    """The owner of a company; the tests of this page share it, for signing in takes its time."""
    tenant = await make_tenant()
    await join(make_platform_actor(), tenant.owner, PASSWORD)
    transport = httpx.ASGITransport(app=cast("Any", api))
    http = httpx.AsyncClient(transport=transport, base_url="http://tonglu.test")
    body = {"login": login_of(tenant.owner), "password": PASSWORD}
    answer = await http.post("/v1/auth/login", json=body)
    http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return http


@pytest.fixture
async def customer_id(owner: httpx.AsyncClient) -> str:
    """A customer of the company."""
    made = await owner.post("/v1/customers", json={"name": "福满楼"})
    return str(made.json()["id"])


def announced(customer_id: str, content: bytes, /, **fields: Any) -> dict[str, Any]:
    """Write what is announced."""
    known = identify(content)
    return {
        "customer_id": customer_id,
        "media_type": "image/jpeg",
        "size": known.size,
        "sha256": known.sha256,
        "name": "门头.jpg",
        **fields,
    }


async def send(
    http: httpx.AsyncClient,
    attachment_id: str,
    number: int,
    chunk: bytes,
    sha256: str = "",
    *,
    offset: int = 0,
) -> httpx.Response:
    """Send a chunk, or a part of one."""
    return await http.put(
        f"/v1/attachments/{attachment_id}/chunks/{number}",
        params={"sha256": sha256 or chunk_hash(chunk), "offset": offset},
        content=chunk,
        headers={"Content-Type": "application/octet-stream"},
    )


async def sent(http: httpx.AsyncClient, customer_id: str, content: bytes, **fields: Any) -> str:
    """Announce, send and complete; give the id."""
    made = await http.post("/v1/attachments", json=announced(customer_id, content, **fields))
    assert made.status_code == 201, made.text
    path = f"/v1/attachments/{made.json()['id']}"
    for number in range(-(-len(content) // CHUNK_BYTES)):
        answer = await send(http, made.json()["id"], number, piece(content, number))
        assert answer.status_code == 204, answer.text
    done = await http.post(f"{path}/completion", json={})
    assert (done.status_code, done.json()["state"]) == (200, "stored"), done.text
    return str(made.json()["id"])


async def test_a_photo_lives_over_http(
    place: Place, owner: httpx.AsyncClient, customer_id: str
) -> None:
    taken = photo_of(CHUNK_BYTES + 77)
    made = (await owner.post("/v1/attachments", json=announced(customer_id, taken))).json()
    path = f"/v1/attachments/{made['id']}"
    await send(owner, made["id"], 1, piece(taken, 1))
    begun = (await owner.get(path)).json()
    early = await owner.post(f"{path}/completion", json={})
    await send(owner, made["id"], 0, piece(taken, 0))
    done = await owner.post(f"{path}/completion", json={})
    status = (await owner.get(path)).json()
    listed = (await owner.get(f"/v1/customers/{customer_id}/attachments")).json()

    assert (made["state"], begun["upload"]["missing"]) == ("expected", [[0, 0]])
    assert refused(early, 409, "chunks_missing")
    assert early.json()["missing"] == [[0, 0]]
    assert (done.status_code, done.json()) == (200, {"state": "stored"})
    assert listed == [status["attachment"]]
    stored = status["attachment"]["content"]
    content = await owner.get(f"{path}/content")
    if content.status_code == 302:
        # Another machine: it gets no token of ours.
        location = content.headers["location"]
        assert content.headers["etag"] == f'"{stored["sha256"]}"'
        async with httpx.AsyncClient() as anybody:
            content = await anybody.get(location)
    assert identify(content.content).sha256 == stored["sha256"]
    assert content.headers["content-type"] == "image/jpeg"
    assert content.headers["content-disposition"].endswith(quote("门头.jpg"))
    small = await owner.get(f"{path}/thumbnail")
    assert small.headers["content-type"] == "image/jpeg"
    assert len(small.content) < 16 * 1024


async def test_contents_run_nowhere(
    folder: Place, owner: httpx.AsyncClient, customer_id: str
) -> None:
    attachment_id = await sent(
        owner,
        customer_id,
        document(),
        media_type="application/pdf",
        name='../合同"\\; filename=evil.html\u202egpj.exe',
    )

    for what in ("content",):
        answer = await owner.get(f"/v1/attachments/{attachment_id}/{what}")
        headers = answer.headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'; sandbox")
        assert headers["cache-control"] == "private, no-store"
        disposition = headers["content-disposition"]
        assert disposition.startswith('attachment; filename="')
        assert disposition.count('"') == 2
        assert "\u202e" not in disposition
        assert disposition.endswith(".pdf")
        assert int(headers["content-length"]) == len(answer.content)


async def test_an_address_of_a_content_ends_soon_and_serves_nothing_else(
    s3: Any, place: Place, owner: httpx.AsyncClient, customer_id: str, monkeypatch: Any
) -> None:
    attachment_id = await sent(owner, customer_id, photo(50, 50))
    answer = await owner.get(f"/v1/attachments/{attachment_id}/content")
    if answer.status_code == 200:
        return
    assert answer.status_code == 302, answer.text
    location = answer.headers["location"]

    async with httpx.AsyncClient() as anybody:
        assert (await anybody.get(location)).status_code == 200
        for changed in (
            location.replace("X-Amz-Expires=60", "X-Amz-Expires=86400"),
            location.replace("image%2Fjpeg", "text%2Fhtml"),
            location.replace("/stored/", "/staged/"),
            location.partition("?")[0],
        ):
            assert changed != location
            assert (await anybody.get(changed)).status_code == 403
        assert (await anybody.put(location, content=b"x")).status_code == 403
        assert (await anybody.delete(location)).status_code == 403
    assert "X-Amz-Expires=60" in location


async def test_bad_chunks_are_refused_by_name(
    folder: Place, owner: httpx.AsyncClient, customer_id: str
) -> None:
    taken = photo_of(CHUNK_BYTES + 9)
    made = (await owner.post("/v1/attachments", json=announced(customer_id, taken))).json()
    first, last = piece(taken, 0), piece(taken, 1)

    for answer, status, code, field in (
        (await send(owner, made["id"], 0, first, chunk_hash(last)), 422, "chunk_differs", "sha256"),
        (await send(owner, made["id"], 0, first, offset=9), 422, "chunk_truncated", "body"),
        (await send(owner, made["id"], 0, first[9:], offset=9), 409, "chunk_offset", "offset"),
        (await send(owner, made["id"], 0, first, offset=-1), 422, "invalid", None),
        (await send(owner, made["id"], 0, first, offset=2**70), 422, "invalid", None),
        (await send(owner, made["id"], 0, b""), 422, "chunk_truncated", "body"),
        (await send(owner, made["id"], 0, first + b"x"), 413, "too_large", "body"),
        (await send(owner, made["id"], 2, last), 422, "chunk_unknown", "number"),
        (await send(owner, made["id"], 10**30, last), 422, "chunk_unknown", "number"),
        (await send(owner, made["id"], 0, first, "no hash"), 422, "invalid", None),
        (await send(owner, made["id"], 0, first, chunk_hash(first).upper()), 422, "invalid", None),
    ):
        assert refused(answer, status, code, field)
    without = await owner.put(f"/v1/attachments/{made['id']}/chunks/0", content=first)
    assert refused(without, 422, "invalid")
    negative = await send(owner, made["id"], -1, last)
    assert negative.status_code in (404, 422)


@pytest.mark.parametrize(
    ("fields", "status", "field"),
    [
        ({"media_type": "text/html"}, 422, "media_type"),
        ({"media_type": ""}, 422, "media_type"),
        ({"size": 0}, 422, "size"),
        ({"size": -1}, 422, "size"),
        ({"size": 2**70}, 422, "size"),
        ({"size": 21 * 1024 * 1024}, 413, None),
        ({"sha256": "x"}, 422, "sha256"),
        ({"sha256": "A" * 64}, 422, "sha256"),
        ({"name": "a\0b"}, 422, "name"),
        ({"name": "长" * 201}, 422, "name"),
        ({"subject_kind": "NOTE!"}, 422, "subject_kind"),
        ({"customer_id": "me"}, 422, "customer_id"),
        ({"customer_id": "00000000-0000-7000-8000-00000000abcd"}, 404, None),
        ({"taken_at": "2026-01-01T00:00:00"}, 422, "taken_at"),
        ({"width": 0}, 422, "width"),
    ],
)
async def test_a_bad_announcement_is_refused_by_the_fields_name(
    folder: Place,
    owner: httpx.AsyncClient,
    customer_id: str,
    fields: dict[str, Any],
    status: int,
    field: str | None,
) -> None:
    answer = await owner.post("/v1/attachments", json=announced(customer_id, photo(), **fields))

    assert answer.status_code == status, answer.text
    assert field is None or [each["field"] for each in answer.json()["errors"]] == [field]


async def test_an_announcement_that_comes_twice_is_one(
    folder: Place, owner: httpx.AsyncClient, customer_id: str
) -> None:
    body = announced(customer_id, photo(), id=str(uuid4()))

    first = await owner.post("/v1/attachments", json=body)
    again = await owner.post("/v1/attachments", json=body)
    other = await owner.post("/v1/attachments", json={**body, "size": body["size"] + 1})

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert refused(other, 409, "id_reused")


@pytest.mark.parametrize("proof", [7, "x", "0" * 63, "G" * 64, {}])
async def test_a_proof_that_is_none_is_refused(
    folder: Place, owner: httpx.AsyncClient, customer_id: str, proof: Any
) -> None:
    made = (await owner.post("/v1/attachments", json=announced(customer_id, photo()))).json()

    answer = await owner.post(f"/v1/attachments/{made['id']}/completion", json={"proof": proof})

    assert refused(answer, 422, "invalid", "proof")


async def test_what_is_not_here_yet_is_told(
    folder: Place, owner: httpx.AsyncClient, customer_id: str
) -> None:
    made = (await owner.post("/v1/attachments", json=announced(customer_id, photo()))).json()
    pdf = await sent(owner, customer_id, document(), media_type="application/pdf")

    answer = await owner.get(f"/v1/attachments/{made['id']}/content")
    assert refused(answer, 409, "not_stored")
    for attachment_id in (made["id"], pdf):
        small = await owner.get(f"/v1/attachments/{attachment_id}/thumbnail")
        assert refused(small, 404, "not_found")

"""A rival company asks for everything of another one's, in every way, and learns nothing."""

import asyncio
from typing import Any, Final

import httpx

from mobile_client_sdk.records import Customer
from sync_protocol import codec
from sync_protocol.messages import PullRequest, PullResponse
from world.api import Api, Json
from world.journey import offline
from world.journey.cast import Cast
from world.journey.evidence import Evidence
from world.journey.offline import Phone

_NOT_FOUND: Final = 404
_SEARCHES: Final = 8


async def rival_sees_nothing(cast: Cast, found: Evidence) -> None:
    """Let the owner and a rep of the second company look for the first company's customers."""
    victim, rival = cast.companies[0], cast.companies[1]
    theirs = [item async for item in victim.owner.every("/v1/customers", limit=100)]
    ids_of_theirs = {item["id"] for item in theirs}
    found.note(customers_to_find=len(theirs))
    found.expect_that("there is something to find", holds=len(theirs) > 0)
    listed = {item["id"] async for item in rival.owner.every("/v1/customers", limit=100)}
    found.note(the_rival_lists_of_its_own=len(listed))
    found.expect("the rival's list has none of them", listed & ids_of_theirs, set())
    await _expect_404(cast, rival.owner, theirs[0]["id"], found)
    await _expect_no_search(cast, rival.owner, theirs, found)
    await _expect_no_sync(cast, ids_of_theirs, theirs[0]["id"], found)


async def _expect_404(cast: Cast, rival: Api, foreign: str, found: Evidence) -> None:
    """Expect of every way to a foreign customer the same bytes as of an id that nobody has."""
    nobody = cast.new_id()
    ways: list[tuple[str, str, Any]] = [
        ("GET", "/v1/customers/{}", None),
        ("GET", "/v1/customers/{}/history", None),
        ("PATCH", "/v1/customers/{}", {"remark": "mine now"}),
        ("DELETE", "/v1/customers/{}", None),
        ("POST", "/v1/customers/{}/restoration", None),
        ("POST", "/v1/customers/{}/notes", {"body": "I was here"}),
        ("POST", "/v1/customers/{}/contacts", {"name": "Me"}),
        ("POST", "/v1/customers/{}/stores", {"name": "Mine"}),
    ]
    for method, path, body in ways:
        asked = await rival.raw(method, path.format(foreign), json=body)
        missing = await rival.raw(method, path.format(nobody), json=body)
        found.expect(f"{method} {path} of a foreign id", asked.status_code, _NOT_FOUND)
        same = _told(asked) == _told(missing)
        found.expect_that(f"{method} {path}: foreign is told like missing", holds=same)
    found.note(ways_tried_by_id=len(ways))


def _told(response: httpx.Response) -> Json:
    """Give what an answer says, without the request's own number."""
    body: Json = response.json()
    body.pop("request_id", None)
    return body


async def _expect_no_search(cast: Cast, rival: Api, theirs: list[Json], found: Evidence) -> None:
    """Expect a search for a foreign name, phone or code to find nothing of theirs."""
    hits = 0
    asked = 0
    known = {item["id"] for item in theirs}
    for item in cast.rng.sample(theirs, min(_SEARCHES, len(theirs))):
        for words in (item["name"], item["phone"], item["uscc"]):
            if words:
                asked += 1
                page = await rival.get("/v1/customers", q=words)
                hits += sum(hit["id"] in known for hit in page["items"])
        told = await rival.raw("POST", "/v1/customers/duplicates", json={"uscc": item["uscc"]})
        hits += item["id"].encode() in told.content
    found.note(searches=asked)
    found.expect("searches and the duplicate check tell nothing of theirs", hits, 0)


async def _expect_no_sync(cast: Cast, theirs: set[str], foreign: str, found: Evidence) -> None:
    """Expect a rival's phone to load nothing of theirs, and its edits of theirs to be refused."""
    rival = cast.companies[1]
    phone = await offline.phone(cast, rival, rival.agent.reps()[0])
    await phone.sync()
    held = {customer.id for customer in phone.client.customers()}
    found.note(customers_on_a_rival_phone=len(held))
    found.expect("the rival's phone holds none of theirs", held & theirs, set())
    phone.client.add_note(foreign, "I know your customer")
    edited = Customer(id=foreign, name="?")
    with phone.client.edit(edited) as draft:
        draft.name = "mine now"
    report = await phone.sync()
    found.expect_that(
        "a rival's edit and note of a foreign customer are refused",
        holds=len(report.refused) == report.pushed > 1,
        seen=[str(outcome.code) for outcome in report.refused],
    )
    await _expect_bound_cursor(cast, phone, found)
    untouched = await cast.companies[0].owner.get(f"/v1/customers/{foreign}")
    found.expect_that(
        "the foreign customer is as it was", holds=untouched["customer"]["name"] != "mine now"
    )


async def _expect_bound_cursor(cast: Cast, rivals: Phone, found: Evidence) -> None:
    """Expect the cursor of one company's phone to be worth nothing in another's hands."""
    mine: Phone = cast.left["phones"][0]
    cursor = mine.client.progress.cursor
    session = rivals.client.session
    assert session is not None, "the rival's phone is enrolled"
    answer = await asyncio.to_thread(
        httpx.post,
        f"{cast.stage.url}/v1/sync/pull",
        content=codec.encode(PullRequest(cursor=cursor, limit=100), codec.JSON),
        headers={
            "Authorization": f"Bearer {session.access_token}",
            "Content-Type": codec.JSON,
        },
    )
    answer.raise_for_status()
    told = codec.decode(answer.content, PullResponse, codec.JSON)
    found.expect_that(
        "another company's cursor is worth nothing: the phone is told to begin anew",
        holds=told.reset and told.cursor is None and not told.batches and not told.patches,
        seen=answer.text[:200],
    )

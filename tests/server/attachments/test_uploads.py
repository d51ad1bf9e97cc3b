"""Bytes on their way: chunks, cuts, proofs, quotas, and what becomes of them."""

import asyncio
from uuid import UUID

import msgspec
import pytest

from server.access import Role, Scope
from server.attachments import place as places
from server.attachments import queries, rules, service
from server.attachments.place import Place
from server.attachments.storage import ObjectMissing, StorageAway
from server.customers import service as customers
from server.customers.schemas import CustomerEdit
from server.kit.errors import NotFound
from sync_protocol import attachments
from sync_protocol.attachments import CHUNK_BYTES, State, UploadState
from tests.factories import NOW, Tenant
from tests.server.attachments.files import document, drawing, photo, photo_of
from tests.server.attachments.stories import Failing, Story, is_there, piece

_KEYS = "SELECT object_key FROM attachment_object WHERE tenant_id = $1"


async def test_a_photo_is_announced_sent_and_fetched(place: Place, story: Story) -> None:
    taken = photo_of(3 * CHUNK_BYTES + 1000)
    made = await story.announce(taken)
    assert (made.state, made.content) == (State.EXPECTED, None)

    await story.send(made.id, taken)
    done = await story.complete(made.id)
    kept = (await queries.status(story.tenant.manager, made.id)).attachment

    assert done.state is UploadState.STORED
    assert (kept.state, kept.sha256, kept.size) == (State.STORED, made.sha256, len(taken))
    assert kept.content is not None
    fetched = await story.fetch(made.id)
    assert attachments.identify(fetched).sha256 == kept.content.sha256 != kept.sha256
    assert len(fetched) == kept.content.size
    assert (await story.usage()) == (kept.content.size, 0)


async def test_a_cut_upload_goes_on_with_what_is_missing(place: Place, story: Story) -> None:
    taken = photo_of(4 * CHUNK_BYTES + 1)
    made = await story.announce(taken)
    for number in (0, 3):
        await story.send_one(made.id, taken, number)

    status = await queries.status(story.tenant.rep, made.id)
    assert status.upload.missing == [(1, 2), (4, 4)]
    with pytest.raises(rules.ChunksMissing) as refused:
        await story.complete(made.id)
    assert refused.value.extra["missing"] == [[1, 2], [4, 4]]

    await story.send(made.id, taken)
    assert (await story.complete(made.id)).state is UploadState.STORED


async def test_everything_may_come_twice_and_side_by_side(place: Place, story: Story) -> None:
    taken = photo_of(2 * CHUNK_BYTES)
    made = await story.announce(taken)

    await asyncio.gather(*(story.send_one(made.id, taken, number % 2) for number in range(6)))
    assert (await story.usage()) == (0, 2 * CHUNK_BYTES)
    done = await asyncio.gather(*(story.complete(made.id) for _ in range(3)))
    again = await story.complete(made.id)

    states = [each.state for each in done]
    assert UploadState.STORED in states
    assert set(states) <= {UploadState.STORED, UploadState.VERIFYING}
    assert again.state is UploadState.STORED
    (kept,) = await story.fetch_rows(_KEYS)
    assert await is_there(kept["object_key"])
    assert (await story.usage())[1] == 0


async def test_the_company_keeps_a_content_once(place: Place, story: Story) -> None:
    taken = photo()
    first = await story.attach(taken)
    second = await story.announce(taken)
    third = await story.announce(taken)

    # Whoever holds the bytes says so and sends nothing; who does not say so sends them.
    proven = await story.complete(second.id, proof=attachments.identify(taken).possession)
    await story.send(third.id, taken)
    sent = await story.complete(third.id)

    assert proven.state is sent.state is UploadState.STORED
    assert len(await story.fetch_rows(_KEYS)) == 1
    assert await story.fetch(second.id) == await story.fetch(first.id)
    assert await story.fetch(third.id) == await story.fetch(first.id)


async def test_knowing_the_name_of_a_content_is_not_having_it(folder: Place, story: Story) -> None:
    taken = photo()
    await story.attach(taken)
    copied = await story.announce(taken)
    nothing = await story.announce(photo(70, 70))

    answers = []
    for made in (copied, nothing):
        for proof in (None, made.sha256, "0" * 64):
            with pytest.raises(rules.ChunksMissing) as refused:
                await story.complete(made.id, proof=proof)
            answers.append((refused.value.detail, refused.value.extra))
        with pytest.raises(rules.NotStored):
            await service.content(story.tenant.rep, made.id)

    assert answers == answers[:1] * 6


async def test_two_companies_never_share_a_content(
    folder: Place, story: Story, rival: Tenant
) -> None:
    taken = photo()
    await story.attach(taken)
    theirs = await Story.begun(rival)

    made = await theirs.announce(taken)

    with pytest.raises(rules.ChunksMissing):
        await theirs.complete(made.id, proof=attachments.identify(taken).possession)
    with pytest.raises(NotFound):
        await theirs.send_one((await story.announce(taken)).id, taken, 0)
    await theirs.send(made.id, taken)
    await theirs.complete(made.id)
    ours, others = [(await each.fetch_rows(_KEYS))[0]["object_key"] for each in (story, theirs)]
    assert ours.split("/")[0] == str(story.tenant.tenant_id)
    assert others.split("/")[0] == str(rival.tenant_id)
    assert ours.split("/")[2] != others.split("/")[2]


async def test_chunks_that_are_not_what_they_say_are_refused(folder: Place, story: Story) -> None:
    taken = photo_of(CHUNK_BYTES + 10)
    made = await story.announce(taken)
    head, tail = piece(taken, 0), piece(taken, 1)
    named = attachments.chunk_hash
    cases = [
        (0, head, named(tail), rules.ChunkDiffers),
        (0, b"", named(b""), rules.ChunkTruncated),
        (1, tail + b"x", named(tail + b"x"), rules.ChunkTruncated),
        (2, tail, named(tail), rules.ChunkUnknown),
        (-1, tail, named(tail), rules.ChunkUnknown),
        (2**62, tail, named(tail), rules.ChunkUnknown),
    ]

    for number, chunk, sha256, refusal in cases:
        sent = rules.Piece(number=number, content=chunk, sha256=sha256)
        with pytest.raises(refusal):
            await service.put_chunk(story.tenant.rep, made.id, sent, now=NOW)

    assert (await queries.status(story.tenant.rep, made.id)).upload.missing == [(0, 1)]
    assert (await story.usage()) == (0, 0)


async def test_a_chunk_may_come_in_parts(place: Place, story: Story) -> None:
    taken = photo_of(CHUNK_BYTES + 100)
    made = await story.announce(taken)
    head = piece(taken, 0)

    async def part(first: int, last: int, *, chunk: bytes = head) -> None:
        sent = rules.Piece(
            number=0,
            content=chunk[first:last],
            sha256=attachments.chunk_hash(chunk),
            offset=first,
        )
        await service.put_chunk(story.tenant.rep, made.id, sent, now=NOW)

    await part(0, 1000)
    await part(1000, 5000)
    await part(200, 900)
    with pytest.raises(rules.ChunkOffset) as refused:
        await part(6000, 7000)
    upload = (await queries.status(story.tenant.rep, made.id)).upload

    assert refused.value.extra == {"offset": 5000}
    assert (upload.missing, upload.partial) == ([(0, 1)], [(0, 5000)])
    assert await story.usage() == (0, 5000)
    await part(5000, CHUNK_BYTES)
    await part(5000, CHUNK_BYTES)
    upload = (await queries.status(story.tenant.rep, made.id)).upload
    assert (upload.missing, upload.partial) == ([(1, 1)], [])
    assert await story.usage() == (0, CHUNK_BYTES)
    await story.send(made.id, taken)
    assert (await story.complete(made.id)).state is UploadState.STORED


async def test_parts_that_are_no_chunk_together_begin_anew(folder: Place, story: Story) -> None:
    taken = photo()
    made = await story.announce(taken)
    named = attachments.chunk_hash(taken)

    def part(offset: int, content: bytes) -> rules.Piece:
        return rules.Piece(number=0, content=content, sha256=named, offset=offset)

    rep = story.tenant.rep
    await service.put_chunk(rep, made.id, part(0, b"x" * 400), now=NOW)
    with pytest.raises(rules.ChunkDiffers):
        await service.put_chunk(rep, made.id, part(400, taken[400:]), now=NOW)
    with pytest.raises(rules.ChunkTruncated):
        await service.put_chunk(rep, made.id, part(400, taken), now=NOW)

    assert await story.usage() == (0, 0)
    await service.put_chunk(rep, made.id, part(0, taken[:400]), now=NOW)
    await service.put_chunk(rep, made.id, part(400, taken[400:]), now=NOW)
    assert (await story.complete(made.id)).state is UploadState.STORED


async def test_bytes_that_are_not_the_announced_ones_are_let_go(place: Place, story: Story) -> None:
    taken, other = photo_of(CHUNK_BYTES + 10), bytearray(photo_of(CHUNK_BYTES + 10))
    other[-1] ^= 1
    made = await story.announce(taken)
    await story.send(made.id, bytes(other))

    with pytest.raises(rules.ContentDiffers):
        await story.complete(made.id)

    status = await queries.status(story.tenant.rep, made.id)
    assert (status.attachment.state, status.upload.missing) == (State.EXPECTED, [(0, 1)])
    assert (await story.usage()) == (0, 0)
    await story.send(made.id, taken)
    assert (await story.complete(made.id)).state is UploadState.STORED


async def test_a_chunk_that_was_lost_is_asked_for_again(place: Place, story: Story) -> None:
    taken = photo_of(2 * CHUNK_BYTES)
    made = await story.announce(taken)
    await story.send(made.id, taken)
    ((folder,),) = [
        tuple(row.values())
        for row in await story.fetch_rows(
            "SELECT folder FROM attachment_upload WHERE tenant_id = $1"
        )
    ]
    await place.storage.delete([f"{folder}/0001"])

    with pytest.raises(rules.ChunksMissing) as refused:
        await story.complete(made.id)

    assert refused.value.extra["missing"] == [[1, 1]]
    await story.send(made.id, taken)
    assert (await story.complete(made.id)).state is UploadState.STORED


async def test_what_is_not_kept_is_settled_with_its_reason(folder: Place, story: Story) -> None:
    taken = b"\xff\xd8\xff\xe0 <script>alert(1)</script>"
    made = await story.announce(taken, "image/jpeg")
    await story.send(made.id, taken)

    refused = await story.complete(made.id)
    status = await queries.status(story.tenant.rep, made.id)

    assert (refused.state, refused.code) == (UploadState.REFUSED, "not_readable")
    assert status.upload == refused == await story.complete(made.id)
    assert status.attachment.state is State.REFUSED
    with pytest.raises(rules.UploadFinished):
        await story.send_one(made.id, taken, 0)
    with pytest.raises(rules.NotStored):
        await service.content(story.tenant.rep, made.id)
    assert (await story.usage()) == (0, 0)
    assert await story.fetch_rows(_KEYS) == []


async def test_a_company_has_no_more_room_than_its_quota(folder: Place, story: Story) -> None:
    taken = photo_of(3 * CHUNK_BYTES)
    limits = msgspec.structs.replace(folder.limits, quota=2 * CHUNK_BYTES)
    places._open[:] = [Place(folder.storage, limits)]
    made = await story.announce(taken)

    sent = await asyncio.gather(
        *(story.send_one(made.id, taken, number) for number in range(3)), return_exceptions=True
    )

    assert [type(each) for each in sent if each is not None] == [rules.QuotaReached]
    assert (await story.usage()) == (0, 2 * CHUNK_BYTES)


async def test_what_is_larger_than_the_server_takes_is_refused_at_once(
    folder: Place, story: Story
) -> None:
    taken = photo()
    made = await story.announce(taken)
    places._open[:] = [Place(folder.storage, msgspec.structs.replace(folder.limits, size=100))]

    with pytest.raises(rules.AttachmentTooLarge):
        await story.announce(taken)
    with pytest.raises(rules.AttachmentTooLarge):
        await story.send_one(made.id, taken, 0)


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (drawing(), "image/png"),
        (drawing(kind="WEBP"), "image/webp"),
        (document(), "application/pdf"),
    ],
)
async def test_other_kinds_are_kept_too(
    folder: Place, story: Story, content: bytes, kept: str
) -> None:
    made = await story.attach(content)

    assert made.content is not None
    assert (made.content.media_type, made.content.has_thumbnail) == (
        kept,
        kept != "application/pdf",
    )


# --------------------------------------------------------------------------------- who may do it


async def test_what_is_out_of_sight_is_not_there(folder: Place, story: Story) -> None:
    taken = photo()
    made = await story.attach(taken)
    expected = await story.announce(photo(30, 30))
    colleague = story.tenant.actor(Role.SALES_REP)
    boss = story.tenant.actor(Role.SALES_MANAGER, scope=Scope.TEAM)

    assert await story.fetch(made.id, by=boss) == await story.fetch(made.id)
    for ask in (
        queries.of_customer(colleague, story.customer_id),
        queries.status(colleague, made.id),
        queries.thumbnail(colleague, made.id),
        service.content(colleague, made.id),
        story.send_one(expected.id, photo(30, 30), 0, by=colleague),
        story.complete(expected.id, by=colleague),
    ):
        with pytest.raises(NotFound):
            await ask
    listed = await queries.of_customer(boss, story.customer_id)
    assert {each.id for each in listed} == {made.id, expected.id}


async def test_who_announced_a_photo_may_finish_it_after_a_hand_over(
    folder: Place, story: Story
) -> None:
    taken = photo()
    made = await story.announce(taken)
    colleague = story.tenant.manager
    edit = CustomerEdit(owner_id=colleague.user_id)
    await customers.edit(story.tenant.owner, story.customer_id, edit, now=NOW)

    await story.send_one(made.id, taken, 0)
    done = await story.complete(made.id)

    assert done.state is UploadState.STORED
    assert await story.fetch(made.id, by=colleague)
    for ask in (queries.status(story.tenant.rep, made.id), story.fetch(made.id)):
        with pytest.raises(NotFound):
            await ask


async def test_photos_of_a_deleted_customer_are_out_of_sight(folder: Place, story: Story) -> None:
    made = await story.attach(photo())

    await customers.delete(story.tenant.rep, story.customer_id, base=None, now=NOW)

    for actor in (story.tenant.rep, story.tenant.owner):
        with pytest.raises(NotFound):
            await queries.status(actor, made.id)
    await customers.restore(story.tenant.rep, story.customer_id, now=NOW)
    assert await story.fetch(made.id)


async def test_nothing_is_announced_for_a_customer_that_is_not_there(
    folder: Place, story: Story, rival: Tenant
) -> None:
    theirs = await Story.begun(rival)

    for customer_id in (theirs.customer_id, UUID(int=7)):
        with pytest.raises(NotFound):
            await story.announce(photo(), customer_id=customer_id)


# ------------------------------------------------------------------------------- failing storage


async def test_storage_that_is_away_loses_nothing(folder: Place, story: Story) -> None:
    taken = photo_of(2 * CHUNK_BYTES)
    made = await story.announce(taken)
    failing = Failing(folder.storage)
    places._open[:] = [Place(failing, folder.limits)]  # type: ignore[arg-type] # it passes all on
    await story.send_one(made.id, taken, 0)

    failing.is_away = True
    with pytest.raises(StorageAway):
        await story.send_one(made.id, taken, 1)
    failing.is_away = False
    await story.send(made.id, taken)
    failing.is_away = True
    with pytest.raises(StorageAway):
        await story.complete(made.id)
    failing.is_away = False

    # The failed call holds nobody up.
    assert (await story.complete(made.id)).state is UploadState.STORED


async def test_a_key_that_is_not_there_is_told(place: Place) -> None:
    with pytest.raises(ObjectMissing):
        async for _ in place.storage.read("nobody/stored/nothing"):
            pass
    await place.storage.delete(["nobody/stored/nothing"])

"""What nobody needs any more is let go, and nothing that somebody needs."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from server.attachments import place as places
from server.attachments import queries, rules, service, storage
from server.attachments.jobs import HANDLERS
from server.attachments.place import Place
from server.attachments.rules import ABANDONED_AFTER, KEPT_UNREFERENCED, STRAY_AFTER
from server.attachments.service import completing
from server.attachments.service.taking import SWEEP
from server.changelog import service as changelog
from server.kit import clock, db, outbox
from server.sync.registry import KINDS
from sync_protocol import attachments
from sync_protocol.attachments import CHUNK_BYTES, State, UploadState
from sync_protocol.messages import Delete
from tests.factories import NOW
from tests.server.attachments.files import photo, photo_of
from tests.server.attachments.stories import Failing, Story, is_there

LATER = NOW + max(ABANDONED_AFTER, KEPT_UNREFERENCED) + timedelta(days=1)
_OBJECTS = "SELECT object_key FROM attachment_object WHERE tenant_id = $1"
_LEASES = "SELECT leased_until FROM attachment_upload WHERE tenant_id = $1"
_FOLDERS = "SELECT folder FROM attachment_upload WHERE tenant_id = $1"


async def delete(story: Story, attachment_id: UUID, *, now: datetime = NOW) -> None:
    """Delete an attachment, as a device would."""
    op = Delete(
        number=1,
        kind="attachment",
        id=str(attachment_id),
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now(),
    )
    await changelog.write(story.tenant.rep, [op], kinds=KINDS, now=now)


async def test_an_abandoned_upload_is_let_go_and_may_begin_again(
    place: Place, story: Story
) -> None:
    taken = photo_of(2 * CHUNK_BYTES)
    made = await story.announce(taken)
    await story.send_one(made.id, taken, 0)
    (row,) = await story.fetch_rows(_FOLDERS)

    early = await service.sweep(story.tenant.tenant_id, now=NOW + timedelta(days=1))
    assert (early.uploads, (await story.usage())[1]) == (0, CHUNK_BYTES)
    swept = await service.sweep(story.tenant.tenant_id, now=LATER)

    assert swept.uploads == 1
    assert await story.usage() == (0, 0)
    assert not await is_there(f"{row['folder']}/0000")
    assert (await service.sweep(story.tenant.tenant_id, now=LATER)).uploads == 0
    await story.send(made.id, taken)
    assert (await story.complete(made.id)).state is UploadState.STORED


async def test_a_content_goes_a_month_after_its_last_attachment(place: Place, story: Story) -> None:
    taken = photo()
    first, second = await story.attach(taken), await story.attach(taken)
    (row,) = await story.fetch_rows(_OBJECTS)
    tenant_id = story.tenant.tenant_id

    await delete(story, first.id)
    await service.sweep(tenant_id, now=NOW)
    await service.sweep(tenant_id, now=LATER)
    assert await story.fetch(second.id)

    await delete(story, second.id)
    await service.sweep(tenant_id, now=LATER)
    assert (await service.sweep(tenant_id, now=LATER + KEPT_UNREFERENCED)).blobs == 0
    after = LATER + KEPT_UNREFERENCED + timedelta(seconds=1)
    swept = await service.sweep(tenant_id, now=after)

    assert (swept.blobs, swept.objects) == (1, 1)
    assert not await is_there(row["object_key"])
    assert await story.usage() == (0, 0)
    assert await story.fetch_rows(_OBJECTS) == []


async def test_a_content_that_is_attached_again_in_time_stays(folder: Place, story: Story) -> None:
    taken = photo()
    first = await story.attach(taken)
    await delete(story, first.id)
    await service.sweep(story.tenant.tenant_id, now=NOW)
    again = await story.announce(taken)
    await story.complete(again.id, proof=attachments.identify(taken).possession)

    await service.sweep(story.tenant.tenant_id, now=LATER)
    await service.sweep(story.tenant.tenant_id, now=LATER + KEPT_UNREFERENCED)

    assert await story.fetch(again.id)


class _Crash(BaseException):
    """The process is gone from one moment to the next."""


async def test_what_a_crash_leaves_is_swept_up(
    place: Place, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = photo()
    made = await story.announce(taken)
    await story.send(made.id, taken)

    async def crash(*_: object, **__: object) -> None:
        raise _Crash

    # After the content was put, and before anybody knows of it.
    with monkeypatch.context() as patched:
        patched.setattr(completing, "_settle", crash)
        with pytest.raises(_Crash):
            await story.complete(made.id)
    (stray,) = await story.fetch_rows(_OBJECTS)
    assert await is_there(stray["object_key"])
    # After everybody knows of it, and before the chunks are gone.
    with monkeypatch.context() as patched:
        patched.setattr(completing, "_tidy", crash)
        with pytest.raises(_Crash):
            await _complete_when_free(story, made.id)
    (row,) = await story.fetch_rows(_FOLDERS)
    assert await is_there(f"{row['folder']}/0000")

    swept = await service.sweep(
        story.tenant.tenant_id, now=NOW + STRAY_AFTER + timedelta(seconds=1)
    )

    assert (swept.uploads, swept.objects) == (1, 1)
    assert not await is_there(stray["object_key"])
    assert not await is_there(f"{row['folder']}/0000")
    status = await queries.status(story.tenant.rep, made.id)
    assert status.attachment.state is State.STORED
    assert await story.fetch(made.id)
    assert (await story.usage())[1] == 0


async def _complete_when_free(story: Story, attachment_id: UUID) -> None:
    """Complete once the lease of the process that is gone is over."""
    async with db.tenant_transaction(story.tenant.tenant_id):
        await db.connection().execute(
            "UPDATE attachment_upload SET leased_until = NULL WHERE tenant_id = $1",
            story.tenant.tenant_id,
        )
    await story.complete(attachment_id)


async def test_who_was_too_slow_leaves_nothing_behind(
    folder: Place, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = photo()
    made = await story.announce(taken)
    await story.send(made.id, taken)
    real, is_nested = completing._settle, False

    async def overtaken(*arguments: object, **named: object) -> object:
        nonlocal is_nested
        if not is_nested:
            # While this one was slow, its lease ended and another one did it all.
            is_nested = True
            await _complete_when_free(story, made.id)
        return await real(*arguments, **named)  # type: ignore[arg-type] # passed on as they came

    monkeypatch.setattr(completing, "_settle", overtaken)
    slow = await story.complete(made.id)

    assert slow.state is UploadState.VERIFYING
    (kept,) = await story.fetch_rows(_OBJECTS)
    assert await is_there(kept["object_key"])
    assert await story.fetch(made.id)


async def test_who_looks_at_a_large_content_holds_it_by_signs_of_life(
    folder: Place, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = photo()
    made = await story.announce(taken)
    await story.send(made.id, taken)
    verify, renew, told = completing._verify, completing._renew, asyncio.Event()

    async def slowly(claimed: completing.Claimed, now: datetime) -> completing.Verified:
        before = await story.fetch_rows(_LEASES)
        await told.wait()
        after = await story.fetch_rows(_LEASES)
        assert after[0]["leased_until"] > before[0]["leased_until"]
        return await verify(claimed, now)

    async def renewed(claimed: completing.Claimed, now: datetime) -> None:
        await renew(claimed, now)
        told.set()

    monkeypatch.setattr(rules, "SIGN_OF_LIFE_S", 0)
    monkeypatch.setattr(completing, "_verify", slowly)
    monkeypatch.setattr(completing, "_renew", renewed)

    assert (await story.complete(made.id)).state is UploadState.STORED
    assert (await story.fetch_rows(_LEASES))[0]["leased_until"] is None


async def test_a_sweep_is_planned_once_and_goes_on_while_there_is_anything(
    folder: Place, story: Story
) -> None:
    taken = photo_of(2 * CHUNK_BYTES)
    made = await story.announce(taken)
    await story.send_one(made.id, taken, 0)
    small = photo()
    await story.send_one((await story.announce(small)).id, small, 0)
    tenant_id = story.tenant.tenant_id

    assert await _planned(tenant_id) == 1
    async with db.job_transaction():
        await db.connection().execute("DELETE FROM outbox WHERE tenant_id = $1", tenant_id)
    job = outbox.Job(made.id, tenant_id, SWEEP, {}, 0, 1)
    await HANDLERS[SWEEP](job, NOW)
    assert await _planned(tenant_id) == 1
    async with db.job_transaction():
        await db.connection().execute("DELETE FROM outbox WHERE tenant_id = $1", tenant_id)
    await HANDLERS[SWEEP](job, LATER)
    assert await _planned(tenant_id) == 0


async def test_a_sweep_that_is_cut_comes_again(folder: Place, story: Story) -> None:
    taken = photo_of(2 * CHUNK_BYTES)
    made = await story.announce(taken)
    await story.send_one(made.id, taken, 0)
    tenant_id = story.tenant.tenant_id
    async with db.job_transaction():
        await db.connection().execute("DELETE FROM outbox WHERE tenant_id = $1", tenant_id)
    failing = Failing(folder.storage)
    failing.is_away = True
    places._open[:] = [Place(failing, folder.limits)]  # type: ignore[arg-type] # it passes all on

    swept = await service.sweep(tenant_id, now=LATER)
    assert (swept.uploads, await _planned(tenant_id)) == (0, 1)
    failing.is_away = False
    assert (await service.sweep(tenant_id, now=LATER)).uploads == 1


async def _planned(tenant_id: UUID) -> int:
    """Count the sweeps that wait."""
    async with db.job_transaction():
        return int(
            await db.connection().fetchval(
                "SELECT count(*) FROM outbox WHERE tenant_id = $1 AND topic = $2", tenant_id, SWEEP
            )
        )


def test_keys_carry_the_company_and_cannot_be_guessed(folder: Place, story: Story) -> None:
    tenant_id = story.tenant.tenant_id

    keys = {storage.new_key(tenant_id, "stored") for _ in range(100)}

    assert len(keys) == 100
    for key in keys:
        company, purpose, secret = key.split("/")
        assert (company, purpose, len(secret)) == (str(tenant_id), "stored", 48)
    assert places.place() is folder

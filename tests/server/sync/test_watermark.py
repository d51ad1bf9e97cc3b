"""What is remembered outside the database tells when it fell back."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from server.changelog import restoration
from server.kit import db, live
from server.settings import Settings
from server.sync import watermark
from server.sync.restoration import begin_epochs
from tests.factories import NOW, make_tenant, new_id
from tests.postgres import opened
from tests.server.sync.devices import Device, make_device


@pytest.fixture
async def phone(fresh_database: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Device]:
    """A phone on a database of this test's own: epochs are begun for every tenant of it."""
    monkeypatch.setattr(db.ENGINE, "pool", None)
    monkeypatch.setattr(live, "HUB", live.Hub())
    async with opened(fresh_database):
        yield await make_device(fresh_database, await make_tenant())


async def _fall_back(phone: Device, seqs: int) -> None:
    """Let the tenant's clock stand where it stood so many writes ago."""
    async with db.tenant_transaction(phone.actor.tenant_id):
        await db.connection().execute("UPDATE tenant_clock SET seq = seq - $1", seqs)


async def test_a_database_that_fell_back_begins_an_epoch(phone: Device, tmp_path: Path) -> None:
    await phone.push(phone.create("customer", new_id(), name="老街茶庄"))
    await phone.push(phone.create("customer", new_id(), name="新街茶庄"))
    await watermark.note(tmp_path)
    assert not await watermark.ensure_not_fallen_back(tmp_path)

    await _fall_back(phone, 1)

    assert await watermark.ensure_not_fallen_back(tmp_path)
    stand = await restoration.stand(phone.actor.tenant_id)
    assert stand is not None
    assert stand.epoch > 1
    # The next start finds nothing any more.
    assert not await watermark.ensure_not_fallen_back(tmp_path)


async def test_another_database_and_a_broken_file_tell_nothing(
    phone: Device, tmp_path: Path
) -> None:
    await phone.push(phone.create("customer", new_id(), name="老街茶庄"))
    assert not await watermark.ensure_not_fallen_back(tmp_path)

    elsewhere = f'{{"{new_id()}":{{"epoch":9,"seq":9}}}}'
    for content in ("", "[", elsewhere):
        (tmp_path / watermark.FILE).write_text(content)
        assert not await watermark.ensure_not_fallen_back(tmp_path)

    stand = await restoration.stand(phone.actor.tenant_id)
    assert stand == restoration.Stand(epoch=1, seq=1)


async def test_who_was_there_before_starts_again_and_no_epoch_comes_twice(phone: Device) -> None:
    await phone.push(phone.create("customer", new_id(), name="老街茶庄"))
    await phone.pull()
    cursor = phone.cursor

    assert await begin_epochs(found_by="operator", now=NOW) == 1
    first = await restoration.stand(phone.actor.tenant_id)
    async with db.tenant_transaction(phone.actor.tenant_id):
        await db.connection().execute("UPDATE tenant_clock SET epoch = 1")
    await begin_epochs(found_by="operator", now=NOW + timedelta(hours=1))

    second = await restoration.stand(phone.actor.tenant_id)
    assert first is not None
    assert second is not None
    assert second.epoch > first.epoch
    await phone.pull()
    assert phone.cursor != cursor
    assert [fields["name"] for fields in phone.replica.values()] == ["老街茶庄"]

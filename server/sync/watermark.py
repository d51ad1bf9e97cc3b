"""Remember outside the database how far it was, and notice at the start that it fell back.

A small file in the data folder holds the epoch and the sequence of the few tenants that wrote last,
written once a minute where anything was. A database that stands below it was restored from a
backup, and nobody has said so: an epoch is begun for every tenant before anything is served.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
import structlog

from server.changelog import restoration
from server.changelog.restoration import Stand
from server.kit import clock, db, live
from server.sync.restoration import begin_epochs

FILE: Final = "acknowledged.json"
EVERY_S: Final = 60.0
"""How often the file is written, while anything is."""

Marks = dict[UUID, Stand]
log = structlog.get_logger()


@asynccontextmanager
async def kept(folder: Path, *, every_s: float = EVERY_S) -> AsyncIterator[None]:
    """Look whether the database fell back; then, as long as this lasts, note how far it is."""
    await ensure_not_fallen_back(folder)
    keeping = asyncio.create_task(_keep(folder, every_s), name="watermark")
    try:
        yield
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
        with contextlib.suppress(*db.PASSING):
            await note(folder)


async def ensure_not_fallen_back(folder: Path) -> bool:
    """Begin an epoch for every tenant where the database stands below the file; say whether it did.

    A tenant that is not there tells nothing: this may be another database.
    """
    with await asyncio.to_thread(_alone, folder):
        marks = _read(folder)
        fallen = [
            (tenant_id, mark, stand)
            for tenant_id, mark in marks.items()
            if (stand := await restoration.stand(tenant_id)) is not None and stand < mark
        ]
        for tenant_id, mark, stand in fallen:
            log.error(
                "database.fell-back",
                tenant_id=tenant_id,
                epoch=stand.epoch,
                seq=stand.seq,
                acknowledged_epoch=mark.epoch,
                acknowledged_seq=mark.seq,
            )
        if fallen:
            await begin_epochs(found_by="start-up", now=clock.now())
            _write(folder, await _stands(marks))
    return bool(fallen)


async def note(folder: Path) -> None:
    """Write down how far the tenants are that this process wrote for last."""
    recent = list(live.HUB.recent)
    if not recent:
        return
    stands = await _stands(recent)
    with await asyncio.to_thread(_alone, folder):
        # The latest last; other processes of this machine write here as well.
        merged = {key: mark for key, mark in _read(folder).items() if key not in stands}
        merged |= stands
        _write(folder, dict(list(merged.items())[-live.RECENT_MAX :]))


async def _keep(folder: Path, every_s: float) -> None:
    """Note it again and again, where anything was written since."""
    noted: dict[UUID, int] = {}
    while True:
        await asyncio.sleep(every_s)
        if live.HUB.recent == noted:
            continue
        try:
            noted = dict(live.HUB.recent)
            await note(folder)
        # A disk that is full must not end the process; the next minute tries again.
        except (OSError, *db.PASSING) as error:
            log.warning("watermark.failed", exc_info=error)


async def _stands(tenant_ids: "Marks | list[UUID]") -> Marks:
    """Ask the database how far these tenants are."""
    stands = {tenant_id: await restoration.stand(tenant_id) for tenant_id in tenant_ids}
    return {tenant_id: stand for tenant_id, stand in stands.items() if stand is not None}


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the file's lock against the other processes of this machine."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{FILE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _alone(folder: Path) -> contextlib.ExitStack:
    """Take the lock, in a thread since it may have to be waited for."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(_locked(folder))
        return stack.pop_all()


def _read(folder: Path) -> Marks:
    """Read the file; one that is not there or not whole tells nothing."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Marks)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        log.warning("watermark.unreadable", exc_info=error)
        return {}


def _write(folder: Path, marks: Marks) -> None:
    """Replace the file, whole or not at all."""
    fresh = folder / f"{FILE}.new"
    with fresh.open("wb") as output:
        output.write(msgspec.json.encode(marks))
        output.flush()
        os.fsync(output.fileno())
    fresh.replace(folder / FILE)

"""What a call has saved is there after a power cut, whatever the disk had not yet written."""

import shutil
import sqlite3
from pathlib import Path
from random import Random
from typing import cast

import pytest

from mobile_client_sdk import store
from mobile_client_sdk.client import Client
from mobile_client_sdk.store import open_store
from mobile_client_sdk.testing import FakeServer
from tests.mobile_client_sdk.people import NOON
from tests.mobile_client_sdk.power_loss import Disk

MOMENTS = 100


def a_rep_works(disk: Disk, path: Path, *, setting: str | None = None) -> list[tuple[int, int]]:
    """Let somebody save and sync; answer how many events there were when each op was saved."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "_connect", lambda *_: cast("sqlite3.Connection", disk.connect(path)))
        opened = open_store(path)
    if setting is not None:
        opened.row(f"PRAGMA synchronous = {setting}")
    server, rng = FakeServer(), Random(5)
    client = Client(
        opened,
        "http://fake",
        clock_ms=lambda: NOON + len(disk.events),
        random_bytes=rng.randbytes,
        http=server.transport(),
    )
    client.enrol(server.enrolment_code("王芳"), device_name="phone")
    saved: list[tuple[int, int]] = []

    def note_saved() -> None:
        saved.append((len(disk.events), client._outbox.next_number() - 1))

    shop = client.create_customer(name="福满楼")
    note_saved()
    for number in range(12):
        client.add_note(shop, f"note {number}" * 20)
        note_saved()
        if number % 4 == 3:
            client.sync()
            with client.group(atomic=True):
                client.add_note(shop, "one")
                client.add_note(shop, "two")
            note_saved()
    cut_at = len(disk.events)
    client.close()
    del disk.events[cut_at:]
    return saved


def after_a_cut(disk: Disk, saved: list[tuple[int, int]], folder: Path) -> tuple[int, int, int]:
    """Cut the power at many moments; answer how many states there were, were broken, had lost."""
    rng = Random(11)
    states = broken = lost = 0
    first = saved[0][0]
    for moment in sorted(rng.sample(range(first, len(disk.events) + 1), MOMENTS)):
        promised = max(number for at, number in saved if at <= moment)
        for files in disk.states(moment, rng):
            states += 1
            place = folder / str(states)
            place.mkdir()
            for name, content in files.items():
                (place / name).write_bytes(content)
            found = sqlite3.connect(place / "rep.db")
            # What is examined need not be durable.
            found.execute("PRAGMA synchronous = OFF")
            broken += found.execute("PRAGMA integrity_check").fetchone() != ("ok",)
            query = "SELECT number FROM outbox ORDER BY number"
            numbers = [row[0] for row in found.execute(query)]
            assert numbers == list(range(1, len(numbers) + 1)), "gapless"
            lost += len(numbers) < promised
            found.close()
            shutil.rmtree(place)
    return states, broken, lost


def test_no_power_cut_loses_what_was_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = Disk()
    saved = a_rep_works(disk, tmp_path / "rep.db")

    states, broken, lost = after_a_cut(disk, saved, tmp_path)

    with capsys.disabled():
        print(f"\n{states} states after a power cut: {broken} broken, {lost} lost")  # noqa: T201 - the counts are the result
    assert states > 2 * MOMENTS
    assert (broken, lost) == (0, 0)


def test_the_disk_of_these_tests_does_lose_what_a_careless_store_had_not_synced(
    tmp_path: Path,
) -> None:
    disk = Disk()
    saved = a_rep_works(disk, tmp_path / "rep.db", setting="NORMAL")

    _, broken, lost = after_a_cut(disk, saved, tmp_path)

    assert broken == 0
    assert lost > MOMENTS

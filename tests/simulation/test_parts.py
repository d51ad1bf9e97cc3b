"""The disk that loses power, the queue of virtual time, and the pauses of a task."""

import sqlite3

import pytest

from world.simulation.disk import Disk, PowerCut
from world.simulation.scheduler import START_MS, Pause, Scheduler, Task


def test_what_was_committed_outlives_a_power_cut_and_the_rest_does_not() -> None:
    disk = Disk()
    store = disk.store()
    store.put("kept", 1)
    disk.cut_power(3, after_statement=False)

    # BEGIN and INSERT are done; power fails at COMMIT.
    with pytest.raises(PowerCut):
        store.put("lost", 2)

    assert disk.is_dead
    with pytest.raises(PowerCut):
        store.get("kept")
    again = disk.store()
    assert (again.get("kept"), again.get("lost")) == (1, None)


def test_power_may_fail_after_a_commit_that_nobody_heard_of() -> None:
    disk = Disk()
    disk.store()
    disk.cut_power(3, after_statement=True)

    with pytest.raises(PowerCut):
        disk.store().put("kept", 1) if disk.is_dead else _put(disk)

    assert disk.store().get("kept") == 1


def _put(disk: Disk) -> None:
    """Write on the connection whose power is about to fail."""
    connection: sqlite3.Connection = disk._connection
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO meta VALUES ('kept', x'01')")
    connection.execute("COMMIT")


def test_an_old_image_is_what_was_committed_then() -> None:
    disk = Disk()
    store = disk.store()
    store.put("word", "old")
    image = disk.image()
    store.put("word", "new")

    disk.bring_back(image)

    assert disk.store().get("word") == "old"


def test_events_happen_in_the_order_of_their_moments_then_of_their_making() -> None:
    scheduler, told = Scheduler(), list[str]()
    scheduler.after(20, lambda: told.append("third"))
    scheduler.after(10, lambda: told.append("first"))
    scheduler.after(10, lambda: told.append("second"))

    scheduler.run(START_MS + 15)
    assert told == ["first", "second"]
    scheduler.run(START_MS + 30)
    assert (told[-1], scheduler.now_ms) == ("third", START_MS + 30)


def test_a_task_lets_others_go_first_and_dies_where_it_stands() -> None:
    scheduler, told = Scheduler(), list[str]()

    async def work(name: str) -> str:
        try:
            await Pause()
            told.append(name)
            await Pause()
        finally:
            told.append(f"end of {name}")
        return name

    tasks = [
        Task(scheduler, work(name), lambda value, _: told.append(f"answer {value}"), lambda: 5)
        for name in ("a", "b")
    ]
    for task in tasks:
        scheduler.after(0, task.step)
    scheduler.run(START_MS + 7)
    tasks[1].kill()
    scheduler.run(START_MS + 100)

    assert told == ["a", "b", "end of b", "end of a", "answer a"]

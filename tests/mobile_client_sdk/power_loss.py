"""A disk that may lose, at a power cut, what was written and not synced; and its possible states.

Everything that SQLite writes is recorded. For a moment of the record, each file is what was synced
by then, with some of the later writes on it: none, all, any subset, and the last one torn.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import apsw
import msgspec

SECTOR = 512
_NAMES = (f"recording{number}" for number in itertools.count())


class Write(msgspec.Struct, frozen=True):
    """Bytes that were written; none cuts the file off at the offset."""

    file: str
    offset: int
    data: bytes | None


class Sync(msgspec.Struct, frozen=True):
    """From here on, what was written to the file before is on the disk."""

    file: str


class Removal(msgspec.Struct, frozen=True):
    """The file is gone, durably: SQLite syncs the folder."""

    file: str


Event = Write | Sync | Removal


class Disk(apsw.VFS):
    """Records what SQLite does to files."""

    def __init__(self) -> None:
        self.name = next(_NAMES)
        self.events: list[Event] = []
        super().__init__(self.name, "")

    def xOpen(self, name: Any, flags: list[int]) -> "RecordedFile":  # noqa: N802 - SQLite's name
        """Open a file."""
        return RecordedFile(name, flags, self.events)

    def xDelete(self, name: str, sync_folder: bool) -> None:  # noqa: FBT001, N802 - SQLite's name
        """Remove a file."""
        super().xDelete(name, sync_folder)
        self.events.append(Removal(Path(name).name))

    def connect(self, path: Path) -> apsw.Connection:
        """Open a database on this disk, by one process alone: its log needs no shared memory."""
        connection = Connection(str(path), vfs=self.name)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        return connection

    def states(self, moment: int, rng: Random) -> Iterator[dict[str, bytes]]:
        """Answer what the files may hold after a power cut at a moment of the record."""
        done = self.events[:moment]
        synced = {
            event.file: position
            for position, event in enumerate(done)
            if isinstance(event, Sync | Removal)
        }
        safe: list[Write | Removal] = []
        open_: list[Write] = []
        for position, event in enumerate(done):
            if isinstance(event, Removal):
                safe.append(event)
            elif isinstance(event, Write):
                (safe if position < synced.get(event.file, -1) else open_).append(event)
        yield _applied(safe)
        if not open_:
            return
        yield _applied([*safe, *open_])
        yield _applied([*safe, *(event for event in open_ if rng.random() < 0.5)])
        last = open_[-1]
        if last.data is not None:
            torn = msgspec.structs.replace(last, data=last.data[: len(last.data) // 2])
            yield _applied([*safe, *open_[:-1], torn])


class Connection(apsw.Connection):
    """APSW's, with a method that the standard library calls otherwise."""

    def create_function(
        self, name: str, arguments: int, function: Callable[..., Any], *, deterministic: bool
    ) -> None:
        """Let SQL call a function."""
        self.create_scalar_function(name, function, arguments, deterministic=deterministic)


class RecordedFile(apsw.VFSFile):
    """A file whose writes are recorded."""

    def __init__(self, name: Any, flags: list[int], events: list[Event]) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._name = Path(path).name
        self._events = events
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        """Write bytes."""
        self._events.append(Write(self._name, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802 - SQLite's name
        """Cut the file off."""
        self._events.append(Write(self._name, size, None))
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        """Let what was written be on the disk."""
        super().xSync(flags)
        self._events.append(Sync(self._name))


def _applied(events: Iterable[Write | Removal]) -> dict[str, bytes]:
    files: dict[str, bytearray] = {}
    for event in events:
        if isinstance(event, Removal):
            files.pop(event.file, None)
            continue
        content = files.setdefault(event.file, bytearray())
        if event.data is None:
            del content[event.offset :]
            continue
        content.extend(bytes(max(0, event.offset - len(content))))
        content[event.offset : event.offset + len(event.data)] = event.data
    return {name: bytes(content) for name, content in files.items()}

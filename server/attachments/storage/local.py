"""Contents in a folder of this machine: the default.

A file is written beside its place, brought to the disk and renamed: after a crash there is the
whole file or none.
"""

import asyncio
import os
import re
import secrets
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import BinaryIO, Final

from server.attachments.storage import PIECE_BYTES, ObjectMissing, StorageAway

_KEY: Final = re.compile(r"[0-9a-z-]{1,64}(/[0-9a-z-]{1,64}){1,4}")
_HALF: Final = ".half"


class Folder:
    """A folder with a file for each key."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, key: str, content: bytes | Path) -> None:
        """Keep bytes, or those of a file, under a key."""
        path = self._path(key)
        try:
            await asyncio.to_thread(_write, path, content)
        except OSError as error:
            raise StorageAway("The bytes cannot be kept now; send them again.") from error

    async def read(self, key: str) -> AsyncIterator[bytes]:
        """Give the bytes of a key, in pieces."""
        file = await asyncio.to_thread(_open, self._path(key))
        try:
            while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
                yield piece
        finally:
            file.close()

    async def delete(self, keys: Iterable[str]) -> None:
        """Let go of what lies under the keys."""
        try:
            await asyncio.to_thread(self._delete, list(keys))
        except OSError as error:
            raise StorageAway("The bytes cannot be let go now.") from error

    def link(self, key: str, *, disposition: str, media_type: str, seconds: int) -> None:
        """Give no address: the application hands the bytes out."""

    def _path(self, key: str) -> Path:
        """Give the place of a key; nothing else is ever touched."""
        assert _KEY.fullmatch(key), "keys are made up by this room"
        return self._root / key

    def _delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            path = self._path(key)
            path.unlink(missing_ok=True)
            for folder in path.parents:
                if folder == self._root or not _is_removed(folder):
                    break


def _is_removed(folder: Path) -> bool:
    """Remove a folder that is empty."""
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def _open(path: Path) -> BinaryIO:
    """Open the file of a key."""
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise ObjectMissing(path.name) from error
    except OSError as error:
        raise StorageAway("The bytes cannot be read now; ask again.") from error


def _write(path: Path, content: bytes | Path) -> None:
    """Write beside the place, to the disk, then rename."""
    half = path.with_name(f"{path.name}.{secrets.token_hex(8)}{_HALF}")
    file = _begun(half)
    try:
        with file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                _copy(content, file)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _begun(half: Path) -> BinaryIO:
    """Begin a file; its folder may be removed as empty between its making and its use."""
    for _ in range(10):
        _make_folder(half.parent)
        try:
            return half.open("xb")
        except FileNotFoundError:
            continue
    return half.open("xb")


def _copy(source: Path, target: BinaryIO) -> None:
    """Copy a file piece by piece."""
    with source.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            target.write(piece)


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it so that a crash does not lose their names."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

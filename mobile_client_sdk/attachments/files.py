"""The bytes of attachments on the device: files beside the store, sealed when the store is.

The key of the files is random and lies inside the encrypted store: without the store they are
noise. Each chunk is sealed by itself, so that a large file is sent without being in memory.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from mobile_client_sdk.keys import seal, sync_folder, unseal
from mobile_client_sdk.store import Store
from sync_protocol.attachments import CHUNK_BYTES, Hasher, Identity, chunk_count

_KEY: Final = "attachment_key"
_KEY_BYTES: Final = 32
_NAME_BYTES: Final = 16
_SEAL_BYTES: Final = 28
"""A nonce and a tag beside each chunk."""
_DRAFT: Final = ".draft"


def folder_of(store_path: Path) -> Path:
    """Answer where the files of a store lie."""
    return store_path.with_name(store_path.name + ".files")


class Files:
    """A folder of files with random names."""

    def __init__(self, store: Store, random_bytes: Callable[[int], bytes]) -> None:
        self._store = store
        self._folder = folder_of(store.path)
        self._random_bytes = random_bytes

    def write(self, pieces: Iterable[bytes]) -> tuple[str, Identity]:
        """Write bytes durably under a new name; answer it and what the bytes are called."""
        name = self._random_bytes(_NAME_BYTES).hex()
        path, draft = self._folder / name, self._folder / (name + _DRAFT)
        if not self._folder.is_dir():
            self._folder.mkdir(mode=0o700)
            sync_folder(self._folder.parent)
        hasher, key = Hasher(), self._key()
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                for number, chunk in enumerate(_chunks(pieces)):
                    hasher.update(chunk)
                    file.write(self._sealed(key, name, number, chunk))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        sync_folder(self._folder)
        return name, hasher.identity()

    def chunk(self, name: str, number: int) -> bytes:
        """Answer one chunk.

        :raises FileNotFoundError: if there is no such file any more.
        """
        key = self._key()
        length = CHUNK_BYTES + (_SEAL_BYTES if key else 0)
        with (self._folder / name).open("rb") as file:
            file.seek(number * length)
            found = file.read(length)
        return found if key is None else unseal(key, found, _about(name, number))

    def chunks(self, name: str, size: int) -> Iterator[bytes]:
        """Answer all chunks of a file, one after the other."""
        for number in range(chunk_count(size)):
            yield self.chunk(name, number)

    def remove(self, name: str) -> None:
        """Let go of a file."""
        (self._folder / name).unlink(missing_ok=True)

    def names(self) -> list[tuple[str, int]]:
        """Answer the names of all files, finished or not, and when each was last written."""
        if not self._folder.is_dir():
            return []
        return [
            (each.name, each.stat().st_mtime_ns // 1_000_000) for each in self._folder.iterdir()
        ]

    def _key(self) -> bytes | None:
        """Answer the key of the files; none where the store is not encrypted either."""
        if not self._store.is_protected:
            return None
        with self._store.transaction(touching=()):
            key = self._store.get(_KEY)
            if key is None:
                key = self._random_bytes(_KEY_BYTES)
                self._store.put(_KEY, key)
        return bytes(key)

    def _sealed(self, key: bytes | None, name: str, number: int, chunk: bytes) -> bytes:
        if key is None:
            return chunk
        return seal(key, chunk, _about(name, number), self._random_bytes)


def _about(name: str, number: int) -> bytes:
    """Answer what a sealed chunk belongs to: it opens nowhere else."""
    return f"tonglu attachment 1 {name} {number}".encode()


def _chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut bytes that come in pieces of any length into chunks."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= CHUNK_BYTES:
            yield bytes(held[:CHUNK_BYTES])
            del held[:CHUNK_BYTES]
    if held:
        yield bytes(held)


def pieces_of(source: bytes | str | Path) -> Iterator[bytes]:
    """Answer bytes that are at hand, or those of a file, a chunk at a time."""
    if isinstance(source, bytes):
        for first in range(0, len(source), CHUNK_BYTES):
            yield source[first : first + CHUNK_BYTES]
        return
    with Path(source).open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            yield piece


def remove_files(store_path: str | Path) -> None:
    """Let go of all files of a store that is destroyed; sealed ones are noise already."""
    folder = folder_of(Path(store_path))
    if folder.is_dir():
        for each in folder.iterdir():
            each.unlink(missing_ok=True)
        folder.rmdir()

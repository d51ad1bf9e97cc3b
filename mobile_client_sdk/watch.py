"""Questions whose answers are followed: told exactly when they change."""

import threading
from collections.abc import Callable, Iterator
from typing import Generic, Self, TypeVar

import msgspec

from mobile_client_sdk.records import Record
from mobile_client_sdk.store import Store

R = TypeVar("R", bound=Record)


class Watch(Generic[R]):
    """The answer to one question, kept up to date.

    with client.watch(Customer, city="杭州") as shops:
        shops.subscribe(lambda records: show(records))

    Callbacks run in the thread that made the change. Iterating waits for the next change.
    """

    def __init__(self, store: Store, read: Callable[[], list[R]]) -> None:
        self._store = store
        self._read = read
        self._tell: list[Callable[[list[R]], None]] = []
        self._changed = threading.Condition()
        self._checking = threading.RLock()
        self._version = 0
        self._is_closed = False
        self._records = read()
        store.committed.append(self._check)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def records(self) -> list[R]:
        """Answer the result as it is."""
        return list(self._records)

    def subscribe(self, tell: Callable[[list[R]], None]) -> Callable[[], None]:
        """Be told each new result; answer what ends it."""
        self._tell.append(tell)
        return lambda: self._tell.remove(tell)

    def __iter__(self) -> Iterator[list[R]]:
        """Answer the result, and then each new one; ends when the watch is closed.

        Results that come faster than they are taken are left out, the last one never.
        """
        seen = -1
        while True:
            with self._changed:
                while not self._is_closed and self._version == seen:
                    self._changed.wait()
                if self._is_closed:
                    return
                seen, records = self._version, list(self._records)
            yield records

    def close(self) -> None:
        """Stop following."""
        with self._changed:
            if not self._is_closed:
                self._is_closed = True
                self._store.committed.remove(self._check)
            self._changed.notify_all()

    def _check(self) -> None:
        """Read again after a commit, and tell if the answer is another one."""
        with self._checking:
            records = self._read()
            if len(records) == len(self._records) and all(map(_is_same, records, self._records)):
                return
            with self._changed:
                self._records = records
                self._version += 1
                self._changed.notify_all()
            for tell in tuple(self._tell):
                tell(list(records))


def _is_same(one: Record, other: Record) -> bool:
    """Compare what a person sees; as of when it was read is no part of it."""
    return one == other or msgspec.structs.replace(one, as_of=other.as_of) == other

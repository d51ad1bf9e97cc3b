"""Questions whose answers are followed: told exactly when they change."""

import threading
from bisect import insort
from collections.abc import Callable, Iterator
from typing import Any, Generic, Self, TypeVar

import msgspec

from mobile_client_sdk.records import Record
from mobile_client_sdk.store import Store, Touched
from mobile_client_sdk.views import place

R = TypeVar("R", bound=Record)


class Watch(Generic[R]):
    """The answer to one question, kept up to date.

    with client.watch(Customer, city="杭州") as shops:
        shops.subscribe(lambda records: show(records))

    Callbacks run in the thread that made the change. Iterating waits for the next change.
    """

    def __init__(
        self,
        store: Store,
        kind: str,
        order_by: str,
        *,
        read: Callable[[], list[R]],
        look: Callable[[str], R | None],
    ) -> None:
        self._store = store
        self._kind = kind
        self._order_by = order_by
        self._read = read
        self._look = look
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

    def _check(self, touched: Touched) -> None:
        """Look again after a commit, and tell if the answer is another one."""
        with self._checking:
            records = self._anew(touched)
            if records is None:
                return
            with self._changed:
                self._records = records
                self._version += 1
                self._changed.notify_all()
            for tell in tuple(self._tell):
                tell(list(records))

    def _anew(self, touched: Touched) -> list[R] | None:
        """Answer the new result, or none where it is as before."""
        if touched is None:
            records = self._read()
            same = len(records) == len(self._records) and all(map(_is_same, records, self._records))
            return None if same else records
        record_ids = {record_id for kind, record_id in touched if kind == self._kind}
        if not record_ids:
            return None
        before = {each.id: each for each in self._records if each.id in record_ids}
        after = {each: found for each in record_ids if (found := self._look(each)) is not None}
        if before.keys() == after.keys() and all(
            _is_same(after[each], before[each]) for each in after
        ):
            return None
        records = [each for each in self._records if each.id not in record_ids]
        for each in after.values():
            insort(records, each, key=self._place)
        return records

    def _place(self, record: R) -> tuple[Any, str]:
        return place(record, self._order_by)


def _is_same(one: Record, other: Record) -> bool:
    """Compare what a person sees; as of when it was read is no part of it."""
    return one == other or msgspec.structs.replace(one, as_of=other.as_of) == other

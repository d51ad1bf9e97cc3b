"""After a restoration a device asks once more what became of what it did: the last word counts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mobile_client_sdk.engine import SyncEngine
from mobile_client_sdk.outbox import KEPT_MS, Outbox
from mobile_client_sdk.replica import Replica
from mobile_client_sdk.store import Store, open_store
from sync_protocol.messages import (
    Code,
    Edit,
    Outcome,
    PullResponse,
    PushRequest,
    PushResponse,
    Status,
)

NOON = 1_800_000_000_000
SHOP = "00000000-0000-7000-8000-000000000001"


class Phone:
    """A store, and what a test's server says to it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.outbox = Outbox(store)
        self.replica = Replica(store)
        self.engine = SyncEngine(store, self.outbox, self.replica)
        self.cursor: str | None = None

    def edit(self, count: int = 1) -> None:
        """Edit the shop some times."""
        for _ in range(count):
            self.outbox.add(
                lambda number: Edit(
                    number=number,
                    kind="customer",
                    id=SHOP,
                    fields={"city": f"城市{number}"},
                    at_ms=NOON,
                    base=1,
                )
            )

    def pulls(self, *, epoch: int, seq: int, acknowledged: int, at_ms: int = NOON) -> None:
        """Take a page."""
        request = self.replica.request(10)
        cursor = f"{epoch}/{seq}"
        page = PullResponse(
            from_cursor=request.cursor,
            cursor=cursor,
            seq=seq,
            epoch=epoch,
            server_time_ms=at_ms,
            acknowledged=acknowledged,
        )
        self.engine.receive(request, page, at_ms)

    def sends(self) -> PushRequest:
        """Answer the push that comes next."""
        request = self.engine.next_request(NOON)
        assert isinstance(request, PushRequest)
        return request

    def is_answered(self, request: PushRequest, *outcomes: Outcome) -> None:
        """Take the answer to a push."""
        answer = PushResponse(
            outcomes=list(outcomes), acknowledged=request.ops[-1].number, server_time_ms=NOON
        )
        self.engine.receive(request, answer, NOON)

    def settles(self, *outcomes: Outcome) -> None:
        """Push all and take the answer."""
        self.is_answered(self.sends(), *outcomes)

    def begins(self) -> None:
        """Begin another sync."""
        self.engine = SyncEngine(self.store, self.outbox, self.replica)


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Phone]:
    """A phone that has loaded."""
    store = open_store(tmp_path / "phone.db")
    phone = Phone(store)
    phone.pulls(epoch=1, seq=1, acknowledged=0)
    yield phone
    store.close()


def applied(number: int, seq: int | None = 2) -> Outcome:
    """Say that an op is held."""
    return Outcome(number=number, status=Status.APPLIED, code=Code.APPLIED, seq=seq)


def refused(number: int, code: str = Code.NOT_FOUND) -> Outcome:
    """Say that an op had no effect."""
    return Outcome(number=number, status=Status.REJECTED, code=code)


def waiting(number: int) -> Outcome:
    """Say that an op is kept until its record is there."""
    return Outcome(number=number, status=Status.APPLIED, code=Code.WAITING)


def numbers(request: PushRequest) -> list[int]:
    """Name what a push sends."""
    return [op.number for op in request.ops]


def codes(phone: Phone) -> list[tuple[int, str]]:
    """Tell what the phone knows of its ops."""
    found = [phone.outbox.find(number) for number in range(1, phone.outbox.next_number())]
    return [
        (each.op.number, each.outcome.code) for each in found if each is not None and each.outcome
    ]


def test_what_a_restored_server_settled_otherwise_is_heard_of(phone: Phone) -> None:
    """A copy of the push had come after the restoration, before the phone did."""
    phone.edit(2)
    phone.settles(applied(1), applied(2))
    phone.begins()

    phone.pulls(epoch=2, seq=1, acknowledged=2)
    assert phone.outbox.pending_count() == 2
    phone.settles(refused(1), applied(2))

    assert codes(phone) == [(1, Code.NOT_FOUND), (2, Code.APPLIED)]
    assert [each.op.number for each in phone.outbox.refusals()] == [1]
    assert [each.number for each in phone.engine.refused] == [1]
    assert phone.outbox.pending_count() == 0
    rows = phone.store.rows("SELECT DISTINCT number FROM overlay")
    assert rows == [(2,)]


def test_what_was_looked_at_and_stays_so_is_no_news(phone: Phone) -> None:
    phone.edit(2)
    phone.settles(refused(1), applied(2))
    phone.outbox.mark_seen(1)
    phone.begins()

    phone.pulls(epoch=2, seq=1, acknowledged=2)
    phone.settles(refused(1), applied(2))

    assert phone.outbox.refusals() == []
    assert (phone.engine.refused, phone.engine.pushed) == ([], 0)


def test_within_one_life_nothing_is_asked_twice(phone: Phone) -> None:
    phone.edit()
    phone.settles(applied(1))
    phone.begins()

    phone.pulls(epoch=1, seq=2, acknowledged=1)

    assert phone.engine.next_request(NOON) is None


def test_asking_goes_on_where_a_sync_was_cut(phone: Phone) -> None:
    phone.edit(2)
    phone.settles(applied(1), applied(2))
    phone.begins()
    phone.pulls(epoch=2, seq=1, acknowledged=2)

    phone.is_answered(phone.sends(), applied(1))
    phone.begins()

    assert numbers(phone.sends()) == [2]


def test_what_the_server_may_have_forgotten_is_not_asked_for(phone: Phone) -> None:
    """A refusal that nobody looks at keeps what came after it, for however long."""
    phone.edit(2)
    phone.settles(refused(1), applied(2))
    phone.begins()

    phone.pulls(epoch=2, seq=1, acknowledged=2, at_ms=NOON + KEPT_MS + 1)

    assert phone.engine.next_request(NOON) is None


def test_an_op_whose_number_another_one_has_now_gets_a_new_one(phone: Phone) -> None:
    phone.edit(2)
    phone.settles(applied(1), applied(2))
    phone.begins()
    phone.pulls(epoch=2, seq=1, acknowledged=2)

    phone.settles(applied(1), refused(2, Code.NUMBER_REUSED))

    assert numbers(phone.sends()) == [3]
    assert codes(phone) == [(1, Code.APPLIED)]
    assert phone.store.get("asked") is None


def test_numbers_that_an_old_image_left_out_are_told_as_forgotten(phone: Phone) -> None:
    """A server that was restored to before them waits for none of them."""
    phone.edit(2)
    phone.settles(applied(1), applied(2))
    phone.edit()
    phone.settles(refused(3, Code.NUMBER_REUSED))
    phone.begins()
    phone.edit()
    phone.outbox.renumber(9)
    phone.pulls(epoch=2, seq=1, acknowledged=1)

    first = phone.sends()
    phone.is_answered(first, applied(1), applied(2))
    second = phone.sends()
    phone.engine.fill_gap(2)
    third = phone.sends()

    assert (numbers(first), first.forgotten) == ([1, 2], 0)
    assert (numbers(second), second.forgotten) == ([10, 11], 0)
    assert (numbers(third), third.forgotten) == ([10, 11], 9)
    assert phone.store.get("asked") is None


def test_asking_ends_before_numbers_that_an_old_image_left_out(phone: Phone) -> None:
    phone.edit()
    phone.settles(applied(1))
    phone.outbox.renumber(9)
    phone.begins()
    phone.edit()
    phone.pulls(epoch=2, seq=1, acknowledged=9)

    request = phone.sends()
    phone.is_answered(request, applied(1))

    assert numbers(request) == [1]
    assert phone.store.get("asked") is None
    assert numbers(phone.sends()) == [10]


def test_what_waits_for_its_record_is_asked_for_when_there_is_news(phone: Phone) -> None:
    phone.edit(2)
    phone.settles(waiting(1), applied(2, seq=1))
    phone.begins()
    phone.pulls(epoch=1, seq=2, acknowledged=2)
    phone.settles(waiting(1))
    phone.begins()
    phone.pulls(epoch=1, seq=3, acknowledged=2)

    request = phone.sends()
    phone.is_answered(request, refused(1, Code.RECORD_DELETED))

    assert numbers(request) == [1]
    assert [each.op.number for each in phone.outbox.refusals()] == [1]
    phone.begins()
    phone.pulls(epoch=1, seq=4, acknowledged=2)
    assert phone.engine.next_request(NOON) is None


def test_what_waits_is_kept_until_something_became_of_it(phone: Phone) -> None:
    phone.edit(2)
    phone.settles(waiting(1), applied(2, seq=1))
    phone.store.connection.execute("DELETE FROM overlay")

    phone.outbox.tidy(NOON + KEPT_MS + 1)

    assert [number for number, _ in codes(phone)] == [1, 2]

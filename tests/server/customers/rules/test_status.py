"""The status machine (S46)."""

import pytest

from server.customers.rules.fields import check_customer
from server.customers.rules.status import (
    TRANSITIONS,
    IllegalTransition,
    Status,
    ensure_transition,
)
from sync_protocol.schema import CUSTOMER_STATUSES


def test_the_machine_knows_every_status_that_travels() -> None:
    assert tuple(Status) == CUSTOMER_STATUSES
    assert set(TRANSITIONS) == set(Status)


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("after", Status)
def test_a_step_is_taken_or_refused_with_what_may_follow(before: Status, after: Status) -> None:
    if before is after or after in TRANSITIONS[before]:
        ensure_transition(before, after)
        return

    with pytest.raises(IllegalTransition) as refused:
        ensure_transition(before, after)

    assert refused.value.field == "status"
    assert refused.value.extra["allowed"] == sorted(TRANSITIONS[before])


def test_a_customer_is_signed_out_of_intent_only() -> None:
    assert [before for before in Status if Status.SIGNED in TRANSITIONS[before]] == [Status.INTENT]


def test_every_status_is_reached_and_left() -> None:
    for status in Status:
        assert TRANSITIONS[status]
        assert any(status in after for after in TRANSITIONS.values())


def test_a_new_customer_may_begin_anywhere() -> None:
    for status in Status:
        check_customer(None, {"status": status})
        check_customer({"status": None}, {"status": status})


def test_an_edit_of_a_customer_is_held_against_the_machine() -> None:
    with pytest.raises(IllegalTransition):
        check_customer({"status": "signed"}, {"status": "potential"})

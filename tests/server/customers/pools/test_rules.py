"""What pools decide without a database: limits, masks, on which day somebody loses a customer."""

from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.customers.pools import rules
from server.customers.pools.rules import (
    CoolingOff,
    Held,
    Limits,
    PickLimitReached,
    Reason,
    RecycleRule,
    Standing,
    Step,
    Trigger,
    ViewQuotaReached,
)
from tests.factories import NOW

TODAY = date(2026, 3, 2)
QUIET_30 = RecycleRule(Trigger.INACTIVITY, 30)
DAYS = st.integers(0, 400)


def may_pick(limits: Limits, standing: Standing, *, former: bool = False, days: int = 0) -> None:
    """Ask for a customer that came into the pool some days ago."""
    rules.ensure_may_pick(
        limits,
        standing,
        is_former_owner=former,
        entered_at=NOW - timedelta(days=days),
        now=NOW,
    )


def test_without_limits_everybody_picks() -> None:
    may_pick(Limits(), Standing(held=10**6, picks_today=10**6))


def test_limits_refuse_what_goes_beyond_them() -> None:
    limits = Limits(held_max=2, picks_per_day=3, views_per_day=1)
    may_pick(limits, Standing(held=1, picks_today=2))
    with pytest.raises(PickLimitReached):
        may_pick(limits, Standing(held=2, picks_today=0))
    with pytest.raises(PickLimitReached):
        may_pick(limits, Standing(held=0, picks_today=3))
    with pytest.raises(ViewQuotaReached):
        rules.ensure_may_look(limits, Standing(views_today=1))


def test_a_former_owner_waits_and_nobody_else_does() -> None:
    limits = Limits(cooling_days=10)
    may_pick(limits, Standing(), former=False, days=0)
    with pytest.raises(CoolingOff) as refused:
        may_pick(limits, Standing(), former=True, days=9)
    assert refused.value.extra["free_on"] == "2026-03-03"
    may_pick(limits, Standing(), former=True, days=10)


def test_inactivity_takes_all_but_the_signed() -> None:
    quiet = Held(status="potential", level=None, active_on=TODAY)
    signed = Held(status="signed", level=None, active_on=TODAY)

    assert rules.due_on([QUIET_30], quiet) == (date(2026, 4, 1), Reason.INACTIVITY)
    assert rules.due_on([QUIET_30], signed) is None


def test_a_rule_may_be_about_some_levels_and_states() -> None:
    of_a = RecycleRule(Trigger.INACTIVITY, 90, levels=("A",))
    of_signed = RecycleRule(Trigger.INACTIVITY, 365, statuses=("signed",))
    held = Held(status="signed", level="B", active_on=TODAY)

    assert rules.due_on([of_a], held) is None
    assert rules.due_on([of_a, of_signed], held) == (
        TODAY + timedelta(days=365),
        Reason.INACTIVITY,
    )


def test_an_agreement_keeps_a_customer_until_its_end() -> None:
    held = Held(status="need", level=None, active_on=TODAY, kept_until=TODAY + timedelta(days=100))
    ended = RecycleRule(Trigger.CONTRACT_END, 15)
    signed = Held(status="signed", level=None, active_on=TODAY, kept_until=TODAY)

    assert rules.due_on([QUIET_30], held) == (TODAY + timedelta(days=101), Reason.INACTIVITY)
    assert rules.due_on([ended], signed) == (TODAY + timedelta(days=15), Reason.CONTRACT_END)
    assert rules.due_on([ended], held) is None


def test_an_agreement_without_an_end_keeps_a_customer_for_ever() -> None:
    for trigger, status in ((Trigger.INACTIVITY, "need"), (Trigger.CONTRACT_END, "signed")):
        held = Held(status=status, level=None, active_on=TODAY, kept_until=date(9999, 12, 31))
        due = rules.due_on([RecycleRule(trigger, 30)], held)

        assert due is not None
        assert due[0] == date.max


@given(first=DAYS, second=DAYS)
def test_of_two_rules_the_sooner_holds(first: int, second: int) -> None:
    both = [RecycleRule(Trigger.INACTIVITY, days) for days in (first, second)]
    held = Held(status="need", level=None, active_on=TODAY)

    due = rules.due_on(both, held)

    assert due is not None
    assert due[0] == TODAY + timedelta(days=min(first, second))


@given(quiet=st.integers(1, 60), warn=st.integers(1, 30), missed=st.sets(st.integers(0, 150)))
def test_nobody_loses_a_customer_without_having_been_told_in_time(
    quiet: int, warn: int, missed: set[int]
) -> None:
    """Whatever days the worker misses: between the word and the loss lie `warn` days."""
    due, warned_on, warned_for = TODAY + timedelta(days=quiet), None, None
    for day in range(200):
        today = TODAY + timedelta(days=day)
        if day in missed:
            continue
        step = rules.step(due, warned_for=warned_for, warn_days=warn, today=today)
        if step is Step.WARN:
            warned_on, warned_for = today, rules.announced(due, warn_days=warn, today=today)
        if step is Step.RECYCLE:
            assert warned_on is not None
            assert today - warned_on >= timedelta(days=warn)
            assert today >= due
            return
    raise AssertionError("the customer never fell into the pool")


def test_who_does_something_is_warned_anew() -> None:
    later = TODAY + timedelta(days=30)

    assert rules.step(later, warned_for=TODAY, warn_days=7, today=TODAY) is Step.FORGET
    assert rules.step(None, warned_for=TODAY, warn_days=7, today=TODAY) is Step.FORGET
    assert rules.step(later, warned_for=None, warn_days=7, today=TODAY) is Step.NOTHING


def test_a_day_begins_at_midnight_in_shanghai() -> None:
    assert rules.day_of(datetime.fromisoformat("2026-03-01T15:59:59Z")) == date(2026, 3, 1)
    assert rules.day_of(datetime.fromisoformat("2026-03-01T16:00:00Z")) == date(2026, 3, 2)


def test_a_pool_that_names_teams_is_for_them_and_for_who_sees_all() -> None:
    ours, theirs = UUID(int=1), UUID(int=2)

    assert rules.is_within_reach([], team_id=None, sees_all=False)
    assert rules.is_within_reach([ours], team_id=ours, sees_all=False)
    assert not rules.is_within_reach([ours], team_id=theirs, sees_all=False)
    assert not rules.is_within_reach([ours], team_id=None, sees_all=False)
    assert rules.is_within_reach([ours], team_id=theirs, sees_all=True)

"""What a play decides, without a database: until when, on whom again, and who gets it."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.automation.plays import rules
from server.automation.plays.rules import (
    Assignee,
    ChoiceStep,
    EventComes,
    MakeTask,
    Occurrence,
    Person,
    PlayAgainTooSoon,
    PlayPointless,
    PlayTerms,
    SilenceFalls,
    Tell,
)
from server.automation.rules import Terms as Sla
from server.kit.calendars import ZONE
from tests.factories import NOW, new_id

TEAM = new_id()
TASK = MakeTask(title="联系沉寂客户", to=Assignee.NEWCOMER)


def at(text: str) -> datetime:
    """Read a moment of Shanghai."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def found(**fields: Any) -> Occurrence:
    wanted: dict[str, Any] = {
        "customer_id": new_id(),
        "at": NOW,
        "key": "k",
        "customer_name": "龙井茶行",
        "owner_id": None,
        "team_id": TEAM,
    }
    return Occurrence(**(wanted | fields))


def rep(**fields: Any) -> Person:
    wanted: dict[str, Any] = {
        "id": new_id(),
        "team_id": TEAM,
        "is_rep": True,
        "sees_all": False,
        "sees_team": True,
        "since": NOW - timedelta(days=100),
        "open_tasks": 0,
        "last_given_at": None,
        "is_absent": False,
    }
    return Person(**(wanted | fields))


@pytest.mark.parametrize(
    ("begun", "due"),
    [
        ("2026-03-03T10:00", "2026-03-04T10:00"),  # an ordinary day
        ("2026-03-03T22:30", "2026-03-04T22:30"),  # in the evening
        ("2026-03-06T15:00", "2026-03-09T15:00"),  # over a weekend
        ("2026-03-07T11:00", "2026-03-10T00:00"),  # on a Saturday: Monday has 24 hours
        ("2026-09-30T16:00", "2026-10-08T16:00"),  # over the week of the national day
        ("2026-02-13T09:00", "2026-02-14T09:00"),  # a Saturday that makes up for a holiday
    ],
)
def test_s13_the_day_that_a_task_has_passes_on_worked_days(begun: str, due: str) -> None:
    assert rules.due_at(TASK, Sla(), at(begun)) == at(due)


def test_s13_who_keeps_no_holidays_has_a_day_of_the_calendar() -> None:
    every_day = Sla(weekdays=tuple(range(7)), keeps_holidays=False)

    assert rules.due_at(TASK, every_day, at("2026-09-30T16:00")) == at("2026-10-01T16:00")


def test_s13_the_least_busy_newcomer_who_is_there_gets_it() -> None:
    old = rep(since=NOW - timedelta(days=365))
    away, busy, idle = rep(is_absent=True), rep(open_tasks=3), rep(open_tasks=1)
    manager = rep(is_rep=False)

    choice = rules.choose(TASK, found(), [old, away, busy, idle, manager], NOW)

    assert choice.person == idle
    assert [each.code for each in choice.reasons] == [
        ChoiceStep.TENURE,
        ChoiceStep.ABSENT,
        ChoiceStep.TEAM,
        ChoiceStep.LOAD,
    ]


def test_s13_of_equals_whoever_has_waited_longest_gets_it() -> None:
    early, late = rep(last_given_at=NOW - timedelta(days=2)), rep(last_given_at=NOW)

    assert rules.choose(TASK, found(), [late, early], NOW).person == early


def test_s13_who_does_not_see_the_customer_gets_it_only_together_with_it() -> None:
    stranger = rep(team_id=new_id())

    alone = rules.choose(TASK, found(), [stranger], NOW)
    together = rules.choose(
        msgspec.structs.replace(TASK, gives_customer=True), found(), [stranger], NOW
    )

    assert (alone.person, alone.reasons[-1].code) == (None, ChoiceStep.NOBODY)
    assert together.person == stranger


def test_s13_the_customers_own_team_comes_first() -> None:
    near, far = rep(open_tasks=5), rep(team_id=new_id(), sees_all=True)

    assert rules.choose(TASK, found(), [far, near], NOW).person == near
    assert rules.choose(TASK, found(team_id=None), [far, near], NOW).person == far


def test_the_owner_gets_it_where_the_play_says_so() -> None:
    owner = rep()
    to_owner = MakeTask(title="续约", to=Assignee.OWNER)

    assert rules.choose(to_owner, found(owner_id=owner.id), [rep(), owner], NOW).person == owner
    assert rules.choose(to_owner, found(), [owner], NOW).person is None


AGAIN = timedelta(days=30)
WHO = [UUID(int=n) for n in (1, 2, 3)]
MOMENTS = st.integers(0, 200).map(lambda day: datetime(2026, 1, 1, tzinfo=UTC) + day * AGAIN / 10)
CAME = st.lists(st.tuples(st.sampled_from(WHO), MOMENTS), max_size=30).map(
    lambda told: sorted(
        (found(customer_id=who, at=moment) for who, moment in told), key=lambda each: each.at
    )
)


@given(CAME, st.dictionaries(st.sampled_from(WHO), MOMENTS))
def test_s13_nothing_is_done_twice_about_a_customer_within_the_time(
    came: list[Occurrence], last: dict[UUID, datetime]
) -> None:
    kept = rules.spaced(came, last, AGAIN)

    for who in WHO:
        times = [last[who]] if who in last else []
        times += [each.at for each in kept if each.customer_id == who]
        assert all(b - a >= AGAIN for a, b in itertools.pairwise(times))
        # What was left out came too soon after something that was done.
        left_out = [each for each in came if each.customer_id == who and each not in kept]
        assert all(any(each.at < time + AGAIN for time in times) for each in left_out)
    assert rules.spaced(kept, last, AGAIN) == kept


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (
            PlayTerms(
                name="空",
                trigger=EventComes(event="login"),
                action=MakeTask(title="x", gives_customer=True),
            ),
            "action.gives_customer",
        ),
        (
            PlayTerms(
                name="空",
                trigger=SilenceFalls(days=60),
                action=Tell(sentence="x"),
                again_days=30,
            ),
            "again_days",
        ),
    ],
)
def test_s56_terms_that_make_no_sense_are_refused(terms: PlayTerms, field: str) -> None:
    with pytest.raises(PlayPointless) as refused:
        rules.ensure_sound(terms)

    assert refused.value.field == field


def test_s56_silence_is_told_again_after_at_least_as_long() -> None:
    terms = PlayTerms(
        name="沉默", trigger=SilenceFalls(days=60), action=Tell(sentence="x"), again_days=59
    )

    with pytest.raises(PlayAgainTooSoon) as refused:
        rules.ensure_sound(terms)

    assert refused.value.extra == {"at_least": 60}
    rules.ensure_sound(msgspec.structs.replace(terms, again_days=60))

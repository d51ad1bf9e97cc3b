"""What plans, meters and invoices decide, as laws over any split, order and stride."""

import random
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid5

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.invoices.rules import credit_notes, dunning, fapiao
from billing.invoices.rules.course import course
from billing.invoices.rules.credit_notes import CreditTooLarge
from billing.invoices.rules.drafts import Bearer, drafts
from billing.invoices.rules.dunning import TERMS, DunningTerms, DunningUnsound, OpenInvoice
from billing.invoices.rules.fapiao import FapiaoMalformed
from billing.invoices.rules.proration import prorated_minor
from billing.metering import rules as metering
from billing.metering.rules import UsageEvent, UsageIdReused, UsageOfTheFuture, UsageUnsound
from billing.money import Money
from billing.plans.rules import grants, versions
from billing.plans.rules.clock import ClockMovedBack, next_month
from billing.plans.rules.entitlements import Standing, Verdict, decide, entitlement
from billing.plans.rules.grants import Grant, GrantUnsound, Source
from billing.plans.rules.subscriptions import Change, stretches
from billing.plans.rules.versions import (
    FREE,
    Limit,
    LimitKind,
    Meter,
    PlanVersion,
    PlanVersionPast,
    PlanVersionUnsound,
)
from billing.plans.schemas import Subscription

AGENT = UUID(int=7)
DAY = date(2026, 5, 1)
NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
MONTHS = st.dates(date(2024, 1, 1), date(2036, 12, 31)).map(lambda day: day.replace(day=1))
PRICES = st.integers(0, 10**9)


def a_version(**terms: object) -> PlanVersion:
    """Write a version of a paid plan."""
    about = {
        "id": uuid5(AGENT, "version"),
        "plan_id": uuid5(AGENT, "plan"),
        "name": "专业版",
        "begins_on": DAY,
        "price_minor": 310_00,
        "tax_ppm": 60_000,
        "unit_minor": {"seats": 31_00},
    }
    return msgspec.convert(about | terms, PlanVersion)


def a_grant(name: str = "grant", **terms: Any) -> Grant:
    """Write a grant of two seats."""
    about = {
        "id": uuid5(AGENT, name),
        "agent_id": AGENT,
        "source": "agent",
        "meter": "seats",
        "units": 2,
        "begins_on": DAY,
    }
    return msgspec.convert(about | terms, Grant)


def held(version: PlanVersion, *changes: tuple[date, UUID | None], **more: object) -> Subscription:
    """Write what an agent has: its changes of plan, in order."""
    return msgspec.structs.replace(
        Subscription(agent_id=AGENT, clock_on=DAY),
        plans={version.plan_id: [version]},
        changes=[
            Change(id=uuid5(AGENT, f"change:{n}"), agent_id=AGENT, begins_on=on, plan_id=plan_id)
            for n, (on, plan_id) in enumerate(changes)
        ],
        **more,
    )


# --------------------------------------------------------------------------------- proration, I13


@given(PRICES, MONTHS, st.sets(st.integers(1, 30), max_size=8))
def test_any_split_of_a_month_sums_to_the_whole(price: int, month: date, cuts: set[int]) -> None:
    end = next_month(month)
    inner = sorted(cut for n in cuts if (cut := month + timedelta(days=n)) < end)
    parts = [prorated_minor(price, *each) for each in pairwise([month, *inner, end])]
    assert sum(parts) == price
    assert min(parts) >= 0


@given(PRICES, MONTHS, st.data())
def test_each_day_costs_its_largest_remainder(price: int, month: date, data: st.DataObject) -> None:
    days = (next_month(month) - month).days
    by_day = [part.amount_minor for part in Money(price, "CNY").allocate([1] * days)]
    n = data.draw(st.integers(0, days - 1))
    on = month + timedelta(days=n)
    assert prorated_minor(price, on, on + timedelta(days=1)) == by_day[n]


def test_many_random_changes_of_plan_cost_a_month_together() -> None:
    chance = random.Random(13)
    for _ in range(1_500):
        price = chance.randrange(10**7)
        month = date(chance.randrange(2024, 2036), chance.randrange(1, 13), 1)
        end = next_month(month)
        inner = sorted(chance.sample(range(1, (end - month).days), chance.randrange(6)))
        cuts = [month, *(month + timedelta(days=n) for n in inner), end]
        assert sum(prorated_minor(price, *each) for each in pairwise(cuts)) == price


@given(st.lists(st.integers(0, 30), unique=True, max_size=6), st.data())
def test_stretches_are_all_days_without_a_gap(offsets: list[int], data: st.DataObject) -> None:
    version = a_version()
    named = st.sampled_from([version.plan_id, FREE.plan_id, None])
    changes = [(DAY + timedelta(days=n), data.draw(named)) for n in sorted(offsets)]
    told = held(version, *changes)
    found = stretches(told.changes, told.plans, DAY, date(2026, 6, 1))
    assert found[0].begins_on == DAY
    assert found[-1].ends_before == date(2026, 6, 1)
    assert all(one.ends_before == other.begins_on for one, other in pairwise(found))
    assert all(
        (one.version, one.is_paused) != (other.version, other.is_paused)
        for one, other in pairwise(found)
    )


# ------------------------------------------------------------------------------------- invoices


def test_a_month_is_billed_by_days_and_by_who_bears_it() -> None:
    version = a_version()
    told = held(
        version,
        (date(2026, 5, 11), version.plan_id),
        (date(2026, 5, 21), None),
        grants=[
            a_grant("own", begins_on=date(2026, 5, 11), ends_on=date(2026, 5, 15)),
            a_grant("sponsored", source="platform", begins_on=date(2026, 5, 1)),
            a_grant("benefit", source="benefit", begins_on=date(2026, 5, 1)),
        ],
    )
    own, borne = drafts(told, DAY, payable_days=30)

    assert (own.bearer, borne.bearer) == (Bearer.AGENT, Bearer.PLATFORM)
    # 10 of 31 days of 310 yuan; 5 of 31 days of two seats at 31 yuan.
    assert [line.net_minor for line in own.lines] == [100_00, 10_00]
    assert (own.tax_minor, own.total_minor) == (6_60, 116_60)
    assert [(line.net_minor, line.units) for line in borne.lines] == [(20_00, 2)]
    assert (own.issued_on, own.due_on) == (date(2026, 6, 1), date(2026, 7, 1))


def test_what_is_free_makes_no_invoice() -> None:
    assert drafts(held(a_version()), DAY, payable_days=30) == []
    found = course(held(a_version()), [], date(2036, 5, 1), TERMS)
    assert (found.drafts, found.steps, found.standing) == ([], [], Standing.GOOD)


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=8), st.integers(0, 10**6))
def test_tax_of_the_lines_sums_to_the_tax_of_the_whole(nets: list[int], rate: int) -> None:
    version = a_version(tax_ppm=rate, price_minor=0, unit_minor={"seats": 1})
    told = held(
        version,
        (DAY, version.plan_id),
        grants=[a_grant(f"{n}", units=net) for n, net in enumerate(nets)],
    )
    [draft] = drafts(told, DAY, payable_days=0)
    exact = sum(nets) * rate
    assert draft.net_minor == sum(nets)
    assert 2 * abs(draft.tax_minor * versions.PPM - exact) <= versions.PPM


@given(
    st.integers(1, 10**6).flatmap(
        lambda total: st.tuples(
            st.just(total),
            st.integers(0, total),
            st.lists(st.integers(1, total), min_size=1, max_size=6),
        )
    )
)
def test_credits_of_a_whole_invoice_have_its_tax(case: tuple[int, int, list[int]]) -> None:
    total, tax, amounts = case
    before = given_back = 0
    for amount in amounts:
        if amount > total - before:
            with pytest.raises(CreditTooLarge):
                credit_notes.credited_tax(total, tax, before, amount)
            amount = total - before  # noqa: PLW2901 - the rest instead
            if not amount:
                break
        given_back += credit_notes.credited_tax(total, tax, before, amount)
        before += amount
    if before < total:
        given_back += credit_notes.credited_tax(total, tax, before, total - before)
    assert given_back == tax


@pytest.mark.parametrize(
    "number", ["", "2644200000012345678", "264420000001234567890", "26442000000123456a78",
               "27442000000000000001", "20442000000000000001", "26002000000000000001",
               "26442000000000000000", "２6442000000000000001"]
)  # fmt: skip
def test_what_is_no_number_of_an_e_invoice(number: str) -> None:
    fapiao.ensure_number("26442000000123456789", 2026)
    with pytest.raises(FapiaoMalformed):
        fapiao.ensure_number(number, 2026)


# -------------------------------------------------------------------------- the clock and dunning


def an_owing(**more: object) -> Subscription:
    """Write what an agent has that pays nothing."""
    version = a_version()
    return held(version, (DAY, version.plan_id), **more)


def test_steps_come_on_their_days_and_end_with_exports() -> None:
    found = course(an_owing(), [], date(2027, 5, 1), TERMS)
    due = date(2026, 7, 1)
    assert [(step.on, step.standing) for step in found.steps] == [
        (due + timedelta(days=1), Standing.REMINDED),
        (due + timedelta(days=15), Standing.REMINDED_AGAIN),
        (due + timedelta(days=45), Standing.READ_ONLY),
        (due + timedelta(days=90), Standing.EXPORT_ONLY),
    ]
    assert len(found.drafts) == 12


@settings(max_examples=40)
@given(st.lists(st.integers(0, 120), min_size=1, max_size=12))
def test_the_strides_of_the_clock_change_nothing(strides: list[int]) -> None:
    until = DAY + timedelta(days=sum(strides))
    at_once = course(an_owing(), [], until, TERMS)
    told, owed, written, steps = an_owing(), list[OpenInvoice](), [], []
    for stride in strides:
        found = course(told, owed, told.clock_on + timedelta(days=stride), TERMS)
        owed += [
            OpenInvoice(id=draft.id, due_on=draft.due_on, left_minor=draft.total_minor)
            for draft in found.drafts
        ]
        written += found.drafts
        steps += found.steps
        told = msgspec.structs.replace(told, clock_on=found.clock.on, standing=found.standing)
    assert (written, steps, told.standing) == (at_once.drafts, at_once.steps, at_once.standing)


def test_the_clock_moves_only_forward() -> None:
    with pytest.raises(ClockMovedBack):
        course(an_owing(), [], DAY - timedelta(days=1), TERMS)


def test_who_pays_stands_well_again() -> None:
    late = OpenInvoice(id=AGENT, due_on=DAY, left_minor=1)
    on = DAY + timedelta(days=50)
    assert dunning.standing([late], on, TERMS) is Standing.READ_ONLY
    assert dunning.standing([msgspec.structs.replace(late, left_minor=0)], on, TERMS) is (
        Standing.GOOD
    )
    with pytest.raises(DunningUnsound):
        dunning.ensure_sound(DunningTerms(reminded=10, reminded_again=10))


# --------------------------------------------------------------------------------- entitlements


def limited(kind: LimitKind, **more: object) -> PlanVersion:
    """Write a version with three seats."""
    return a_version(limits={"seats": msgspec.to_builtins(Limit(most=3, kind=kind)) | more})


def test_kinds_of_limits() -> None:
    hard = entitlement(limited(LimitKind.HARD), [], DAY)
    assert decide(hard, Meter.SEATS, used=2).verdict is Verdict.WITHIN
    refused = decide(hard, Meter.SEATS, used=3)
    assert refused.verdict is Verdict.REFUSED
    assert refused.en.startswith("3 of 3 seats used, 1 more asked for.")
    assert refused.zh.startswith("席位：已用 3 / 3，本次需要 1。")
    soft = entitlement(limited(LimitKind.SOFT), [], DAY)
    assert decide(soft, Meter.SEATS, used=3).verdict is Verdict.WARNED
    assert decide(hard, Meter.MESSAGES, used=10**9).verdict is Verdict.WITHIN

    grace = limited(LimitKind.GRACE, grace_until="2026-05-10")
    last, after = (entitlement(grace, [], date(2026, 5, day)) for day in (10, 11))
    assert decide(last, Meter.SEATS, used=3).verdict is Verdict.WARNED
    assert decide(after, Meter.SEATS, used=3).verdict is Verdict.REFUSED
    assert last.changes_on == date(2026, 5, 11)
    assert after.changes_on is None


@pytest.mark.parametrize("standing", [Standing.READ_ONLY, Standing.EXPORT_ONLY])
def test_who_owes_may_still_export_and_loses_nothing_done_offline(standing: Standing) -> None:
    barred = entitlement(limited(LimitKind.HARD), [], DAY, standing=standing)
    assert decide(barred, Meter.SEATS, used=0).verdict is Verdict.REFUSED
    assert decide(barred, Meter.CUSTOMERS, used=0).verdict is Verdict.REFUSED
    assert decide(barred, Meter.EXPORTS, used=10**6).verdict is Verdict.WITHIN
    offline = decide(barred, Meter.CUSTOMERS, used=0, is_offline=True)
    assert offline.verdict is Verdict.WARNED


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3)), max_size=5),
    st.integers(0, 20),
    st.integers(1, 20),
)
def test_what_is_used_comes_from_the_plan_then_by_priority(
    units: list[tuple[int, int]], used: int, asked: int
) -> None:
    given_ = [a_grant(f"{n}", units=u, priority=p) for n, (u, p) in enumerate(units)]
    told = entitlement(limited(LimitKind.HARD), given_, DAY)
    decision = decide(told, Meter.SEATS, used=used, asked=asked)
    assert decision.most == 3 + sum(u for u, _ in units)
    borne = sum(part.units for part in decision.borne)
    assert borne == max(0, min(used + asked, decision.most) - used)
    assert (decision.verdict is Verdict.REFUSED) == (borne < asked)
    priority = {grant.id: grant.priority for grant in given_} | {None: -1}
    order = [priority[part.grant_id] for part in decision.borne]
    assert order == sorted(order)


def test_a_grant_holds_from_its_first_day_to_its_last() -> None:
    grant = a_grant(begins_on="2026-05-03", ends_on="2026-05-05", source="benefit")
    told = {
        day: entitlement(limited(LimitKind.HARD), [grant], date(2026, 5, day))
        for day in (2, 3, 5, 6)
    }
    most = {day: each.allowances[Meter.SEATS].most for day, each in told.items()}
    assert most == {2: 3, 3: 5, 5: 5, 6: 3}
    assert [each.changes_on for each in told.values()] == [
        date(2026, 5, 3), date(2026, 5, 6), date(2026, 5, 6), None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "terms",
    [
        {"units": None},
        {"feature": "api"},
        {"meter": None, "units": None},
        {"meter": None, "units": None, "feature": "api"},
        {"ends_on": "2026-04-30"},
    ],
)
def test_grants_that_cannot_be(terms: dict[str, Any]) -> None:
    with pytest.raises(GrantUnsound):
        grants.ensure_sound(a_grant(**terms))


@pytest.mark.parametrize(
    "limit",
    [
        {"most": 1, "kind": "grace"},
        {"most": 1, "kind": "hard", "grace_until": "2026-06-01"},
        {"most": 1, "kind": "grace", "grace_until": "2026-04-30"},
    ],
)
def test_versions_that_cannot_be(limit: dict[str, object]) -> None:
    with pytest.raises(PlanVersionUnsound):
        versions.ensure_sound(a_version(limits={"seats": limit}))
    with pytest.raises(msgspec.ValidationError):
        a_version(price_minor=9.9)
    with pytest.raises(msgspec.ValidationError):
        a_version(price_minor=-1)


def test_a_version_lies_ahead_and_keeps_its_currency() -> None:
    first = a_version()
    for begins_on in (DAY, DAY - timedelta(days=1)):
        with pytest.raises(PlanVersionPast):
            versions.ensure_follows([], a_version(begins_on=begins_on), DAY)
    later = DAY + timedelta(days=1)
    versions.ensure_follows([first], a_version(begins_on=later), DAY)
    with pytest.raises(PlanVersionUnsound):
        versions.ensure_follows([first], a_version(begins_on=later, currency="USD"), DAY)


# -------------------------------------------------------------------------------------- metering


def events(meter: Meter = Meter.STORAGE_BYTES) -> st.SearchStrategy[list[UsageEvent]]:
    """Make events of three days, whose ids are their places."""
    one = st.tuples(st.integers(0, 3 * 86_400 - 1), st.integers(-(10**9), 10**9).filter(bool))
    return st.lists(one, max_size=20).map(
        lambda found: [
            UsageEvent(
                id=UUID(int=n), meter=meter, amount=amount,
                at=datetime(2026, 5, 1, tzinfo=UTC) + timedelta(seconds=second),
            )
            for n, (second, amount) in enumerate(found)
        ]
    )  # fmt: skip


@given(events(), st.randoms(use_true_random=False))
def test_a_bucket_is_the_same_in_whatever_order_its_events_come(
    told: list[UsageEvent], chance: random.Random
) -> None:
    shuffled = told + told[: len(told) // 2]
    chance.shuffle(shuffled)
    one, other = metering.buckets(told), metering.buckets(shuffled)
    assert msgspec.json.encode(one) == msgspec.json.encode(other)
    for bucket in one:
        own = [e for e in told if metering.hour_of(e.at) == bucket.hour]
        assert msgspec.json.encode(metering.buckets(own)) == msgspec.json.encode([bucket])


@given(events(), st.integers(0, 71), st.integers(1, 72))
def test_byte_seconds_are_the_level_second_by_second(
    told: list[UsageEvent], first: int, hours: int
) -> None:
    begins = datetime(2026, 5, 1, tzinfo=UTC) + timedelta(hours=first)
    ends = begins + timedelta(hours=hours)
    exact = sum(
        event.amount * max(0, int((ends - max(event.at, begins)).total_seconds())) for event in told
    )
    assert metering.level_seconds(metering.buckets(told), begins, ends) == exact


def test_seats_of_a_day_are_all_who_sat_on_it() -> None:
    begins = datetime(2026, 5, 1, tzinfo=UTC)
    moves = [(0, 3), (30, 1), (31, -1), (50, -2)]
    told = [
        UsageEvent(id=UUID(int=n), meter=Meter.SEATS, at=begins + timedelta(hours=h), amount=a)
        for n, (h, a) in enumerate(moves)
    ]
    days = [(date(2026, 5, 1 + n), begins + timedelta(days=n)) for n in range(4)]
    found = metering.seats_by_day(metering.buckets(told), days)
    assert list(found.values()) == [3, 4, 3, 1]


def test_usage_that_cannot_be() -> None:
    good = UsageEvent(id=AGENT, meter=Meter.MESSAGES, at=NOW, amount=1)
    metering.ensure_sound([good, good], NOW)
    replace = msgspec.structs.replace
    with pytest.raises(UsageOfTheFuture):
        metering.ensure_sound([replace(good, at=NOW + timedelta(seconds=1))], NOW)
    for amount in (0, -1):
        with pytest.raises(UsageUnsound):
            metering.ensure_sound([replace(good, amount=amount)], NOW)
    with pytest.raises(UsageIdReused):
        metering.ensure_sound([good, replace(good, amount=2)], NOW)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(msgspec.to_builtins(good) | {"amount": 1.5}, UsageEvent)


def test_a_sponsored_unit_is_never_the_agents() -> None:
    assert {
        source: draft.bearer
        for source in Source
        for draft in drafts(
            held(
                a_version(price_minor=0),
                (DAY, a_version().plan_id),
                grants=[a_grant(source=source.value)],
            ),
            DAY,
            payable_days=1,
        )
    } == {Source.AGENT: Bearer.AGENT, Source.PLATFORM: Bearer.PLATFORM}

"""Where a leg goes, what is one voucher, what a chart takes: without a database."""

import random
from collections import Counter
from datetime import date, timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.accounting_vouchers.rules import charts, making, templates
from billing.accounting_vouchers.rules.charts import (
    ChartAccountDiffers,
    ChartAccountInUse,
    ChartAccountNotLeaf,
    ChartParentMissing,
)
from billing.accounting_vouchers.rules.making import NothingToVoucher
from billing.accounting_vouchers.rules.posting import (
    AuxiliaryMissing,
    Postings,
    PostingUnmapped,
)
from billing.accounting_vouchers.rules.templates import SummaryUnsound
from billing.accounting_vouchers.schemas import (
    Category,
    ChartAccount,
    Detail,
    Draft,
    Movement,
    PostingRule,
    Side,
    Standard,
    Treatment,
    VoucherTemplate,
)
from billing.ledger.schemas import AccountKind, Dimension

FIRST = date(2026, 3, 1)
LAST = date(2026, 3, 31)
CHART = {account.code: account for account in charts.accounts(Standard.ENTERPRISE)}
AGENTS = ("a1", "a2", "a3")
PROGRAMS = ("p1", "p2")


def rule(kind: str, code: str, *, begins_on: date = FIRST, **more: object) -> PostingRule:
    """Write a rule."""
    told = {"id": UUID(int=1), "kind": kind, "account_code": code, "begins_on": begins_on, **more}
    return msgspec.convert(told, PostingRule, strict=False)


def standard_rules() -> list[PostingRule]:
    """Give the rules that a chart begins with."""
    return [rule(kind, code) for kind, code in charts.postings(Standard.ENTERPRISE).items()]


def plan(rules: list[PostingRule], *own: VoucherTemplate) -> making.Plan:
    """Say what vouchers are put up by."""
    return making.Plan(
        run_id=UUID(int=9),
        ends_on=LAST,
        postings=Postings(rules, CHART),
        templates=own,
        names={"a1": "北极星商贸", "p1": "开业礼"},
    )


@st.composite
def movements(draw: st.DrawFn) -> list[Movement]:
    """Make up what a month moved."""
    of = {
        "benefit.redeemed": ("budget", "issued"),
        "benefit.rolled_back": ("budget", "issued"),
        "commission.earned": ("commission_cost", "commission"),
        "payout.paid": ("payout", "bank"),
    }
    found = []
    for n in range(draw(st.integers(1, 25))):
        event = draw(st.sampled_from(sorted(of)))
        debit, credit = of[event]
        agent, program = draw(st.sampled_from(AGENTS)), draw(st.sampled_from(PROGRAMS))
        dims = msgspec.json.encode({"agent": agent, "program": program}).decode()
        found.append(
            Movement(
                transfer_id=UUID(int=n + 1),
                event=event,
                booked_on=FIRST + timedelta(days=draw(st.integers(0, 30))),
                currency=draw(st.sampled_from(["CNY", "USD"])),
                amount_minor=draw(st.integers(1, 10**12))
                * (-1 if event == "benefit.rolled_back" else 1),
                debit_kind=AccountKind(debit),
                credit_kind=AccountKind(credit),
                debit_dims=dims,
                credit_dims=dims,
            )
        )
    return found


def own_template(detail: Detail, event: str = "commission.earned") -> VoucherTemplate:
    """Write a template of one's own."""
    return VoucherTemplate(
        id=UUID(int=3), event=event, begins_on=FIRST, summary="{day} {agent} {count}", detail=detail
    )


@given(movements(), st.sampled_from(Detail))
def test_s98_each_movement_is_in_one_voucher_and_each_voucher_balances(
    moved: list[Movement], detail: Detail
) -> None:
    drafts = making.put_up(moved, plan(standard_rules(), own_template(detail))).drafts

    of = {each.transfer_id: each for each in moved}
    assert sorted(held for draft in drafts for held, _, _ in draft.transfers) == sorted(of)
    for draft in drafts:
        lines = {line.n: line for line in draft.lines}
        assert sum(line.debit_minor for line in draft.lines) == sum(
            line.credit_minor for line in draft.lines
        )
        told: Counter[tuple[int, str]] = Counter()
        for held, debit, credit in draft.transfers:
            told[debit, "debit"] += of[held].amount_minor
            told[credit, "credit"] += of[held].amount_minor
        assert told == {
            (n, side): minor
            for n, line in lines.items()
            for side, minor in (("debit", line.debit_minor), ("credit", line.credit_minor))
            if minor
        }
        assert all(len(line.summary) <= 60 for line in draft.lines)


@given(movements(), st.randoms())
def test_vouchers_are_the_same_in_whichever_order_movements_come(
    moved: list[Movement], fortune: random.Random
) -> None:
    shuffled = list(moved)
    fortune.shuffle(shuffled)

    def told(drafts: list[Draft]) -> list[object]:
        return [(draft.id, draft.word, draft.on, draft.lines) for draft in drafts]

    by = plan(standard_rules())
    assert told(making.put_up(moved, by).drafts) == told(making.put_up(shuffled, by).drafts)


def a_movement(event: str = "commission.earned", **more: object) -> Movement:
    """Write a movement of an agent's commission."""
    told = {
        "transfer_id": UUID(int=5),
        "event": event,
        "booked_on": date(2026, 3, 9),
        "currency": "CNY",
        "amount_minor": 100,
        "debit_kind": "commission_cost",
        "credit_kind": "commission",
        "debit_dims": "{}",
        "credit_dims": '{"agent": "a1"}',
        **more,
    }
    return msgspec.convert(told, Movement, strict=False)


def test_a_leg_is_counted_for_what_the_other_one_says() -> None:
    [draft] = making.put_up([a_movement()], plan(standard_rules())).drafts

    assert [(line.account_code, line.dims) for line in draft.lines] == [
        ("660101", {Dimension.AGENT: "a1"}),
        ("224101", {Dimension.AGENT: "a1"}),
    ]
    assert (draft.word, draft.on) == ("转", LAST)
    assert draft.lines[0].summary == "3月计提渠道佣金 北极星商贸"


def test_red_stays_apart_from_what_it_undoes() -> None:
    both = [a_movement(), a_movement(transfer_id=UUID(int=6), amount_minor=-100)]

    [draft] = making.put_up(both, plan(standard_rules())).drafts

    assert [(line.debit_minor, line.credit_minor) for line in draft.lines] == [
        (100, 0),
        (-100, 0),
        (0, 100),
        (0, -100),
    ]


@pytest.mark.parametrize("treatment", Treatment)
def test_a_budget_handed_on_is_in_no_voucher_however_it_is_treated(treatment: Treatment) -> None:
    treated = charts.treated(Standard.ENTERPRISE, treatment)
    rules = [rule(kind, code) for kind, code in treated.items()]
    funded = a_movement(
        "budget.funded",
        debit_kind="funding",
        credit_kind="budget",
        debit_dims="{}",
        credit_dims='{"program": "p1"}',
    )
    handed_on = a_movement(
        "budget.allocated",
        transfer_id=UUID(int=6),
        debit_kind="budget",
        credit_kind="budget",
        debit_dims='{"program": "p1"}',
        credit_dims='{"agent": "a1", "program": "p1"}',
    )

    made = making.put_up([funded, handed_on], plan(rules))

    if treatment is Treatment.CONTRACT_LIABILITY:
        [draft] = made.drafts
        assert [line.account_code for line in draft.lines] == ["600102", "220501"]
        assert made.within == [handed_on.transfer_id]
    else:
        assert (made.drafts, made.within) == ([], [funded.transfer_id, handed_on.transfer_id])


def test_the_same_account_for_two_agents_is_in_a_voucher() -> None:
    across = a_movement(
        debit_kind="commission",
        credit_kind="commission",
        debit_dims='{"agent": "a2"}',
    )

    [draft] = making.put_up([across], plan(standard_rules())).drafts

    assert [(line.account_code, line.dims[Dimension.AGENT]) for line in draft.lines] == [
        ("224101", "a2"),
        ("224101", "a1"),
    ]


def test_the_rule_that_says_most_of_a_leg_decides() -> None:
    rules = [
        rule("issued", "2241", begins_on=FIRST),
        rule("issued", "2202", begins_on=date(2026, 3, 15)),
        rule("issued", "2203", dims={"program": "p1"}),
        rule("issued", "1122", event="benefit.redeemed"),
    ]
    flat = {code: account for code, account in CHART.items() if not account.code.startswith("2241")}
    postings = Postings(rules, {**flat, "2241": CHART["2241"]})

    def asked(event: str, dims: dict[Dimension, str], on: date) -> str:
        return postings.account(AccountKind.ISSUED, event, dims, on).code

    program = {Dimension.PROGRAM: "p1", Dimension.AGENT: "a1"}
    assert asked("benefit.expired", {}, FIRST) == "2241"
    assert asked("benefit.expired", {}, LAST) == "2202"
    assert asked("benefit.expired", program, LAST) == "2203"
    assert asked("benefit.redeemed", program, LAST) == "1122"


def test_an_unmapped_kind_is_named_with_what_to_do() -> None:
    rules = [each for each in standard_rules() if each.kind is not AccountKind.COMMISSION]

    with pytest.raises(PostingUnmapped, match=r"commission goes for commission\.earned on 2026-03"):
        making.put_up([a_movement()], plan(rules))
    with pytest.raises(PostingUnmapped):
        Postings(standard_rules(), CHART).account(
            AccountKind.BANK, "payout.paid", {}, FIRST - timedelta(days=1)
        )


def test_what_an_account_is_counted_by_must_be_there() -> None:
    with pytest.raises(AuxiliaryMissing, match="660101 渠道佣金 is counted by agent"):
        making.put_up([a_movement(credit_dims="{}")], plan(standard_rules()))


def test_only_lowest_accounts_are_posted_to() -> None:
    with pytest.raises(ChartAccountNotLeaf, match="2241"):
        charts.ensure_posted_to("2241", CHART)
    with pytest.raises(charts.ChartAccountNotFound, match="9999"):
        charts.ensure_posted_to("9999", CHART)


def test_nothing_is_put_up_of_nothing() -> None:
    with pytest.raises(NothingToVoucher):
        making.put_up([], plan(standard_rules()))


@pytest.mark.parametrize("standard", Standard)
@pytest.mark.parametrize("treatment", Treatment)
def test_charts_begin_whole(standard: Standard, treatment: Treatment) -> None:
    begun = charts.accounts(standard)

    chart = {account.code: account for account in charts.ensure_fits(begun, {}, ())}

    assert len(chart) == len(begun)
    for code in (
        *charts.postings(standard).values(),
        *charts.treated(standard, treatment).values(),
    ):
        charts.ensure_posted_to(code, chart)
    assert set(charts.postings(standard)) == set(AccountKind)


def own_account(code: str, name: str = "自定义") -> ChartAccount:
    """Write an account of one's own."""
    return ChartAccount(code=code, name=name, category=Category.PROFIT, side=Side.DEBIT)


def test_a_chart_takes_accounts_of_ones_own_below_free_ones() -> None:
    below = [own_account("66020101"), own_account("660201")]

    assert [each.code for each in charts.ensure_fits(below, CHART, ())] == ["660201", "66020101"]
    assert charts.ensure_fits([CHART["6602"]], CHART, ()) == []
    with pytest.raises(ChartParentMissing, match="660301"):
        charts.ensure_fits([own_account("66030101")], CHART, ())
    with pytest.raises(ChartAccountInUse, match="660101"):
        charts.ensure_fits([own_account("66010101")], CHART, {"660101"})
    with pytest.raises(ChartAccountDiffers, match="6602"):
        charts.ensure_fits([own_account("6602")], CHART, ())


@pytest.mark.parametrize("summary", ["{who}", "{day", "{0}", "{day.year}", "{}"])
def test_a_summary_names_only_what_there_is(summary: str) -> None:
    template = msgspec.structs.replace(own_template(Detail.DAY), summary=summary)

    with pytest.raises(SummaryUnsound):
        templates.ensure_sound(template)


@given(st.text("=+-@ \n\u2028\x1c中a", max_size=90))
def test_a_summary_is_one_line_that_no_package_cuts_or_computes(text: str) -> None:
    cut = templates.cut(text)

    assert len(cut) <= 60
    assert cut.splitlines() in ([], [cut])
    assert not cut.startswith(("=", "+", "-", "@"))

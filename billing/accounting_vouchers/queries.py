"""Read the chart, rules, vouchers and what they are made of. Platform's role only."""

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from billing.accounting_vouchers.rules import charts
from billing.accounting_vouchers.schemas import (
    ChartAccount,
    ChartBalance,
    ExportJob,
    Line,
    Movement,
    NumberRange,
    PostingRule,
    RunView,
    Source,
    Tie,
    Voucher,
    VoucherRow,
    VoucherTemplate,
)
from billing.accounting_vouchers.tables import AccountingExport as ExportTable
from billing.accounting_vouchers.tables import AccountingVoucher as VoucherTable
from billing.accounting_vouchers.tables import AccountingVoucherLine as LineTable
from billing.accounting_vouchers.tables import AccountingVoucherRun as RunTable
from billing.accounting_vouchers.tables import ChartAccount as ChartTable
from billing.accounting_vouchers.tables import PostingRule as RuleTable
from billing.errors import BillingRefusal, Sort
from billing.ledger.schemas import Finding
from billing.periods import queries as periods
from billing.periods.rules import PeriodNotFound
from billing.periods.schemas import PeriodView

_T = TypeVar("_T", bound=msgspec.Struct)
SHANGHAI: Final = timezone(timedelta(hours=8))
"""Where the platform's days begin; China has no summer time."""

_CHART: Final = "SELECT code, name, category, side, wants FROM chart_account ORDER BY code"
_USED: Final = """
SELECT account_code FROM posting_rule
UNION SELECT account_code FROM accounting_voucher_line
"""
_RULES: Final = """
SELECT id, kind, event, dims::text AS dims, begins_on, account_code FROM posting_rule
ORDER BY kind, event NULLS FIRST, dims::text, begins_on
"""
_TEMPLATES: Final = """
SELECT id, event, begins_on, summary, word, detail FROM accounting_voucher_template
ORDER BY event, begins_on
"""
_MOVEMENTS: Final = """
SELECT transfer.id AS transfer_id, transfer.event, transfer.currency,
    (entry.booked_at AT TIME ZONE 'Asia/Shanghai')::date AS booked_on,
    -entry.posted_minor AS amount_minor, debit.kind AS debit_kind, credit.kind AS credit_kind,
    (transfer.dims || debit.dims)::text AS debit_dims,
    (transfer.dims || credit.dims)::text AS credit_dims
FROM ledger_entry entry
JOIN ledger_transfer transfer
ON transfer.id = entry.transfer_id AND transfer.debit_id = entry.account_id
JOIN ledger_account debit ON debit.id = transfer.debit_id
JOIN ledger_account credit ON credit.id = transfer.credit_id
WHERE entry.booked_at >= {} AND entry.booked_at < {} AND entry.posted_minor <> 0
AND NOT EXISTS (
    SELECT FROM accounting_voucher_transfer held
    WHERE held.transfer_id = transfer.id AND held.is_live
)
AND NOT EXISTS (
    SELECT FROM accounting_voucher_within within
    WHERE within.transfer_id = transfer.id AND within.is_live
)
ORDER BY entry.booked_at, transfer.recorded_at, transfer.group_id, transfer.position
"""
_RUN: Final = """
SELECT run.id, run.period_id, encode(run.hash, 'hex') AS hash, run.made_by, run.maker_name,
    run.made_at, run.checked_by, run.checker_name, run.checked_at, run.refused_by, run.refused_at,
    run.reason,
    (SELECT count(*) FROM accounting_voucher WHERE run_id = run.id) AS vouchers,
    (SELECT count(*) FROM accounting_voucher_within WHERE run_id = run.id) AS within
FROM accounting_voucher_run run
"""
_RUN_BY_ID: Final = f"{_RUN} WHERE run.id = {{}}"
_RUNS: Final = f"{_RUN} WHERE run.period_id = {{}} ORDER BY run.made_at DESC, run.id"
_ROWS: Final = """
SELECT voucher.id, voucher.run_id, voucher.word, number.no, voucher.on_day AS on, voucher.currency,
    coalesce(first.summary, '') AS summary, total.minor AS total_minor, voucher.reversal_of,
    voucher.position
FROM accounting_voucher voucher
JOIN accounting_voucher_run run ON run.id = voucher.run_id AND run.refused_by IS NULL
LEFT JOIN accounting_voucher_number number ON number.voucher_id = voucher.id
LEFT JOIN accounting_voucher_line first ON (first.voucher_id, first.n) = (voucher.id, 1)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(debit_minor), 0)::bigint AS minor FROM accounting_voucher_line
    WHERE voucher_id = voucher.id
) total
WHERE voucher.period_id = {}
AND (voucher.word, coalesce(number.no, 2147483647), voucher.run_id, voucher.position)
    > ({}, {}, {}, {})
ORDER BY voucher.word, coalesce(number.no, 2147483647), voucher.run_id, voucher.position
LIMIT {}
"""
_VOUCHERS: Final = """
SELECT voucher.id, voucher.run_id, voucher.period_id, voucher.word, number.no,
    voucher.on_day AS on, voucher.currency, run.maker_name, run.checker_name, voucher.reversal_of,
    red.id AS reversed_by
FROM accounting_voucher voucher
JOIN accounting_voucher_run run ON run.id = voucher.run_id
LEFT JOIN accounting_voucher_number number ON number.voucher_id = voucher.id
LEFT JOIN LATERAL (
    SELECT red.id FROM accounting_voucher red
    JOIN accounting_voucher_run other ON other.id = red.run_id AND other.refused_by IS NULL
    WHERE red.reversal_of = voucher.id
) red ON true
"""
_VOUCHER: Final = f"{_VOUCHERS} WHERE voucher.id = {{}}"
_NUMBERED: Final = f"""{_VOUCHERS}
JOIN unnest({{}}::text[], {{}}::integer[], {{}}::integer[]) AS asked (word, first, last)
ON asked.word = number.word AND number.no BETWEEN asked.first AND asked.last
WHERE number.period_id = {{}} AND voucher.currency = {{}}
ORDER BY number.word, number.no
"""
_LINES: Final = """
SELECT voucher_id, n, summary, account_code, debit_minor, credit_minor, dims::text AS dims
FROM accounting_voucher_line WHERE voucher_id = ANY ({}::uuid[]) ORDER BY voucher_id, n
"""
_AGENTS: Final = """
SELECT DISTINCT (dims ->> 'agent')::uuid AS agent_id FROM accounting_voucher_line
WHERE voucher_id = ANY ({}::uuid[]) AND dims ->> 'agent' IS NOT NULL ORDER BY agent_id
"""
_AGENTS_OF_PERIOD: Final = """
SELECT DISTINCT (line.dims ->> 'agent')::uuid AS agent_id
FROM accounting_voucher voucher JOIN accounting_voucher_line line ON line.voucher_id = voucher.id
WHERE voucher.period_id = {} AND line.dims ->> 'agent' IS NOT NULL ORDER BY agent_id
"""
_SOURCES: Final = """
SELECT held.transfer_id, transfer.event, transfer.effective_at,
    CASE transfer.kind WHEN 'reversal' THEN -transfer.amount_minor ELSE transfer.amount_minor END
        AS amount_minor,
    held.debit_line, held.credit_line
FROM accounting_voucher_transfer held JOIN ledger_transfer transfer
ON transfer.id = held.transfer_id
WHERE held.voucher_id = {} AND held.transfer_id > {} AND ({} = 0 OR {} IN (debit_line, credit_line))
ORDER BY held.transfer_id LIMIT {}
"""
_COUNTERS: Final = """
SELECT word, 1 AS first, last FROM accounting_voucher_counter WHERE period_id = {} ORDER BY word
"""
_EXPORT: Final = """
SELECT id, period_id, format, currency, ranges::text AS ranges, account_book, sha256, size,
    replaced::text AS replaced, made_by, made_at
FROM accounting_export
"""
_EXPORT_BY_ID: Final = f"{_EXPORT} WHERE id = {{}}"
_EXPORTS: Final = f"{_EXPORT} WHERE period_id = {{}} ORDER BY made_at DESC, id"
_LAST_CHECK: Final = """
SELECT greatest({}, (SELECT max(checked_at) FROM accounting_voucher_run)) AS at
"""
_CHECKS: Final = """
SELECT count(*) AS checks FROM accounting_voucher_run WHERE checked_at IS NOT NULL
"""
_BALANCES: Final = """
SELECT line.account_code, voucher.currency, line.dims::text AS dims,
    coalesce(sum(line.debit_minor - line.credit_minor) FILTER (WHERE period.id <> {}), 0)::bigint
        AS opening_minor,
    coalesce(sum(line.debit_minor) FILTER (WHERE period.id = {}), 0)::bigint AS debits_minor,
    coalesce(sum(line.credit_minor) FILTER (WHERE period.id = {}), 0)::bigint AS credits_minor
FROM accounting_voucher_number number
JOIN accounting_voucher voucher ON voucher.id = number.voucher_id
JOIN accounting_voucher_line line ON line.voucher_id = voucher.id
JOIN accounting_voucher_run run ON run.id = voucher.run_id AND run.checked_at <= {}
JOIN ledger_period period ON period.id = voucher.period_id
WHERE period.starts_at <= (SELECT starts_at FROM ledger_period WHERE id = {})
AND voucher.currency = {}
GROUP BY line.account_code, voucher.currency, line.dims
ORDER BY line.account_code, voucher.currency, line.dims::text
"""
# What the vouchers of a period, and what needed none, say of each ledger account, beside what its
# close stored.
_TIES: Final = """
SELECT account.id AS account_id, account.kind, account.currency,
    coalesce(trial.debits_minor, 0) AS trial_debits_minor,
    coalesce(trial.credits_minor, 0) AS trial_credits_minor,
    coalesce(told.debits, 0)::bigint AS voucher_debits_minor,
    coalesce(told.credits, 0)::bigint AS voucher_credits_minor
FROM ledger_account account
LEFT JOIN (
    SELECT trial.* FROM ledger_trial trial JOIN ledger_period period
    ON (period.id, period.changes) = (trial.period_id, trial.n) WHERE period.id = {}
) trial ON trial.account_id = account.id
LEFT JOIN (
    SELECT leg.account_id, sum(leg.debits) AS debits, sum(leg.credits) AS credits
    FROM (
        SELECT held.transfer_id FROM accounting_voucher voucher
        JOIN accounting_voucher_transfer held ON held.voucher_id = voucher.id AND held.is_live
        WHERE voucher.period_id = {}
        UNION ALL
        SELECT within.transfer_id FROM accounting_voucher_run run
        JOIN accounting_voucher_within within ON within.run_id = run.id AND within.is_live
        WHERE run.period_id = {}
    ) held
    JOIN ledger_transfer transfer ON transfer.id = held.transfer_id
    CROSS JOIN LATERAL (
        SELECT CASE transfer.kind WHEN 'reversal' THEN -transfer.amount_minor
            ELSE transfer.amount_minor END AS minor
    ) moved
    CROSS JOIN LATERAL (VALUES
        (transfer.debit_id, moved.minor, 0::bigint), (transfer.credit_id, 0::bigint, moved.minor)
    ) leg (account_id, debits, credits)
    GROUP BY leg.account_id
) told ON told.account_id = account.id
WHERE (coalesce(trial.debits_minor, 0), coalesce(trial.credits_minor, 0))
    <> (coalesce(told.debits, 0), coalesce(told.credits, 0))
ORDER BY account.kind, account.id
"""

CHECKS: Final = {
    # Numbers are one to the last without gaps, and what is checked has one.
    "I12": """
        SELECT concat_ws(' ', counter.period_id, counter.word) AS subject
        FROM accounting_voucher_counter counter LEFT JOIN (
            SELECT period_id, word, count(*) AS held, max(no) AS last
            FROM accounting_voucher_number GROUP BY period_id, word
        ) number ON (number.period_id, number.word) = (counter.period_id, counter.word)
        WHERE number.held IS DISTINCT FROM counter.last
        OR number.last IS DISTINCT FROM counter.last
        UNION ALL
        SELECT voucher.id::text FROM accounting_voucher voucher
        JOIN accounting_voucher_run run ON run.id = voucher.run_id
        LEFT JOIN accounting_voucher_number number ON number.voucher_id = voucher.id
        WHERE (run.checked_by IS NULL) <> (number.no IS NULL)
    """,
    # A line is what its transfers sum up to; a red voucher's are those of the one taken back. What
    # needed no voucher is in none.
    "S98": """
        SELECT line.voucher_id::text AS subject FROM accounting_voucher_line line
        JOIN accounting_voucher voucher ON voucher.id = line.voucher_id
        LEFT JOIN (
            SELECT voucher_id, n, sum(debits) AS debits, sum(credits) AS credits
            FROM accounting_voucher_transfer held
            JOIN ledger_transfer transfer ON transfer.id = held.transfer_id
            CROSS JOIN LATERAL (
                SELECT CASE transfer.kind WHEN 'reversal' THEN -transfer.amount_minor
                    ELSE transfer.amount_minor END AS minor
            ) moved
            CROSS JOIN LATERAL (VALUES
                (held.debit_line, moved.minor, 0::bigint),
                (held.credit_line, 0::bigint, moved.minor)
            ) leg (n, debits, credits)
            GROUP BY voucher_id, n
        ) told ON (told.voucher_id, told.n) = (line.voucher_id, line.n)
        WHERE voucher.reversal_of IS NULL
        AND (coalesce(told.debits, 0), coalesce(told.credits, 0))
            <> (line.debit_minor, line.credit_minor)
        UNION ALL
        SELECT line.voucher_id::text FROM accounting_voucher_line line
        JOIN accounting_voucher voucher ON voucher.id = line.voucher_id
        JOIN accounting_voucher_line taken
        ON (taken.voucher_id, taken.n) = (voucher.reversal_of, line.n)
        WHERE (line.account_code, line.dims, line.debit_minor, line.credit_minor)
            IS DISTINCT FROM
            (taken.account_code, taken.dims, -taken.debit_minor, -taken.credit_minor)
        UNION ALL
        SELECT within.transfer_id::text FROM accounting_voucher_within within
        JOIN accounting_voucher_transfer held ON held.transfer_id = within.transfer_id
        WHERE within.is_live AND held.is_live
    """,
}
"""By invariant, what lists its contradictions."""


class VoucherNotFound(BillingRefusal):
    """There is no such voucher, no such run of vouchers or no such export."""

    code = "accounting_voucher_not_found"
    sort = Sort.ABSENT


async def chart() -> dict[str, ChartAccount]:
    """Give the chart by code, in order."""
    found = msgspec.convert(await ChartTable.raw(_CHART), list[ChartAccount])
    return {account.code: account for account in found}


async def part_of_chart(codes: Sequence[str]) -> dict[str, ChartAccount]:
    """Give some accounts and all that they stand below, by code."""
    return charts.part(await chart(), codes)


async def posted_to() -> set[str]:
    """Give the codes that rules or vouchers name."""
    return {row["account_code"] for row in await ChartTable.raw(_USED)}


async def posting_rules() -> list[PostingRule]:
    """List all posting rules, by kind."""
    return [_decoded(row, PostingRule, "dims") for row in await RuleTable.raw(_RULES)]


async def templates() -> list[VoucherTemplate]:
    """List all templates of one's own, by event."""
    return msgspec.convert(await RuleTable.raw(_TEMPLATES), list[VoucherTemplate])


async def period(period_id: UUID) -> PeriodView:
    """Give a period.

    :raises PeriodNotFound: there is none with this id.
    """
    for each in await periods.periods():
        if each.id == period_id:
            return each
    raise PeriodNotFound("There is no period with this id.")


def days(period: PeriodView) -> tuple[date, date]:
    """Give a period's first and last day in Shanghai."""
    last = period.ends_at - timedelta(microseconds=1)
    return period.starts_at.astimezone(SHANGHAI).date(), last.astimezone(SHANGHAI).date()


async def movements(period: PeriodView) -> list[Movement]:
    """List what a period moved that is in no voucher that stands, in the order in which it counts.

    What is only held moves nothing.
    """
    rows = await LineTable.raw(_MOVEMENTS, period.starts_at, period.ends_at)
    return msgspec.convert(rows, list[Movement])


async def run(run_id: UUID, *, lock: bool = False) -> RunView | None:
    """Give vouchers that were put up together, where there are."""
    rows = await RunTable.raw(_RUN_BY_ID + (" FOR NO KEY UPDATE" if lock else ""), run_id)
    return msgspec.convert(rows[0], RunView) if rows else None


async def runs(period_id: UUID) -> list[RunView]:
    """List a period's runs, the newest first."""
    return msgspec.convert(await RunTable.raw(_RUNS, period_id), list[RunView])


async def rows(
    period_id: UUID, *, after: tuple[str, int, UUID, int] | None = None, limit: int
) -> list[VoucherRow]:
    """List a period's vouchers that were not refused, by word and number."""
    found = await VoucherTable.raw(_ROWS, period_id, *(after or ("", 0, UUID(int=0), 0)), limit)
    return msgspec.convert(found, list[VoucherRow])


async def voucher(voucher_id: UUID) -> Voucher:
    """Give a voucher with its lines.

    :raises VoucherNotFound: there is none with this id.
    """
    found = await _with_lines(await VoucherTable.raw(_VOUCHER, voucher_id))
    if not found:
        raise VoucherNotFound("There is no voucher with this id.")
    return found[0]


async def numbered(period_id: UUID, ranges: Sequence[NumberRange], currency: str) -> list[Voucher]:
    """Give vouchers by their numbers, with their lines, in that order."""
    asked = [[getattr(each, name) for each in ranges] for name in ("word", "first", "last")]
    return await _with_lines(await VoucherTable.raw(_NUMBERED, *asked, period_id, currency))


async def _with_lines(found: list[dict[str, Any]]) -> list[Voucher]:
    """Give vouchers their lines."""
    lines: dict[UUID, list[Line]] = {row["id"]: [] for row in found}
    for row in await LineTable.raw(_LINES, list(lines)):
        lines[row["voucher_id"]].append(_decoded(row, Line, "dims"))
    return [msgspec.convert({**row, "lines": lines[row["id"]]}, Voucher) for row in found]


async def agents_of(voucher_ids: Sequence[UUID]) -> list[UUID]:
    """List the agents that lines of some vouchers are counted for."""
    found = await LineTable.raw(_AGENTS, list(voucher_ids))
    return [row["agent_id"] for row in found]


async def agents_of_period(period_id: UUID) -> list[UUID]:
    """List the agents that lines of a period's vouchers are counted for."""
    found = await LineTable.raw(_AGENTS_OF_PERIOD, period_id)
    return [row["agent_id"] for row in found]


async def sources(
    voucher_id: UUID, *, line: int = 0, after: UUID | None = None, limit: int
) -> list[Source]:
    """List the transfers that a voucher is made of, or one of its lines."""
    found = await VoucherTable.raw(_SOURCES, voucher_id, after or UUID(int=0), line, line, limit)
    return msgspec.convert(found, list[Source])


async def counters(period_id: UUID) -> list[NumberRange]:
    """Give by word the numbers that a period's vouchers have."""
    return msgspec.convert(await VoucherTable.raw(_COUNTERS, period_id), list[NumberRange])


async def balances(period_id: UUID, currency: str, *, at: datetime) -> list[ChartBalance]:
    """Give what stood on chart accounts and what vouchers of a period moved, checked by then.

    Of accounts that nothing ever moved there is no line.
    """
    found = await LineTable.raw(_BALANCES, period_id, period_id, period_id, at, period_id, currency)
    return [_decoded(row, ChartBalance, "dims") for row in found]


async def not_before_checks(now: datetime) -> datetime:
    """Give a time by which all vouchers that have numbers were checked: now, but for a clock."""
    [row] = await LineTable.raw(_LAST_CHECK, now)
    return msgspec.convert(row["at"], datetime)


async def checks() -> int:
    """Count how often vouchers were checked."""
    [row] = await LineTable.raw(_CHECKS)
    return int(row["checks"])


async def ties(period_id: UUID) -> list[Tie]:
    """List the ledger accounts whose trial balance is not what the period's vouchers say."""
    return msgspec.convert(await LineTable.raw(_TIES, *[period_id] * 3), list[Tie])


async def export(export_id: UUID) -> ExportJob | None:
    """Give what was exported under an id."""
    found = await ExportTable.raw(_EXPORT_BY_ID, export_id)
    return _decoded(found[0], ExportJob, "ranges", "replaced") if found else None


async def export_that_is(export_id: UUID) -> ExportJob:
    """Give what was exported under an id.

    :raises VoucherNotFound: nothing was.
    """
    if (found := await export(export_id)) is None:
        raise VoucherNotFound("There is no export with this id.")
    return found


async def exports(period_id: UUID) -> list[ExportJob]:
    """List what was exported of a period, the newest first."""
    found = await ExportTable.raw(_EXPORTS, period_id)
    return [_decoded(row, ExportJob, "ranges", "replaced") for row in found]


async def contradictions() -> list[Finding]:
    """List vouchers that are not what they are made of, and gaps in their numbers."""
    return [
        Finding(invariant, str(row["subject"]))
        for invariant, check in CHECKS.items()
        for row in await VoucherTable.raw(check)
    ]


def _decoded(row: dict[str, Any], into: type[_T], *names: str) -> _T:
    """Turn a row into a struct, reading what is JSON in it."""
    return msgspec.convert({**row, **{name: json.loads(row[name]) for name in names}}, into)

"""How an event's transfers become vouchers: templates of one's own, and those that are there."""

from collections.abc import Mapping, Sequence
from datetime import date
from string import Formatter
from typing import Final
from uuid import UUID

from billing.accounting_vouchers.schemas import SUMMARY_MAX, Detail, VoucherTemplate
from billing.errors import BillingRefusal

PLACES: Final = frozenset({"month", "day", "program", "agent", "count"})
"""What a summary may name in braces."""


class SummaryUnsound(BillingRefusal):
    """A summary names something in braces that it cannot."""

    code = "summary_unsound"
    field = "summary"


_SUMMARIES: Final[Mapping[str, tuple[str, Detail, str]]] = {
    "budget.funded": ("{month}权益预算投入 {program}", Detail.PROGRAM, "转"),
    "budget.returned": ("{month}权益预算收回 {program}", Detail.PROGRAM, "转"),
    "budget.allocated": ("{month}权益预算下达 {program}", Detail.PROGRAM, "转"),
    "budget.given_back": ("{month}权益预算上交 {program}", Detail.PROGRAM, "转"),
    "benefit.redeemed": ("{month}客户权益核销 {program} {count}笔", Detail.PROGRAM, "转"),
    "benefit.rolled_back": ("{month}冲回客户权益核销 {program} {count}笔", Detail.PROGRAM, "转"),
    "commission.earned": ("{month}计提渠道佣金 {agent}", Detail.AGENT, "转"),
    "commission.clawed_back": ("{month}退款追回佣金 {agent}", Detail.AGENT, "转"),
    "commission.corrected": ("{month}更正佣金 {agent}", Detail.AGENT, "转"),
    "payout.ordered": ("{day}佣金付款指令 {count}笔", Detail.DAY, "转"),
    "payout.paid": ("{day}支付渠道佣金 {count}笔", Detail.DAY, "付"),
    "payout.failed": ("{day}佣金付款失败退回 {count}笔", Detail.DAY, "转"),
    "payout.returned": ("{day}佣金付款退汇 {count}笔", Detail.DAY, "收"),
    "tax.withheld": ("{day}代扣个人所得税 {count}笔", Detail.DAY, "转"),
    "tax.given_back": ("{day}冲回代扣个人所得税 {count}笔", Detail.DAY, "转"),
    "tax.paid": ("{day}缴纳代扣个人所得税 {count}笔", Detail.DAY, "付"),
    "invoice.finalised": ("{month}套餐账单 {agent}", Detail.AGENT, "转"),
    "invoice.sponsored": ("{month}套餐补贴 {agent}", Detail.AGENT, "转"),
    "invoice.paid": ("{day}收套餐款 {count}笔", Detail.DAY, "收"),
    "invoice.credited": ("{month}冲减套餐账单 {agent}", Detail.AGENT, "转"),
    "invoice.sponsorship_credited": ("{month}冲减套餐补贴 {agent}", Detail.AGENT, "转"),
    "exchange.given": ("{day}换出外币 {count}笔", Detail.DAY, "转"),
    "exchange.received": ("{day}换入外币 {count}笔", Detail.DAY, "转"),
}
_ELSE: Final = ("{day} {count}笔", Detail.DAY, "记")
_ALWAYS: Final = date(1, 1, 1)


def ensure_sound(template: VoucherTemplate) -> None:
    """Refuse a summary with braces that nothing is put into.

    :raises SummaryUnsound: naming what may stand there.
    """
    try:
        named = {name for _, name, *_ in Formatter().parse(template.summary) if name is not None}
        template.summary.format(**dict.fromkeys(PLACES, ""))
    except (ValueError, KeyError, IndexError, AttributeError):
        named = {""}
    if not named <= PLACES:
        raise SummaryUnsound(f"In braces write only {', '.join(sorted(PLACES))}.")


def in_force(templates: Sequence[VoucherTemplate], event: str, on: date) -> VoucherTemplate:
    """Give the template of an event on a day: one's own that began last, or the one given here."""
    own = [each for each in templates if each.event == event and each.begins_on <= on]
    if own:
        return max(own, key=lambda each: each.begins_on)
    summary, detail, word = _SUMMARIES.get(event, _ELSE)
    return VoucherTemplate(
        id=UUID(int=0),
        event=event,
        begins_on=_ALWAYS,
        summary=summary if event in _SUMMARIES else f"{event} {summary}",
        word=word,
        detail=detail,
    )


def summary(template: VoucherTemplate, told: Mapping[str, str]) -> str:
    """Write a summary, cut where the packages would refuse it."""
    return cut(template.summary.format(**told))


def cut(text: str) -> str:
    """Write a text on one line, no longer than a summary is, and no formula."""
    written = " ".join(text.split()).lstrip("=+-@ ")
    return written if len(written) <= SUMMARY_MAX else written[: SUMMARY_MAX - 1] + "…"

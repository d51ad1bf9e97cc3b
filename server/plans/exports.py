"""An invoice as a paper, in Chinese."""

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from billing.invoices.rules.drafts import Bearer, Line
from billing.invoices.schemas import InvoiceView, State
from billing.plans.rules.entitlements import NAMES
from billing.plans.rules.versions import Meter
from server.kit import papers, typesetting

TEMPLATE: Final = Path(__file__).with_name("invoice.typ")
_MEBIBYTE: Final = 2**20
_STORAGE: Final = "附件空间"
"""As it is counted in on papers, which is not by the byte."""
_BEARERS: Final = {Bearer.AGENT: "代理商", Bearer.PLATFORM: "平台承担，代理商无须付款"}


async def as_pdf(told: InvoiceView, agent_name: str) -> bytes:
    """Give an invoice as PDF.

    :raises NoChineseFont: the server's operator has to install one.
    :raises NotPrinted: it took too long.
    """
    return await typesetting.typeset(TEMPLATE, msgspec.json.encode(paper(told, agent_name)))


def paper(told: InvoiceView, agent_name: str) -> dict[str, Any]:
    """Write an invoice as the typesetter takes it: texts alone, none of which is markup."""

    def said(minor: int) -> str:
        return papers.amount(minor, told.currency)

    number = "" if told.number is None else f"{told.number:06d}"
    credited = sum(each.amount_minor for each in told.credits)
    return {
        "title": f"账单 {told.month:%Y-%m} {agent_name}",
        "number": number or "未定稿",
        "is_draft": told.state is State.DRAFT,
        "agent": agent_name,
        "period": f"{told.month.year} 年 {told.month.month} 月",
        "issued": f"{told.issued_on}",
        "due": f"{told.due_on}",
        "bearer": _BEARERS[told.bearer],
        "currency": told.currency,
        "fapiao": told.fapiao or "",
        "lines": [_line(each, told) for each in told.lines],
        "net": said(told.net_minor),
        "tax": said(told.tax_minor),
        "total": said(told.total_minor),
        "words": papers.in_words(told.total_minor) if told.currency == "CNY" else "",
        "credits": [
            {
                "number": f"贷-{each.number:06d}",
                "amount": said(-each.amount_minor),
                "reason": each.reason,
            }
            for each in told.credits
        ],
        "credited": said(-credited) if credited else "",
        "paid": said(-told.paid_minor) if told.paid_minor else "",
        "left": said(told.left_minor),
    }


def _line(line: Line, told: InvoiceView) -> dict[str, str]:
    """Write what some days of a plan, or of units beyond it, cost."""
    is_storage = line.meter is Meter.STORAGE_BYTES
    units = f"{line.units // _MEBIBYTE:,} MiB" if is_storage else f"{line.units:,}"
    name = "" if line.meter is None else _STORAGE if is_storage else NAMES[line.meter][0]
    return {
        "what": f"额外{name}" if name else "套餐月费",
        "days": f"{line.begins_on} 至 {line.ends_before - timedelta(days=1)}",
        "units": "" if line.meter is None else units,
        "net": papers.amount(line.net_minor, told.currency),
        "rate": f"{line.tax_ppm / 10_000:g}%",
        "tax": papers.amount(line.tax_minor, told.currency),
    }

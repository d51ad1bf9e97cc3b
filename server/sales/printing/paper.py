"""What a quote says on paper, as texts. Pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from server.sales.schemas import QuoteView
from sync_protocol.quoting.states import State

_ZONE: Final = ZoneInfo("Asia/Shanghai")
_SIGNS: Final[Mapping[str, str]] = {"CNY": "¥", "USD": "$", "EUR": "€", "HKD": "HK$"}
_STANDING: Final[Mapping[str, tuple[str, str]]] = {
    State.DRAFT: ("草稿，不作为报价。", "A draft, not an offer."),
    State.WAITING: ("价格等待审批，不作为报价。", "Waiting for approval, not an offer."),
    State.APPROVED: ("价格已确认。", "Prices are approved."),
    State.SENT: (
        "价格已确认，在有效期内有效。",
        "Prices are approved and hold until the day above.",
    ),
    State.ACCEPTED: ("客户已接受本报价。", "The customer has accepted this quotation."),
    State.REFUSED: ("客户未接受本报价。", "The customer has not accepted this quotation."),
    State.EXPIRED: ("本报价已过期。", "This quotation has expired."),
    State.WITHDRAWN: ("本报价已撤回。", "This quotation was withdrawn."),
}
_BINDING: Final = frozenset({State.APPROVED, State.SENT, State.ACCEPTED})
"""Then the paper may be handed to a customer; else it says across the page what it is."""
_MARKS: Final[Mapping[str, str]] = {
    State.DRAFT: "草稿 DRAFT",
    State.WAITING: "待审批 PENDING",
    State.EXPIRED: "已过期 EXPIRED",
    State.WITHDRAWN: "已撤回 WITHDRAWN",
    State.REFUSED: "未接受 REFUSED",
}


_RUN: Final = re.compile(r"[!-~]{16}")
"""Signs behind which a line is not broken by itself."""
_BREAK: Final = "\u200b"
"""Takes no room, and a line may be broken there."""


def content(quote: QuoteView, *, company: str, author: str, now: datetime) -> dict[str, Any]:
    """Write a quote as the typesetter takes it: texts alone, none of which is markup."""
    standing = _STANDING[quote.state]
    number = quote.id.hex[-8:].upper()
    return {
        "title": f"报价单 {number}",
        "company": breakable(company),
        "customer": breakable(quote.customer_name),
        "subject": breakable(quote.name),
        "number": number,
        "hash": quote.content_hash[:12],
        "date": now.astimezone(_ZONE).strftime("%Y-%m-%d"),
        "valid_until": quote.valid_until or "",
        "author": breakable(author),
        "currency": quote.currency,
        "lines": [
            {
                "name": breakable(line.name),
                "quantity": quantity(line.quantity_milli),
                "unit": line.unit or "",
                "price": money(line.price_minor, quote.currency),
                "amount": money(quote.totals.lines[line.id].amount_minor, quote.currency),
            }
            for line in quote.lines
        ],
        "subtotal": money(quote.totals.amount_minor, quote.currency),
        "discount": money(quote.totals.discount_minor, quote.currency)
        if quote.totals.discount_minor
        else "",
        "total": money(quote.totals.net_minor, quote.currency),
        "tax": money(quote.totals.tax_minor, quote.currency),
        "standing": {"zh": standing[0], "en": standing[1]},
        "watermark": "" if quote.state in _BINDING else _MARKS[quote.state],
    }


def breakable(text: str) -> str:
    """Let a long word be broken, so that it is not printed over the prices beside it.

    >>> breakable("A" * 20).split(_BREAK)
    ['AAAAAAAAAAAAAAAA', 'AAAA']
    """
    return _RUN.sub(lambda run: run[0] + _BREAK, text)


def money(minor: int, currency: str) -> str:
    """Write an amount with its sign and both digits, such as ``¥12,800.50``."""
    sign = _SIGNS.get(currency, f"{currency} ")
    return f"{sign}{minor // 100:,}.{minor % 100:02d}"


def quantity(milli: int) -> str:
    """Write a quantity without needless zeros, such as ``2.5``."""
    return f"{milli // 1000:,}.{milli % 1000:03d}".rstrip("0").rstrip(".")

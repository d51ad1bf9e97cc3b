"""How a statement is said: what moved accounts. Pure."""

from collections.abc import Mapping
from typing import Final

EVENTS: Final[Mapping[str, str]] = {
    "commission.accrued": "佣金计提",
    "commission.earned": "佣金确认",
    "commission.cancelled": "佣金取消",
    "commission.clawed_back": "退款追回",
    "commission.corrected": "更正",
    "payout.ordered": "付款",
    "payout.failed": "付款未成功",
    "payout.returned": "付款退回",
    "tax.withheld": "代扣个税",
    "tax.given_back": "代扣个税退回",
    "benefit.issued": "权益发放",
    "benefit.redeemed": "权益核销",
    "benefit.kept": "余额保留",
    "benefit.rolled_back": "核销撤回",
    "benefit.reopened": "余额重开",
    "benefit.expired": "权益过期",
    "benefit.voided": "权益撤销",
    "escrow.leased": "设备预领",
    "escrow.given_back": "预领退还",
    "escrow.expired": "预领到期",
}
"""What moved an account, as both sides call it."""


def event(code: str) -> str:
    """Say what moved an account."""
    return EVENTS.get(code, code)

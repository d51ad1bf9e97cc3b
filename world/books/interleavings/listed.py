"""Which use cases of the books meet which, and why others need not."""

from typing import Final

from world.books.interleavings.rooms.benefits import BENEFITS
from world.books.interleavings.rooms.commissions import COMMISSIONS
from world.books.interleavings.rooms.months import PERIODS, VOUCHERS
from world.books.interleavings.rooms.plans import PLANS
from world.books.interleavings.rooms.statements import LOG, STATEMENTS

ROOMS: Final = (PERIODS, LOG, VOUCHERS, BENEFITS, STATEMENTS, COMMISSIONS, PLANS)

CROSSED: Final = frozenset(
    {
        *(("periods", name) for name in ("benefits", "commissions", "plans")),
        *(("log", name) for name in ("benefits", "statements", "commissions", "plans")),
        ("commissions", "plans"),
    }
)
"""Rooms that share accounts, periods or the log: each use case of one meets each of the other."""

_MONTH_IS_OVER: Final = "a statement is of a month that is over; what is done now is in a later one"
_IS_CLOSED: Final = "vouchers are of a closed period, in which nothing moves: see periods"
UNCROSSED: Final = {
    ("periods", "log"): "the log seals what is committed, whatever its period",
    ("periods", "vouchers"): "the room of vouchers opens and closes its own period",
    ("periods", "statements"): _MONTH_IS_OVER,
    ("log", "vouchers"): "vouchers move no account",
    ("vouchers", "benefits"): _IS_CLOSED,
    ("vouchers", "statements"): _IS_CLOSED,
    ("vouchers", "commissions"): _IS_CLOSED,
    ("vouchers", "plans"): _IS_CLOSED,
    ("benefits", "statements"): _MONTH_IS_OVER,
    ("benefits", "commissions"): "they share no account and no row",
    ("benefits", "plans"): "they share no account and no row",
    ("statements", "commissions"): _MONTH_IS_OVER,
    ("statements", "plans"): _MONTH_IS_OVER,
}
"""Rooms whose use cases do not meet, and why."""

USE_CASES: Final = {
    "budgets": {
        "open_program": "one statement for each account, each ON CONFLICT DO NOTHING",
        "fund": "fund, return",
        "allocate": "allocate, give back",
    },
    "issuance": {"issue": "issue", "queue_up": "locks alone, in the order of ids"},
    "redemptions": {
        "settle": "redeem, roll back, revoke, expire",
        "lapsed": "expire",
        "queue_up": "locks alone, in the order of ids",
        "is_answered": "reads",
    },
    "commissions": {
        "publish": "publish",
        "accrue": "sell",
        "earn_due": "earn",
        "refund": "refund",
        "correct": "correct",
    },
    "commissions.paying": {
        "make_batch": "make payout",
        "approve": "approve payout",
        "discard": "discard payout",
        "settle": "payment paid, payment failed",
    },
    "plans": {
        "publish": "publish",
        "hold": "locks alone, one row",
        "change": "change",
        "grant": "grant",
        "end_grant": "end grant, end grant later",
        "carry_on": "move clock",
        "park": "one statement, behind the lock of the agent",
    },
    "invoices": {
        "advance": "move clock",
        "finalise": "finalise",
        "pay": "pay",
        "credit": "credit",
        "note_fapiao": "note fapiao",
    },
    "periods": {
        "hold": "locks alone, one lock",
        "open_period": "open next",
        "change": "close, close for good, open again",
    },
    "accounting_vouchers": {
        "add_accounts": "behind the lock of vouchers; moves no money",
        "begin": "behind the lock of vouchers; moves no money",
        "treat": "behind the lock of vouchers; moves no money",
        "publish_rules": "behind the lock of vouchers; moves no money",
        "publish_template": "behind the lock of vouchers; moves no money",
        "make": "make",
        "take_back": "take back",
        "check": "check",
        "refuse": "refuse",
        "in_turn": "locks alone, one lock",
    },
    "accounting_vouchers.exports": {
        "gather": "export",
        "gather_again": "reads",
        "keep": "export",
    },
    "statements": {
        "draw": "draw, draw earlier",
        "confirm": "confirm",
        "dispute": "dispute",
        "accept": "accept",
        "answer": "answer",
        "sign": "sign",
    },
    "sealing": {"seal": "seal"},
    "escrow": {
        "lease": "not played yet",
        "lock": "locks alone, in the order of ids",
        "give_back": "two statements behind the lock of the units; not played yet",
        "recall": "two statements behind the lock of the units; not played yet",
        "is_held": "reads",
        "keep": "not played yet",
        "release": "not played yet",
    },
    "exchange": {
        "set_rate": "one statement",
        "rate_at": "reads",
        "exchange": "no endpoint; one movement of the ledger, as of fund",
    },
    "metering": {"record": "one statement"},
}
"""By room, each function of its service: the moves that play it, or why it needs none."""

"""Which use cases of the books meet which, and why others need not."""

from typing import Final

from world.books.interleavings.rooms.batches import BATCHES
from world.books.interleavings.rooms.benefits import BENEFITS
from world.books.interleavings.rooms.codes import CODES
from world.books.interleavings.rooms.commissions import COMMISSIONS
from world.books.interleavings.rooms.months import PERIODS, VOUCHERS
from world.books.interleavings.rooms.plans import PLANS
from world.books.interleavings.rooms.statements import LOG, STATEMENTS
from world.books.interleavings.rooms.units import UNITS

ROOMS: Final = (
    *(PERIODS, LOG, VOUCHERS, BENEFITS, UNITS, CODES, BATCHES),
    *(STATEMENTS, COMMISSIONS, PLANS),
)

CROSSED: Final = frozenset(
    {
        *(("periods", name) for name in ("benefits", "units", "commissions", "plans")),
        *(("log", name) for name in ("benefits", "units", "statements", "commissions", "plans")),
        ("commissions", "plans"),
    }
)
"""Rooms that share accounts, periods or the log: each use case of one meets each of the other."""

_MONTH_IS_OVER: Final = "a statement is of a month that is over; what is done now is in a later one"
_IS_A_BENEFIT: Final = "what it does in the books is what a benefit does there: see benefits"
_NOTHING_SHARED: Final = "they share no account and no row"
_ISSUES_ITSELF: Final = "the room issues and takes back itself"
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
    **{("benefits", name): _ISSUES_ITSELF for name in ("units", "codes", "batches")},
    ("units", "codes"): _IS_A_BENEFIT,
    ("units", "batches"): _IS_A_BENEFIT,
    ("codes", "batches"): "what a batch issues has no code until its transaction is over",
    **{(one, name): _IS_A_BENEFIT for one in ("periods", "log") for name in ("codes", "batches")},
    **{("vouchers", name): _IS_CLOSED for name in ("units", "codes", "batches")},
    **{(name, "statements"): _MONTH_IS_OVER for name in ("units", "codes", "batches")},
    **{
        (name, other): _NOTHING_SHARED
        for name in ("benefits", "units", "codes", "batches")
        for other in ("commissions", "plans")
    },
    ("statements", "commissions"): _MONTH_IS_OVER,
    ("statements", "plans"): _MONTH_IS_OVER,
}
"""Rooms whose use cases do not meet, and why."""

USE_CASES: Final = {
    "budgets": {
        "open_program": "one statement for each account, each ON CONFLICT DO NOTHING",
        "fund": "fund, return",
        "allocate": "allocate, give back, take back",
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
        "queue_up": "locks alone, in the order of accrue and refund, each kind in its own",
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
    "commissions.taxes": {
        "say": "one statement, in the turn of payouts",
        "people": "reads",
        "withheld": "reads, in the turn of payouts: see approve payout",
        "owed": "reads",
        "pay": "one movement of the ledger, in a turn of its own",
    },
    "plans": {
        "publish": "publish",
        "hold": "locks alone, one row",
        "hold_all": "locks alone, in the order of ids",
        "change": "change",
        "grant": "grant",
        "end_grant": "end grant, end grant later",
        "carry_on": "move clock",
        "park": "one statement, behind the lock of the agent",
    },
    "invoices": {
        "advance": "move clock",
        "advance_all": "move clocks",
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
        "lease": "lease, lease more",
        "lock": "locks alone, in the order of ids",
        "give_back": "give units back",
        "recall": "call back",
        "is_held": "locks alone, one unit",
        "keep": "promise",
        "release": "release",
    },
    "exchange": {
        "set_rate": "one statement",
        "rate_at": "reads",
        "exchange": "no endpoint; one movement of the ledger, as of fund",
    },
    "metering": {"record": "one statement"},
    "codes": {
        "keep": "keep, keep another's",
        "settle": "use, use kept, take a use back",
        "books": "withdraw",
    },
    "batches": {
        "submit": "make batch",
        "submit_file": "make batch",
        "withdraw": "withdraw rows, withdraw approved rows",
        "approve": "approve batch",
        "refuse": "decline batch",
        "issue_some": "issue rows",
    },
}
"""By room, each function of its service: the moves that play it, or why it needs none.

Of `server` those that hold a transaction of their own around what the books do: codes, batches.
"""

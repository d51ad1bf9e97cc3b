"""The steps of the journey, in their order. Each takes the cast and leaves evidence."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import msgspec

from world.journey import (
    benefits,
    books,
    disputing,
    imports,
    keeping,
    leads,
    offline,
    opening,
    platform,
    reconciling,
    rivals,
    selling,
)
from world.journey.cast import Cast
from world.journey.evidence import Evidence


class Step(msgspec.Struct, frozen=True):
    """One step: its name for programs, its title for people, and what it does."""

    name: str
    title: str
    run: Callable[[Cast, Evidence], Awaitable[None]]
    opens: str = ""
    """The act that begins with it."""


_ACTS: Final = (
    "Act one: a channel, its spreadsheets, its phones, its benefits",
    "Act two: one customer, from a campaign to the pool",
    "Act three: one shop, two agents, one of them in a basement",
    "Act four: the books, from a budget to their proof",
)

STEPS: Final = (
    Step("processes", "Server and worker start", opening.processes, opens=_ACTS[0]),
    Step("on_board", "Three agents come on board", opening.on_board),
    Step("imports", "Spreadsheets are imported", imports.spreadsheets),
    Step("phones", "Two reps' phones load", offline.phones_load),
    Step(
        "offline_first",
        "Offline work, the first syncs first",
        partial(offline.work_then_sync, first_to_sync=0),
    ),
    Step(
        "offline_second",
        "Offline work, the second syncs first",
        partial(offline.work_then_sync, first_to_sync=1),
    ),
    Step("conflicts", "Both values are kept", offline.both_values_kept),
    Step("rival", "A rival sees nothing", rivals.rival_sees_nothing),
    Step("program", "A benefit program opens", benefits.programs_open),
    Step("benefits", "Benefits are issued once", benefits.issued_once),
    Step("aggregate", "The platform counts right", platform.counts_agree),
    Step("issuances", "The issuance records agree", platform.issuances_agree),
    Step("campaign", "A campaign brings a lead", leads.campaign, opens=_ACTS[1]),
    Step("routed", "The lead is routed, with reasons", leads.routed),
    Step("visited", "Visited offline, with a photo", selling.visited),
    Step("gated", "A deal goes through its gates", selling.gated),
    Step("quoted", "A quote below the floor", selling.below_the_floor),
    Step("signed", "A contract is signed", selling.signed),
    Step("merged", "A duplicate: merged, and parted", keeping.merged_and_parted),
    Step("handed_over", "The rep leaves, the work stays", keeping.handed_over),
    Step("recycled", "Recycled, and picked by another", keeping.recycled),
    Step("campaign_counted", "The campaign's figures agree", keeping.campaign_counted),
    Step("funnel", "The platform's funnel agrees", keeping.platform_agrees),
    Step("basement", "Registered in a basement", disputing.in_a_basement, opens=_ACTS[2]),
    Step("settled", "Decided together, and disputed", disputing.settled),
    Step("judged", "Evidence, and a verdict in plain words", disputing.judged),
    Step("appealed", "An appeal; both phones agree", disputing.appealed),
    Step("budgeted", "A budget, a batch, a phone", books.budgeted, opens=_ACTS[3]),
    Step("redeemed", "Redeemed in parts, partly withdrawn", books.redeemed),
    Step("reconciled", "Compared with the agent's own book", reconciling.reconciled),
    Step("paid", "Commission is earned and paid out", books.paid),
    Step("agreed", "A statement that both sides sign", books.agreed),
    Step("exported", "The books are exported and proven", books.exported),
    Step("memory", "Memory of the server", platform.memory),
)
"""The whole journey."""

"""Decide about deals and processes. Pure: no HTTP, no database.

Whether a deal may move is decided by ``sync_protocol.process``, as a phone does; here stand the
refusals, and what follows for the customer.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from server.customers.rules.status import TRANSITIONS, Status
from server.kit.errors import Conflict, Invalid, Refusal
from sync_protocol.process import definition, gates
from sync_protocol.process.built_in import BUILT_IN
from sync_protocol.process.definition import Canonical, Definition, DefinitionInvalid
from sync_protocol.process.gates import Deal, MoveRefused, Open, Verb, Verdict

NO_PROCESS: Final = UUID(int=0)
"""Stands for the built-in process where a key must not be null."""


class DealClosed(Conflict):
    """The deal is won or lost; it does not move until it is opened again."""

    code = "deal_closed"


class DealOpen(Conflict):
    """A deal that is open cannot be opened again."""

    code = "deal_open"


class DealMoved(Conflict):
    """Somebody else moved the deal first; it is not where the asker saw it."""

    code = "deal_moved"


class StageUnknown(Invalid):
    """The deal's process has no such stage."""

    code = "stage_unknown"


class WrongDirection(Conflict):
    """The move does not lead to that stage."""

    code = "wrong_direction"


class GateClosed(Conflict):
    """A strict gate asks for something that is not there; `open` lists it."""

    code = "gate_closed"


class LostReasonMissing(Invalid):
    """A deal is lost for a reason."""

    code = "lost_reason_missing"


class ProcessInvalid(Invalid):
    """What was sent is no process; the field names the part."""

    code = "process_invalid"


class ProcessRetired(Conflict):
    """No deal follows a process that was retired, or moves to a version that was replaced."""

    code = "process_retired"


class DraftStale(Conflict):
    """Somebody else saved the draft meanwhile."""

    code = "draft_stale"


class MappingIncomplete(Invalid):
    """Deals stand in a stage for which no new stage was named."""

    code = "mapping_incomplete"


_MOVES: Final[dict[str, type[Refusal]]] = {
    kind.code: kind for kind in (DealClosed, DealOpen, StageUnknown, WrongDirection)
}


def judge(process: Definition, deal: Deal, verb: Verb, to_stage: str | None) -> Verdict:
    """Answer where a move leads; refuse what is none or what a strict gate holds back.

    :raises GateClosed: naming everything that is open.
    :raises DealClosed: and the like, for what is no move.
    """
    try:
        verdict = gates.judge(process, deal, verb, to_stage)
    except MoveRefused as refused:
        raise _MOVES[refused.code](refused.detail, field=refused.field) from refused
    if verdict.blocks:
        names = ", ".join(each.name for each in verdict.blocks)
        raise GateClosed(
            f"Do this first: {names}.",
            field="to_stage",
            open=[told(each) for each in verdict.blocks],
        )
    return verdict


def told(open_: Open) -> dict[str, str]:
    """Write what is open as it stands in answers and in the list of moves."""
    return {
        "stage": open_.stage,
        "kind": open_.kind,
        "id": open_.id,
        "name": open_.name,
        "gate": str(open_.gate),
    }


def ensure_still_there(seen_stage: str | None, stage: str) -> None:
    """Refuse a move of a deal that is not where the asker saw it.

    :raises DealMoved: naming where it is.
    """
    if seen_stage is not None and seen_stage != stage:
        raise DealMoved(
            "Somebody else moved this deal meanwhile; look at it and decide again.",
            field="from_stage",
            stage=stage,
        )


def ensure_reason(verb: Verb, reason: str | None) -> None:
    """Refuse to lose a deal for no reason."""
    if verb is Verb.LOSE and not reason:
        raise LostReasonMissing("Say why the deal was lost.", field="reason")


def definition_of(given: str | Any) -> Definition:
    """Read a process that somebody made.

    :raises ProcessInvalid: naming the part that is wrong.
    """
    try:
        return definition.accept(given)
    except DefinitionInvalid as fault:
        raise ProcessInvalid(
            fault.detail, field=f"definition.{fault.path}", fault=str(fault.fault)
        ) from fault


_LADDER: Final = (Status.POTENTIAL, Status.NEED, Status.INTENT, Status.SIGNED)
_RUNG: Final[Mapping[Canonical, Status]] = {
    Canonical.LEAD: Status.POTENTIAL,
    Canonical.PRE_OPPORTUNITY: Status.NEED,
    Canonical.OPPORTUNITY: Status.INTENT,
    Canonical.SIGNED: Status.SIGNED,
}
"""How far a customer is whose deal stands in a canonical stage."""


def statuses_to(before: Status, canonical: Canonical) -> Sequence[Status]:
    """Give the steps by which a customer's status follows its deal (S46), each of them legal.

    A deal raises its customer and never lowers it; a dormant or lost one comes back by it.
    """
    aim = _RUNG[canonical]
    if before in _LADDER:
        if _LADDER.index(before) >= _LADDER.index(aim):
            return ()
    elif aim is Status.POTENTIAL:
        return ()
    if aim in TRANSITIONS[before]:
        return (aim,)
    return (Status.INTENT, aim)


def aims(new: Definition, given: Mapping[str, str], stages: set[str]) -> dict[str, str | None]:
    """Give for each stage in which deals stand the stage in which they will; None if unknown.

    A stage that both versions have stays unless said otherwise.

    :raises StageUnknown: a stage is named that the new version does not have.
    """
    for stage, aim in given.items():
        if new.place(aim) is None:
            raise StageUnknown("The new version has no such stage.", field=f"mapping.{stage}")
    wanted = {stage: given.get(stage, stage) for stage in stages}
    return {stage: aim if new.place(aim) is not None else None for stage, aim in wanted.items()}


def mapped(
    old: Definition, new: Definition, given: Mapping[str, str], stages: set[str]
) -> dict[str, str]:
    """Give where the deals of each stage go, for all of them.

    :raises MappingIncomplete: naming the stage for which none is known.
    :raises StageUnknown: a stage is named that the new version does not have.
    """
    found: dict[str, str] = {}
    for stage, aim in sorted(aims(new, given, stages).items()):
        if aim is None:
            name = held.name if (held := old.stage(stage)) else stage
            raise MappingIncomplete(f"Say where the deals in {name} go.", field=f"mapping.{stage}")
        found[stage] = aim
    return found


def ensure_in_use(state: str) -> None:
    """Refuse to let deals follow a version by which none begins any more.

    :raises ProcessRetired: its process was retired, or a later version took its place.
    """
    if state != "current":
        raise ProcessRetired("This version was retired or replaced; choose one that is in use.")


def read(text: str | None) -> Definition:
    """Read a definition that was published; without one, the built-in."""
    return BUILT_IN if text is None else definition.read(text)

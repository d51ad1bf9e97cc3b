"""Decide about deals and processes. Pure: no HTTP, no database.

Whether a deal may move is decided by ``sync_protocol.process``, as a phone does; here stand the
refusals, and what follows for the customer.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

import msgspec

from server.customers.rules.status import TRANSITIONS, Status
from server.kit.errors import Conflict, Forbidden, Invalid, Refusal
from sync_protocol.process import definition, gates
from sync_protocol.process.built_in import BUILT_IN
from sync_protocol.process.definition import (
    Canonical,
    Definition,
    DefinitionInvalid,
    Gate,
    Stage,
)
from sync_protocol.process.gates import Deal, MoveRefused, Open, State, Verb, Verdict

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


class StageNotImported(Conflict):
    """A file says of a deal another stage or state than it has; deals move in the pipeline."""

    code = "stage_not_imported"


class StageContradicted(Invalid):
    """Stage and state of a deal that a file brings do not go together."""

    code = "stage_contradicted"


class LaterStageNotPermitted(Forbidden):
    """Who does not see the whole company brings deals in at their beginning alone."""

    code = "later_stage_not_permitted"


class WinNotImported(Conflict):
    """A file says that a deal is won, past gates that nobody has shown to be met."""

    code = "win_not_imported"


class ClosingDayInvalid(Invalid):
    """A won or lost deal that a file brings has no day on which it was, or one to come."""

    code = "closing_day_invalid"


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


IMPORT: Final = "import"
"""The verb of the move by which a file brought a deal in, beside those of the gates."""


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """Where a deal stands that a file brings in beyond its beginning."""

    stage: Stage
    state: State
    unproven: tuple[Open, ...]
    """What the stages before it ask for, of which nobody has shown that it was done."""


def arrive(
    process: Definition,
    fields: Mapping[str, Any],
    *,
    stage: str | None,
    state: State | None,
    may_skip: bool,
) -> Arrival | None:
    """Answer where a new deal of a file stands; None where it begins as every deal does.

    :param stage: what the file calls the stage; the first, or of a won deal the last, without.
    :param may_skip: whether who brings it in may let it stand behind stages that nobody saw.
    :raises StageUnknown: the process has no such stage.
    :raises StageContradicted: won deals stand in the last stage, others do not.
    :raises LaterStageNotPermitted: it stands in a later stage, and who brings it may not say so.
    :raises WinNotImported: it is won, and a strict gate on the way asks for what is not there.
    """
    is_won = state is State.WON
    found = called(process, stage) if stage else process.signed if is_won else process.first
    if found is None:
        raise StageUnknown("The deal's process has no such stage.", field="stage")
    if found is process.signed and state is None:
        is_won, state = True, State.WON
    if is_won is not (found is process.signed):
        detail = "A deal stands in the last stage when it is won, and only then; mend one of both."
        raise StageContradicted(detail, field="stage")
    if found is process.first:
        is_open = state in {None, State.OPEN}
        return None if is_open else Arrival(stage=found, state=State.LOST, unproven=())
    if not may_skip:
        raise LaterStageNotPermitted(
            "Begin this deal in its first stage; who sees the whole company may import later ones.",
            field="stage",
        )
    begun = Deal(state=State.OPEN, stage=process.first.id, fields=fields)
    verdict = gates.judge(process, begun, Verb.ADVANCE, found.id)
    if is_won and verdict.blocks:
        names = ", ".join(each.name for each in verdict.blocks)
        raise WinNotImported(
            f"Import it as open, then win it by its contract or in the pipeline; open: {names}.",
            field="state",
        )
    unproven = (*verdict.blocks, *verdict.deviations)
    return Arrival(stage=found, state=state or State.OPEN, unproven=unproven)


def called(process: Definition, text: str) -> Stage | None:
    """Find a stage by what it is called, or by its id."""
    return next((each for each in process.stages if text in {each.name, each.id}), None)


def ensure_closing_fits(state: State, lost_reason: str | None, closed_on: str | None) -> None:
    """Refuse a deal of a file that ended without reason or day, or has them and has not ended.

    :raises LostReasonMissing: naming the field.
    :raises ClosingDayInvalid: won or lost deals are dated.
    :raises StageContradicted: the deal is not said to be lost, or closed.
    """
    if state is State.LOST and lost_reason is None:
        raise LostReasonMissing("Say why the deal was lost.", field="lost_reason")
    if state is not State.OPEN and closed_on is None:
        detail = "Say on which day the deal was won or lost."
        raise ClosingDayInvalid(detail, field="closed_on")
    if lost_reason is not None and state is not State.LOST:
        detail = "There is a reason for losing it, but the deal is not lost; mend one of both."
        raise StageContradicted(detail, field="lost_reason")
    if closed_on is not None and state is State.OPEN:
        detail = "The deal has ended on a day, but its state is open; mend one of both."
        raise StageContradicted(detail, field="closed_on")


_FIRST_CLOSING: Final = date(1970, 1, 2)
"""The first day that begins, in China too, at a moment that records hold."""


def ensure_past(closed_on: date, today: date) -> None:
    """Refuse a deal that was closed on a day to come, or before any moment that records hold.

    :raises ClosingDayInvalid: naming the field.
    """
    if closed_on < _FIRST_CLOSING:
        raise ClosingDayInvalid("No deal ended in this year; correct it.", field="closed_on")
    if closed_on > today:
        raise ClosingDayInvalid("This day is still to come; correct it.", field="closed_on")


def unproven(process: Definition, deal: Deal, brought: Collection[str]) -> int:
    """Count the steps of the stages behind that an import let pass and nobody has shown since.

    :param brought: the steps that were open when a file brought the deal in.
    """
    place = process.place(deal.stage) or 0
    left = {
        step.id
        for stage in process.stages[:place]
        for step in stage.steps
        if step.is_mandatory and step.gate is Gate.STRICT
    }
    return len(left.intersection(brought).difference(deal.done_steps))


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

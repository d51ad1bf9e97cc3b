"""Whether a deal may move, and what is open on the way. Pure.

* A deal goes forward by any number of stages; the gates of each stage that it leaves are asked.
* It goes back without being asked anything.
* It is won by reaching the last stage, and lost from any.
* Won and lost deals stay where they are until they are opened again.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, Literal

import msgspec

from sync_protocol.process.definition import Definition, Gate, Stage


class State(StrEnum):
    """Whether a deal is still being worked on."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class Verb(StrEnum):
    """How a deal moves."""

    ADVANCE = "advance"
    """To a later stage; to the last one it is won."""
    RETURN = "return"
    """Back to an earlier stage."""
    LOSE = "lose"
    """The customer bought elsewhere, or not at all."""
    REOPEN = "reopen"
    """A won or lost deal is worked on again, in its stage or an earlier one."""


class Deal(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a deal to judge a move."""

    state: State
    stage: str
    done_steps: Collection[str] = ()
    fields: Mapping[str, Any] = {}
    """Its other fields, by their names."""


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a gate asks for and that is not there."""

    stage: str
    """The id of the stage that asks."""
    kind: Literal["step", "need"]
    id: str
    """The step's id, or the field's name."""
    name: str
    """What a person calls it."""
    gate: Gate


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a move leads to."""

    state: State
    stage: str
    blocks: tuple[Open, ...] = ()
    """What keeps the deal: with any of these it may not move."""
    deviations: tuple[Open, ...] = ()
    """What is let pass and written down."""

    @property
    def is_allowed(self) -> bool:
        """Answer whether the deal may move."""
        return not self.blocks


class MoveRefused(Exception):
    """A move that is none, whatever the gates say."""

    def __init__(self, code: str, detail: str, field: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field


_FIELDS: Final = {
    "amount_minor": "金额",
    "expected_on": "预计签约日",
    "competitor": "竞争对手",
    "account_manager_id": "客户经理 AR",
    "solution_manager_id": "方案经理 SR",
    "fulfilment_manager_id": "交付经理 FR",
}


def open_in(stage: Stage, deal: Deal) -> Iterator[Open]:
    """Answer what a stage asks for and has not got, what is needed first."""
    for need in stage.needs:
        if deal.fields.get(need.field) in {None, ""}:
            yield Open(
                stage=stage.id,
                kind="need",
                id=need.field,
                name=_FIELDS[need.field],
                gate=need.gate,
            )
    for step in stage.steps:
        if step.is_mandatory and step.id not in deal.done_steps:
            yield Open(stage=stage.id, kind="step", id=step.id, name=step.name, gate=step.gate)


def judge(definition: Definition, deal: Deal, verb: Verb, to_stage: str | None = None) -> Verdict:
    """Answer where a move leads and what is open on the way.

    :param to_stage: where an advance, a return or a reopening leads; the latter two may leave it
        out for the stage before, and the present one.
    :raises MoveRefused: ``deal_closed``, ``deal_open``, ``stage_unknown`` or ``wrong_direction``.
    """
    is_open = deal.state is State.OPEN
    if verb is Verb.REOPEN and is_open:
        raise MoveRefused("deal_open", "This deal is open already.", "state")
    if verb is not Verb.REOPEN and not is_open:
        raise MoveRefused(
            "deal_closed", f"This deal is {deal.state}; open it again first.", "state"
        )
    if verb is Verb.LOSE:
        return Verdict(state=State.LOST, stage=deal.stage)
    here = definition.place(deal.stage)
    # A stage that the process no longer has counts as the first: nothing of it was passed.
    here = 0 if here is None else here
    there = _aim(definition, verb, here, to_stage)
    stage = definition.stages[there]
    if verb is Verb.ADVANCE:
        found = list(_opens(definition.stages[here:there], deal))
        return Verdict(
            state=State.WON if stage is definition.signed else State.OPEN,
            stage=stage.id,
            blocks=tuple(each for each in found if each.gate is Gate.STRICT),
            deviations=tuple(each for each in found if each.gate is Gate.LOOSE),
        )
    return Verdict(state=State.OPEN, stage=stage.id)


def _aim(definition: Definition, verb: Verb, here: int, to_stage: str | None) -> int:
    """Answer the place that a move is aimed at."""
    last = len(definition.stages) - 1
    if to_stage is None:
        there = {Verb.ADVANCE: here + 1, Verb.RETURN: here - 1, Verb.REOPEN: min(here, last - 1)}[
            verb
        ]
    else:
        found = definition.place(to_stage)
        if found is None:
            raise MoveRefused("stage_unknown", "The deal's process has no such stage.", "to_stage")
        there = found
    fits = {
        Verb.ADVANCE: here < there <= last,
        Verb.RETURN: 0 <= there < here,
        Verb.REOPEN: 0 <= there < last,
    }[verb]
    if not fits:
        raise MoveRefused(
            "wrong_direction", "This move does not lead to that stage; choose another.", "to_stage"
        )
    return there


def _opens(stages: Iterable[Stage], deal: Deal) -> Iterator[Open]:
    for stage in stages:
        yield from open_in(stage, deal)


def conformance(definition: Definition, deal: Deal) -> tuple[int, int]:
    """Answer how many of the steps of the stages behind that must be done are, and how many are to.

    Those of the present stage count once the deal is won.
    """
    place = definition.place(deal.stage) or 0
    return must_be_done(definition.stages[:place], deal.done_steps)


def must_be_done(stages: Iterable[Stage], done_steps: Collection[str]) -> tuple[int, int]:
    """Answer how many of the steps without which a deal stays are done, and how many there are.

    A loose gate lets a deal pass, so its steps are none of them.
    """
    must = [
        step.id
        for stage in stages
        for step in stage.steps
        if step.is_mandatory and step.gate is Gate.STRICT
    ]
    return sum(step in done_steps for step in must), len(must)

"""Deals on a device: what to do next, and where a deal stands once the server has its moves.

A device judges moves by the rules that the server has. What it foretells is provisional: somebody
else may have moved the deal first, and then the server's word counts.
"""

from typing import Any, Final

import msgspec

from mobile_client_sdk.client.made import Made
from mobile_client_sdk.client.writing import Writing
from mobile_client_sdk.records import Customer, Opportunity, Process, id_of
from mobile_client_sdk.views import Question
from sync_protocol.messages import Intent
from sync_protocol.process import definition, gates
from sync_protocol.process.built_in import BUILT_IN
from sync_protocol.process.definition import Definition
from sync_protocol.process.gates import Deal, MoveRefused, Open, State, Verb, Verdict

_MOVES: Final = {f"opportunity.{verb}": verb for verb in Verb}


class MoveBlocked(Exception):
    """A gate keeps the deal; what is open is named, and nothing was asked of the server."""

    code = "gate_closed"

    def __init__(self, blocks: tuple[Open, ...]) -> None:
        super().__init__("Do this first: " + ", ".join(each.name for each in blocks))
        self.blocks = blocks


class Foretold(msgspec.Struct, frozen=True, kw_only=True):
    """Where a deal stands, as far as this device knows."""

    stage: str
    stage_name: str
    state: State
    is_provisional: bool
    """Whether moves, or the deal itself, are still on their way to the server."""
    open: tuple[Open, ...] = ()
    """What its stage asks for and has not got."""


class Selling(Made, Writing):
    """Deals, their steps and their moves."""

    def processes(self) -> list[Process]:
        """Answer the processes that a deal may be begun by, beside the built-in one."""
        return list(self.find(Process, Question(equal={"state": "current"}, order_by="name")))

    def process(self, deal: Opportunity) -> Definition:
        """Answer what the process of a deal says."""
        if deal.process_id is None:
            return BUILT_IN
        held = self.get(Process, deal.process_id)
        # A process that has not come yet: the built-in one is the best guess.
        return definition.read(held.definition) if held and held.definition else BUILT_IN

    def deals(self, customer: Customer | str | None = None) -> list[Opportunity]:
        """Answer deals by name: a customer's, or all."""
        equal = {} if customer is None else {"customer_id": id_of(customer)}
        return list(self.find(Opportunity, Question(equal=equal, order_by="name")))

    def begin_deal(self, customer: Customer | str, name: str, **fields: Any) -> Opportunity:
        """Begin a deal in the first stage of its process.

        :raises ValueRefused: if a value is not of its field's form.
        """
        return self.create(Opportunity, customer_id=id_of(customer), name=name, **fields)

    def do_step(self, deal: Opportunity, step_id: str) -> None:
        """Mark a step of a deal as done."""
        with self.edit(self._fresh(deal)) as draft:
            draft.done_steps = sorted({*draft.done_steps, step_id})

    def foretold(self, deal: Opportunity) -> Foretold:
        """Answer where a deal stands with the moves that are on their way."""
        deal = self._fresh(deal)
        process = self.process(deal)
        judged = self._judged(deal, process)
        moves = [
            made.op
            for made in self.pending()
            if isinstance(made.op, Intent)
            and made.op.name in _MOVES
            and made.op.args.get("opportunity_id") == deal.id
        ]
        for move in moves:
            try:
                verdict = gates.judge(process, judged, _MOVES[move.name], move.args.get("to_stage"))
            except MoveRefused:
                continue
            if verdict.is_allowed:
                judged = msgspec.structs.replace(judged, state=verdict.state, stage=verdict.stage)
        stage = process.stage(judged.stage) or process.first
        is_open = judged.state is State.OPEN
        return Foretold(
            stage=judged.stage,
            stage_name=stage.name,
            state=judged.state,
            is_provisional=bool(moves) or deal.stage is None,
            open=tuple(gates.open_in(stage, judged)) if is_open else (),
        )

    def advance(self, deal: Opportunity, to_stage: str | None = None) -> Verdict:
        """Ask the server to move a deal forward; answer what this device foretells.

        :raises MoveBlocked: a strict gate keeps it here; the server is not asked.
        :raises MoveRefused: it is no move, e.g. of a deal that is lost.
        """
        return self._move(deal, Verb.ADVANCE, to_stage=to_stage)

    def return_deal(self, deal: Opportunity, to_stage: str | None = None) -> Verdict:
        """Ask the server to take a deal back to an earlier stage."""
        return self._move(deal, Verb.RETURN, to_stage=to_stage)

    def lose(self, deal: Opportunity, reason: str, remark: str | None = None) -> Verdict:
        """Ask the server to close a deal as lost, with the reason."""
        return self._move(deal, Verb.LOSE, reason=reason, remark=remark)

    def reopen(self, deal: Opportunity) -> Verdict:
        """Ask the server to open a deal again."""
        return self._move(deal, Verb.REOPEN)

    def open_template(self, deal: Opportunity, template_id: str) -> None:
        """Note that somebody looked at a template or case."""
        self.intend(
            "opportunity.open_template",
            opportunity_id=deal.id,
            customer_id=deal.customer_id,
            template_id=template_id,
        )

    def _move(self, deal: Opportunity, verb: Verb, **asked: str | None) -> Verdict:
        """Judge a move here, then ask for it."""
        deal = self._fresh(deal)
        process, here = self.process(deal), self.foretold(deal)
        judged = self._judged(deal, process)
        judged = msgspec.structs.replace(judged, state=here.state, stage=here.stage)
        verdict = gates.judge(process, judged, verb, asked.get("to_stage"))
        if not verdict.is_allowed:
            raise MoveBlocked(verdict.blocks)
        given = {name: value for name, value in asked.items() if value is not None}
        self.intend(
            f"opportunity.{verb}",
            opportunity_id=deal.id,
            customer_id=deal.customer_id,
            from_stage=here.stage,
            **given,
        )
        return verdict

    def _judged(self, deal: Opportunity, process: Definition) -> Deal:
        """Answer of a deal what its moves are judged by."""
        fields = msgspec.structs.asdict(deal)
        if deal.stage is None:
            # The server makes who begins a deal its account manager.
            session = self.session
            fields["account_manager_id"] = deal.account_manager_id or (session and session.user_id)
        return Deal(
            state=State(deal.state or State.OPEN),
            stage=deal.stage or process.first.id,
            done_steps=frozenset(deal.done_steps),
            fields=fields,
        )

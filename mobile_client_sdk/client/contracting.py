"""Contracts on a device: written and planned without a network, decided by the server."""

from collections.abc import Sequence
from typing import Any, Final

from mobile_client_sdk.client.quoting import NotPossible, Quoting
from mobile_client_sdk.records import Contract, Customer, id_of
from mobile_client_sdk.views import Question
from sync_protocol.contracting import plan as planning
from sync_protocol.contracting.plan import Instalment
from sync_protocol.contracting.states import LEADS, State, Verb, is_possible
from sync_protocol.messages import Intent


class Contracting(Quoting):
    """Contracts, their payment plans and what came in."""

    def contracts(self, customer: Customer | str | None = None) -> list[Contract]:
        """Answer contracts by title: a customer's, or all."""
        equal = {} if customer is None else {"customer_id": id_of(customer)}
        return list(self.find(Contract, Question(equal=equal, order_by="title")))

    def write_contract(
        self,
        customer: Customer | str,
        title: str,
        amount_minor: int,
        plan: Sequence[tuple[str, str, int]] = (),
        **fields: Any,
    ) -> Contract:
        """Write a contract; it is a draft, and nobody is asked yet.

        :param plan: name, day and minor units of each instalment; they come to the amount.
        :raises PlanInvalid: they do not.
        """
        parts = [
            Instalment(id=self.new_id(), name=name, due_on=due_on, amount_minor=minor)
            for name, due_on, minor in plan
        ]
        planning.ensure_balanced(planning.read(planning.write(parts)), amount_minor)
        return self.create(
            Contract,
            customer_id=id_of(customer),
            title=title,
            amount_minor=amount_minor,
            plan=planning.write(parts),
            **fields,
        )

    def instalments(self, contract: Contract) -> list[tuple[Instalment, int]]:
        """Answer the instalments of a contract, and what came in of each, in minor units."""
        held = dict(contract.received or ())
        return [(each, int(held.get(each.id, 0))) for each in planning.read(contract.plan)]

    def contract_state(self, contract: Contract) -> tuple[State, bool]:
        """Answer where a contract stands, and whether that is only on its way to the server.

        A submission is foretold as waiting and a signature as signed: the server knows better.
        """
        contract = self._fresh(contract)
        state = State(contract.state or State.DRAFT)
        asked = [
            Verb(made.op.name.removeprefix("contract."))
            for made in self.pending()
            if isinstance(made.op, Intent)
            and made.op.args.get("contract_id") == contract.id
            and made.op.name != _RECEIVE
        ]
        for verb in asked:
            state = LEADS[verb][1]
        return state, bool(asked) or contract.state is None

    def decide_contract(
        self,
        contract: Contract,
        verb: Verb,
        *,
        signed_on: str | None = None,
        remark: str | None = None,
    ) -> None:
        """Ask the server to submit, approve, sign, end ... a contract, as it stands here.

        :raises NotPossible: it does not stand where this leads on from.
        """
        contract = self._fresh(contract)
        state, _ = self.contract_state(contract)
        if not is_possible(verb, state):
            raise NotPossible(str(state))
        fields = {name: getattr(contract, name) for name in planning.CONTENT}
        said = {"signed_on": signed_on, "remark": remark}
        given = {name: value for name, value in said.items() if value is not None}
        if contract.state is not None:
            # What the server has not completed yet has no hash that it would know.
            given["content_hash"] = planning.content_hash(fields, contract.lines)
        self.intend(f"contract.{verb}", **_about(contract), **given)

    def receive(
        self,
        contract: Contract,
        amount_minor: int,
        instalment: Instalment | None = None,
        *,
        received_on: str | None = None,
    ) -> None:
        """Note that money came in; below zero it takes back what was noted by mistake."""
        said = {"instalment_id": instalment.id if instalment else None, "received_on": received_on}
        given = {name: value for name, value in said.items() if value is not None}
        self.intend(_RECEIVE, **_about(contract), amount_minor=amount_minor, **given)


_RECEIVE: Final = "contract.receive"


def _about(contract: Contract) -> dict[str, str]:
    """Name a contract and what is locked with it."""
    named = {
        "contract_id": contract.id,
        "customer_id": contract.customer_id,
        "opportunity_id": contract.opportunity_id,
        "quote_id": contract.quote_id,
    }
    return {name: id_ for name, id_ in named.items() if id_ is not None}

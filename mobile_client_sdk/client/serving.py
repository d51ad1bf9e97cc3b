"""Service cases on a device: noted and worked on without a network, decided by the server."""

from typing import Any

from mobile_client_sdk.client.contracting import Contracting
from mobile_client_sdk.client.quoting import NotPossible
from mobile_client_sdk.records import Customer, ServiceCase, id_of
from mobile_client_sdk.views import Question
from sync_protocol.messages import Intent
from sync_protocol.serving import LEADS, LIVE, SERIOUS, State, Verb, is_possible


class Serving(Contracting):
    """Service cases, and which of them everybody is to know."""

    def cases(self, customer: Customer | str | None = None) -> list[ServiceCase]:
        """Answer cases by subject: a customer's, or all."""
        equal = {} if customer is None else {"customer_id": id_of(customer)}
        return list(self.find(ServiceCase, Question(equal=equal, order_by="subject")))

    def alarming(self, customer: Customer | str) -> list[ServiceCase]:
        """Answer the open serious cases of a customer: help first, then sell."""
        return [
            case
            for case in self.cases(customer)
            if case.severity in SERIOUS and self.case_state(case)[0] in LIVE
        ]

    def open_case(self, customer: Customer | str, subject: str, **fields: Any) -> ServiceCase:
        """Note down what a customer complains of, or asks for."""
        return self.create(ServiceCase, customer_id=id_of(customer), subject=subject, **fields)

    def case_state(self, case: ServiceCase) -> tuple[State, bool]:
        """Answer where a case stands, and whether that is only on its way to the server."""
        case = self._fresh(case)
        verbs = {f"service_case.{verb}": verb for verb in Verb}
        asked = [
            verbs[made.op.name]
            for made in self.pending()
            if isinstance(made.op, Intent)
            and made.op.name in verbs
            and made.op.args.get("case_id") == case.id
        ]
        state = State(case.state or State.OPEN)
        for verb in asked:
            state = LEADS[verb][1]
        return state, bool(asked) or case.state is None

    def decide_case(self, case: ServiceCase, verb: Verb, text: str | None = None) -> None:
        """Ask the server to begin, pause, resolve, close ... a case.

        :raises NotPossible: it does not stand where this leads on from.
        """
        state, _ = self.case_state(case)
        if not is_possible(verb, state):
            raise NotPossible(str(state))
        given = {} if text is None else {"text": text}
        self.intend(f"service_case.{verb}", case_id=case.id, customer_id=case.customer_id, **given)

    def comment(self, case: ServiceCase, text: str) -> None:
        """Say something about a case."""
        args = {"case_id": case.id, "customer_id": case.customer_id, "text": text}
        self.intend("service_case.comment", **args)

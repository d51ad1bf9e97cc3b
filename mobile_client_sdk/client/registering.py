"""Deal registrations on a device: made without a network, decided when all have come that could."""

from mobile_client_sdk.client.helping import Helping
from mobile_client_sdk.client.quoting import NotPossible
from mobile_client_sdk.records import Customer, Registration, id_of
from mobile_client_sdk.views import Question
from sync_protocol.messages import Intent
from sync_protocol.registering import OPEN, SEEN_AS, State, Verb, is_possible

_REGISTER = "registration.register"


class Registering(Helping):
    """Whom this person's company has registered, and what became of it."""

    def registrations(self, customer: Customer | str | None = None) -> list[Registration]:
        """Answer registrations, those that end first: a customer's, or all within sight."""
        equal = {} if customer is None else {"customer_id": id_of(customer)}
        found = self.find(Registration, Question(equal=equal, order_by="id"))
        return sorted(found, key=lambda each: (each.protected_until or 2**53, each.id))

    def register(self, customer: Customer | str) -> str:
        """Register a customer for the company; answer the registration's id.

        Until the server has it, it is provisional; see ``standing``.

        :raises NotPossible: if it is registered already, as far as this device knows.
        """
        held = self.standing(customer)
        if held in OPEN or held is State.PROVISIONAL:
            raise NotPossible(str(held))
        # Edit times never go back; what the clock on the wall says is told as it is.
        told = {"wall_ms": self._clock_ms(), **self._steady.told()}
        return self.intend(_REGISTER, customer_id=id_of(customer), **told)

    def standing(self, customer: Customer | str) -> State | None:
        """Answer how a customer's newest registration stands; none where there is none."""
        customer_id = id_of(customer)
        held = max(self.registrations(customer_id), key=lambda each: each.id, default=None)
        for made in self.pending():
            op = made.op
            if isinstance(op, Intent) and op.name == _REGISTER:
                is_its = op.args.get("customer_id") == customer_id
                if is_its and not any(each.id == op.id for each in self.registrations(customer_id)):
                    return State.PROVISIONAL
        return None if held is None else self.registration_state(held)[0]

    def registration_state(self, registration: Registration) -> tuple[State, bool]:
        """Answer where a registration stands, and whether that is only on its way to the server."""
        registration = self._fresh(registration)
        verbs = {f"registration.{verb}": verb for verb in Verb}
        asked = [
            verbs[made.op.name]
            for made in self.pending()
            if isinstance(made.op, Intent)
            and made.op.name in verbs
            and made.op.args.get("registration_id") == registration.id
        ]
        state = State(registration.state or State.CHECKING)
        for verb in asked:
            state = SEEN_AS[verb]
        return state, bool(asked)

    def decide_registration(
        self,
        registration: Registration,
        verb: Verb,
        *,
        kind: str | None = None,
        record_id: str | None = None,
    ) -> None:
        """Ask the server to extend a registration, to give it back, or to contest its refusal.

        :param kind: of what shows work on the customer, to extend: visit, quote or contract.
        :raises NotPossible: it does not stand where this leads on from.
        """
        state, _ = self.registration_state(registration)
        if not is_possible(verb, state):
            raise NotPossible(str(state))
        self._ask_about(registration, str(verb), kind=kind, record_id=record_id)

    def show_evidence(self, registration: Registration, *, kind: str, record_id: str) -> None:
        """Bring a visit, quote or contract of this customer to the registration's case."""
        self._ask_about(registration, "show", kind=kind, record_id=record_id)

    def waive_evidence(self, registration: Registration) -> None:
        """Bring no more evidence to the registration's case, so that it may be decided sooner.

        :raises NotPossible: it is in no case that takes any.
        """
        held = self._fresh(registration)
        if held.evidence_until is None:
            raise NotPossible(str(self.registration_state(held)[0]))
        self._ask_about(held, "waive")

    def _ask_about(
        self,
        registration: Registration,
        what: str,
        *,
        kind: str | None = None,
        record_id: str | None = None,
    ) -> None:
        """Ask the server for something about a registration."""
        shown = {"kind": kind, "record_id": record_id}
        self.intend(
            f"registration.{what}",
            registration_id=registration.id,
            customer_id=registration.customer_id,
            **{name: value for name, value in shown.items() if value is not None},
        )

"""Requests for help on a device: called up without a network, sent on and answered by others."""

from typing import Any

from mobile_client_sdk.client.calling import Calling
from mobile_client_sdk.client.quoting import NotPossible
from mobile_client_sdk.records import Customer, Opportunity, ResourceRequest, id_of
from mobile_client_sdk.views import Question
from sync_protocol.helping import LEADS, State, Verb, is_possible
from sync_protocol.messages import Intent


class Helping(Calling):
    """What the field calls up, and what became of it."""

    def requests(
        self,
        customer: Customer | str | None = None,
        *,
        deal: Opportunity | str | None = None,
    ) -> list[ResourceRequest]:
        """Answer requests for help by subject: a customer's, a deal's, or all."""
        equal = {} if customer is None else {"customer_id": id_of(customer)}
        equal |= {} if deal is None else {"opportunity_id": id_of(deal)}
        return list(self.find(ResourceRequest, Question(equal=equal, order_by="subject")))

    def ask_for_help(
        self,
        customer: Customer | str,
        subject: str,
        *,
        deal: Opportunity | str | None = None,
        **fields: Any,
    ) -> ResourceRequest:
        """Call up help for a customer or a deal; the platform, if asked, reads ``briefing``."""
        about = {} if deal is None else {"opportunity_id": id_of(deal)}
        named = {"customer_id": id_of(customer), "subject": subject, **about}
        return self.create(ResourceRequest, **named, **fields)

    def request_state(self, request: ResourceRequest) -> tuple[State, bool]:
        """Answer where a request stands, and whether that is only on its way to the server."""
        request = self._fresh(request)
        verbs = {f"resource_request.{verb}": verb for verb in Verb}
        asked = [
            verbs[made.op.name]
            for made in self.pending()
            if isinstance(made.op, Intent)
            and made.op.name in verbs
            and made.op.args.get("resource_request_id") == request.id
        ]
        state = State(request.state or State.REQUESTED)
        for verb in asked:
            state = LEADS[verb][1]
        return state, bool(asked) or request.state is None

    def decide_request(
        self,
        request: ResourceRequest,
        verb: Verb,
        text: str | None = None,
        *,
        helper_id: str | None = None,
        verdict: str | None = None,
    ) -> None:
        """Ask the server to dispatch, accept, decline, complete, judge or cancel a request.

        :param helper_id: to whom it is dispatched; to the platform without.
        :raises NotPossible: it does not stand where this leads on from.
        """
        state, _ = self.request_state(request)
        if not is_possible(verb, state):
            raise NotPossible(str(state))
        wanted = {"text": text, "helper_id": helper_id, "verdict": verdict}
        self.intend(
            f"resource_request.{verb}",
            resource_request_id=request.id,
            customer_id=request.customer_id,
            **{name: value for name, value in wanted.items() if value is not None},
        )

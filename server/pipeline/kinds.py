"""Which records of this room travel, and what it adds to the protocol's rules about them."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from server.access import Actor
from server.changelog.kinds import Find, RecordKind
from server.customers import index, references
from server.customers.rules import fields
from server.pipeline import rules
from sync_protocol.process.gates import State


def _complete(actor: Actor, given: Mapping[str, Any], at_ms: int) -> dict[str, Any]:
    """Let a new deal be open, in the pipeline, and its maker's, where nothing else was said."""
    manager = given["account_manager_id"] or str(actor.user_id)
    return {
        "state": str(State.OPEN),
        "stage_since": at_ms,
        "forecast_category": given["forecast_category"] or "pipeline",
        "account_manager_id": manager,
    }


def _take(given: Mapping[str, Any], find: Find) -> dict[str, Any]:
    """Begin a new deal in the first stage of its process.

    :raises ProcessRetired: nobody begins by that process any more.
    """
    process = find("process", given["process_id"]) if given["process_id"] else None
    if process is not None and process["state"] == "retired":
        raise rules.ProcessRetired("This process was retired; choose another.", field="process_id")
    return {"stage": rules.read(process["definition"] if process else None).first.id}


PROCESS: Final = RecordKind(name="process", table="process")
OPPORTUNITY: Final = RecordKind(
    name="opportunity",
    table="opportunity",
    normalise=partial(fields.normalise, "opportunity"),
    complete=_complete,
    take=_take,
    index=index.of_others,
    topic="deals.written",
)

KINDS: Final = (PROCESS, OPPORTUNITY)
"""This room's records, parents before their children."""

WRITTEN: Final[Mapping[str, RecordKind]] = {
    # The one write path looks whether these are there; they are another room's.
    "customer": RecordKind(name="customer", table="customer"),
    "custom_field": RecordKind(name="custom_field", table="custom_field"),
    **{kind.name: kind for kind in KINDS},
}
"""What the services of this room hand to the one write path, by name."""

for _role in ("account_manager_id", "solution_manager_id", "fulfilment_manager_id"):
    # A deal that is won or lost stays with who won or lost it.
    references.follow(references.Follower(OPPORTUNITY, _role, "k.state = 'open'"))

"""Decide about contracts: what may be written, who may approve, what becomes of them. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from server.access import Actor, Role
from server.changelog.kinds import Find
from server.customers.rules import fields as texts
from server.kit.errors import Conflict, Forbidden, Invalid
from sync_protocol.contracting import plan as planning
from sync_protocol.contracting.plan import CONTENT, Instalment, PlanInvalid
from sync_protocol.contracting.states import BINDING, LEADS, OPEN, State, Verb, by_days, is_possible
from sync_protocol.schema import is_day

_NONE: Final[Mapping[str, Any]] = {"currency": "CNY", "amount_minor": 0}
"""What stands where nothing was said: a framework contract may have no amount."""
REMINDED_DAYS: Final = (30, 7)
"""So many days before a contract ends, who is in charge of it is told."""
Received = Mapping[str, int]
"""What came in, in minor units, by the ids of instalments."""


class BadPlan(Invalid):
    """The payment plan is none, or does not come to the contract's amount."""

    code = "plan_invalid"


class ContractDays(Invalid):
    """A contract's last day does not lie before its first."""

    code = "contract_days"


class ContractClosed(Conflict):
    """Both have signed, or it came to its end: what the contract says stands."""

    code = "contract_closed"


class ContractMoved(Conflict):
    """What was asked does not lead on from where the contract stands."""

    code = "contract_moved"


class ContractChanged(Conflict):
    """The contract says something else than the asker saw, or than was approved."""

    code = "contract_changed"


class ContractNumberTaken(Conflict):
    """Another contract has this number."""

    code = "contract_number_taken"


class ContractUnreasoned(Invalid):
    """A contract is not ended early, nor given up, for no reason."""

    code = "contract_unreasoned"


class StillToCome(Invalid):
    """Nobody has signed, or paid, tomorrow."""

    code = "still_to_come"


class SigningSelf(Forbidden):
    """Whoever wrote or submitted a contract does not approve it."""

    code = "contract_maker_approves"


class NotOfCustomer(Invalid):
    """The deal, quote or earlier contract is another customer's."""

    code = "not_of_customer"


class NothingDue(Conflict):
    """Nobody pays by a contract that was not signed."""

    code = "nothing_due"


class BadReceipt(Invalid):
    """More would have come in than is due, or less than nothing."""

    code = "receipt_invalid"


# ------------------------------------------------------------------------- what may be written


def normalise(given: Mapping[str, Any]) -> dict[str, Any]:
    """Bring given values into their stored form.

    :raises BadPlan: the payment plan is none.
    """
    normal = texts.normalise("contract", {k: v for k, v in given.items() if k != "plan"})
    for name, none in _NONE.items():
        if name in normal and normal[name] is None:
            normal[name] = none
    if "plan" in given:
        plan = given["plan"]
        normal["plan"] = planning.write(plan_of(given)) if isinstance(plan, str) else plan
    return normal


def plan_of(fields: Mapping[str, Any]) -> tuple[Instalment, ...]:
    """Read the payment plan of a contract.

    :raises BadPlan: naming the part.
    """
    try:
        return planning.read(fields["plan"])
    except PlanInvalid as fault:
        raise BadPlan(fault.detail, field=fault.field) from fault


def complete(actor: Actor, given: Mapping[str, Any], at_ms: int) -> dict[str, Any]:
    """Let a new contract be a draft of whoever makes it."""
    return {
        "state": str(State.DRAFT),
        "state_since": at_ms,
        "edited_by": str(actor.user_id),
        "account_manager_id": given["account_manager_id"] or str(actor.user_id),
        "currency": given["currency"] or _NONE["currency"],
        "amount_minor": given["amount_minor"] or _NONE["amount_minor"],
        "received_minor": 0,
    }


def take(given: Mapping[str, Any], find: Find) -> dict[str, Any]:
    """Take the lines from the quote that the contract is made from, and the deal with them.

    :raises NotOfCustomer: one of what it names is another customer's.
    """
    taken: dict[str, Any] = {}
    for kind in ("quote", "opportunity", "contract"):
        name = "renews_id" if kind == "contract" else f"{kind}_id"
        named = find(kind, given[name]) if given[name] else None
        if named is not None and named["customer_id"] != given["customer_id"]:
            raise NotOfCustomer("Choose one of this customer's.", field=name)
        if kind == "quote" and named is not None:
            taken["lines"] = named["lines"]
            if given["opportunity_id"] not in {None, named["opportunity_id"]}:
                raise NotOfCustomer("This quote belongs to another deal.", field="quote_id")
            taken["opportunity_id"] = named["opportunity_id"]
    return taken


def check(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
    """Refuse a contract that contradicts itself, and to change what both have signed.

    :raises ContractClosed: it was signed, or given up.
    :raises BadPlan, ContractDays: naming the field.
    """
    if before is not None and before["state"] not in OPEN:
        for name in CONTENT:
            if before[name] != after[name]:
                raise ContractClosed("What was signed stands; renew it by another.", field=name)
        return
    if after["effective_on"] and after["ends_on"] and after["ends_on"] < after["effective_on"]:
        raise ContractDays("The last day lies before the first.", field="ends_on")
    try:
        planning.ensure_balanced(plan_of(after), after["amount_minor"])
    except PlanInvalid as fault:
        raise BadPlan(fault.detail, field=fault.field) from fault


def follow(actor: Actor, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Say what follows from an edit: what was approved, or waits for it, is a draft again."""
    if all(before[name] == after[name] for name in CONTENT):
        return {}
    return {
        "state": str(State.DRAFT),
        "edited_by": str(actor.user_id),
        "approved_hash": None,
    }


# ---------------------------------------------------------------------------- what becomes of it


def hash_of(fields: Mapping[str, Any]) -> str:
    """Name what a contract says."""
    return planning.content_hash(fields, fields["lines"])


def ensure_possible(verb: Verb, state: State) -> None:
    """Refuse what does not lead on.

    :raises ContractMoved: naming where the contract stands.
    """
    if not is_possible(verb, state):
        raise ContractMoved(
            f"This contract is {state}; look at it and decide again.",
            field="verb",
            state=str(state),
        )


def ensure_seen(verb: Verb, seen: str | None, fields: Mapping[str, Any]) -> None:
    """Refuse a decision about something else than what the asker saw, or than was approved.

    :raises ContractChanged: an approval must name what it is about.
    """
    said = hash_of(fields)
    if seen != said and not (seen is None and verb is not Verb.APPROVE):
        raise ContractChanged(
            "This contract was changed meanwhile; look at it and decide again.",
            field="content_hash",
        )
    if verb is Verb.SIGN and fields["approved_hash"] != said:
        raise ContractChanged("This is not what was approved; submit it again.")


def ensure_reason(verb: Verb, remark: str | None) -> None:
    """Refuse to end or give up a contract without a word."""
    if verb in {Verb.TERMINATE, Verb.VOID} and not (remark and remark.strip()):
        raise ContractUnreasoned("Say why the contract comes to its end.", field="remark")


def ensure_checker(actor: Actor, fields: Mapping[str, Any]) -> None:
    """Refuse that somebody approves their own contract.

    :raises SigningSelf: they wrote it last, or submitted it.
    """
    if str(actor.user_id) in {fields["edited_by"], fields["submitted_by"]}:
        raise SigningSelf("You wrote or submitted this contract; somebody else must approve it.")


def is_settled(actor: Actor, fields: Mapping[str, Any], quote: Mapping[str, Any] | None) -> bool:
    """Say whether nobody has to approve a contract that somebody submits.

    The owner signs for the company; what an accepted quote came to was decided before, if
    somebody else than the contract's maker approved it: a quote at its prices passes by itself,
    and whoever wrote both would bind the company, and keep the customer, alone.

    :param quote: the one that it is made from, if no other contract came of it.
    """
    if actor.role is Role.AGENT_OWNER:
        return True
    worth = (fields["currency"], fields["amount_minor"])
    makers = {str(actor.user_id), fields["edited_by"]}
    return (
        quote is not None
        and quote["state"] == "accepted"
        and quote["decided_by"] is not None
        and quote["decided_by"] not in makers
        and (quote["currency"], quote["total_minor"]) == worth
    )


def happened_on(asked: str | None, today: str, *, field: str) -> str:
    """Give the day on which both have signed, or money came in; today, where none was said.

    :raises StillToCome: it has not come yet.
    """
    if asked is None:
        return today
    if not is_day(asked) or asked > today:
        raise StillToCome("Give the day on which this happened; it cannot lie ahead.", field=field)
    return asked


def outcome(verb: Verb, fields: Mapping[str, Any], today: str, *, settled: bool) -> State:
    """Say where a contract stands afterwards."""
    if verb is Verb.SUBMIT and settled:
        return State.APPROVED
    if verb is Verb.SIGN:
        return by_days(fields["effective_on"], fields["ends_on"], today)
    return LEADS[verb][1]


# --------------------------------------------------------------------------------- what comes in


def received(
    fields: Mapping[str, Any], held: Received, instalment_id: str | None, amount_minor: int
) -> dict[str, int]:
    """Give what has come in of each instalment after one more payment, or a payment taken back.

    Money of a contract without a plan stands under the empty id.

    :raises NothingDue: nobody has signed it yet.
    :raises BadReceipt: more than is due, less than nothing, or no such instalment.
    """
    if fields["state"] not in BINDING:
        raise NothingDue("Note the signature first.", field="amount_minor")
    due = {each.id: each.amount_minor for each in plan_of(fields)} or {"": fields["amount_minor"]}
    place = instalment_id or ""
    if place not in due:
        raise BadReceipt("Choose one of the plan's instalments.", field="instalment_id")
    after = held.get(place, 0) + amount_minor
    if amount_minor == 0 or not 0 <= after <= due[place]:
        open_minor = due[place] - held.get(place, 0)
        raise BadReceipt(
            f"Of this, {open_minor} minor units are open and {held.get(place, 0)} came in; "
            "note the rest with another instalment.",
            field="amount_minor",
            open_minor=open_minor,
        )
    return {**held, place: after}


def waiting(plan: Sequence[Instalment], held: Received, today: str) -> tuple[int, str | None]:
    """Give what is overdue, in minor units, and the first day on which something is still due."""
    left = [(each.due_on, each.amount_minor - held.get(each.id, 0)) for each in plan]
    open_ = [(due_on, minor) for due_on, minor in left if minor > 0]
    overdue = sum(minor for due_on, minor in open_ if due_on < today)
    return overdue, min((due_on for due_on, _ in open_), default=None)


def derive(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Compute the day on which the next payment is due; empty where none is."""
    if fields["state"] not in BINDING:
        return {"next_due_on": ""}
    _, next_on = waiting(plan_of(fields), dict(fields["received"] or ()), "")
    return {"next_due_on": next_on or ""}


FOR_EVER: Final = date(9000, 1, 1)
"""To which day a contract without a last one keeps its customer."""


def reminder(days_left: int) -> int:
    """Say which reminder has come for a contract that ends in so many days, at most a month."""
    return min(step for step in REMINDED_DAYS if days_left <= step)

"""When a contract is paid, as one document: its instalments, which come to its amount exactly.

A contract's ``plan`` is this document as JSON; a contract without one is paid at once, or the plan
stays on paper. What was received of each instalment is the server's word.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, Any, Final

import msgspec

from sync_protocol.schema import MAX_REVENUE_MINOR, is_clean_text, is_day

MAX_INSTALMENTS: Final = 60
CONTENT: Final = (
    *("title", "party_a", "party_b", "currency", "amount_minor", "plan"),
    *("effective_on", "ends_on"),
)
"""The fields that an approval is about, and that stand once both have signed."""

Id = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
Day = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
Amount = Annotated[int, msgspec.Meta(ge=1, le=MAX_REVENUE_MINOR)]


class Instalment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So much of a contract's amount, due on a day."""

    id: Id
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    """What it is paid for, such as a first payment."""
    due_on: Day
    amount_minor: Amount


class PlanInvalid(Exception):
    """What was given is no payment plan; the field names the part."""

    def __init__(self, detail: str, field: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


@lru_cache(512)
def read(text: str | None) -> tuple[Instalment, ...]:
    """Read a plan; without one there are no instalments.

    :raises PlanInvalid: naming what is wrong.
    """
    if text is None:
        return ()
    try:
        plan = msgspec.json.decode(text, type=tuple[Instalment, ...])
    except (msgspec.DecodeError, UnicodeError) as error:
        path = str(error).partition("$")[2].strip("`.")
        detail = "The plan is a list of instalments with name, due_on and amount_minor."
        raise PlanInvalid(detail, f"plan{path}") from error
    if len(plan) > MAX_INSTALMENTS:
        raise PlanInvalid(f"A plan has at most {MAX_INSTALMENTS} instalments.", "plan")
    if len({each.id for each in plan}) != len(plan):
        raise PlanInvalid("Each instalment has an id of its own.", "plan")
    for at, each in enumerate(plan):
        if not is_clean_text(each.name):
            raise PlanInvalid(
                "This text has a character that cannot be stored.", f"plan[{at}].name"
            )
        if not is_day(each.due_on):
            raise PlanInvalid("This is no day of the calendar.", f"plan[{at}].due_on")
    return plan


def write(plan: Sequence[Instalment]) -> str | None:
    """Write a plan in its one form, the earliest due first; none is no plan."""
    ordered = sorted(plan, key=lambda each: (each.due_on, each.id))
    return msgspec.json.encode(ordered).decode() if ordered else None


def ensure_balanced(plan: Sequence[Instalment], amount_minor: int) -> None:
    """Refuse a plan that does not come to the contract's amount, to the minor unit.

    :raises PlanInvalid: naming the difference.
    """
    difference = amount_minor - sum(each.amount_minor for each in plan)
    if plan and difference:
        side = "less" if difference > 0 else "more"
        raise PlanInvalid(
            f"The instalments come to {abs(difference)} minor units {side} than the amount.", "plan"
        )


def content_hash(fields: Mapping[str, Any], lines: str | None) -> str:
    """Name what an approval is about: another amount, day, party or instalment has another hash."""
    about = [lines, *(fields[name] for name in CONTENT)]
    return blake2b(msgspec.json.encode(about), digest_size=16).hexdigest()

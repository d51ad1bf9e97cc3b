"""How this room's synced records lie in their tables, and what follows from them below."""

from collections.abc import Mapping
from typing import Final

from server.changelog.kinds import RecordKind
from server.contracts import rules
from server.customers import references

CONTRACT: Final = RecordKind(
    name="contract",
    table="contract",
    normalise=rules.normalise,
    check=rules.check,
    complete=rules.complete,
    take=rules.take,
    follow=rules.follow,
    derived={"next_due_on": "text"},
    derived_from=frozenset({"state", "plan", "received"}),
    derive=rules.derive,
    topic="contracts.written",
)

KINDS: Final = (CONTRACT,)
"""This room's records."""

WRITTEN: Final[Mapping[str, RecordKind]] = {
    # The one write path looks whether they are there; they are other rooms'.
    **{name: RecordKind(name=name, table=name) for name in ("customer", "opportunity", "quote")},
    CONTRACT.name: CONTRACT,
}
"""What the services of this room hand to the one write path, by name."""

references.follow(
    references.Follower(
        CONTRACT, "account_manager_id", "k.state NOT IN ('ended', 'terminated', 'void')"
    )
)
references.keep(
    references.Keeper(
        table="contract",
        until=f"""CASE WHEN k.state IN ('signed', 'in_force')
            THEN coalesce(k.ends_on::date, DATE '{rules.FOR_EVER}') ELSE k.closed_on::date END""",
        condition="k.signed_on IS NOT NULL AND NOT k.deleted",
    )
)

"""Which customers an actor sees: said once, for lists, details, search and export.

What other teams share is seen where a question says `with_shared`: in lists, details, search and
export of customers, and in nothing that belongs to a customer unless the line says so.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Part, Scope, Sharing, granted, vouched
from server.changelog import storage
from server.customers.rules import places, search
from server.customers.rules.search import Stretch
from server.kit import db
from server.kit.pages import PAGE_SIZE_MAX, decode_cursor, encode_cursor
from server.kit.text import clean

ViewT = TypeVar("ViewT", bound=msgspec.Struct)

_PUBLIC_KEYS: Final = frozenset("nyi")
"""The search keys of what is always shared: a customer's name."""
_HAS_TAG: Final = (
    "EXISTS (SELECT FROM customer_token k WHERE k.tenant_id = $1 AND k.token = {}"
    " AND k.record_id = c.id)"
)
_NOTHING: Final[dict[Part, Any]] = {Part.CUSTOM: {}}
"""What stands for a part that is not shared; None for all others."""
_DIGITS: Final = re.compile(r"[0-9][\W_]*[0-9][\W_]*[0-9]")
"""So many of them may be of a phone, whatever signs stand between them."""
_OF_CUSTOMER: Final = (
    *(Part.USCC, Part.PHONE, Part.ADDRESS, Part.REMARK, Part.REVENUE, Part.CUSTOM),
)
"""The parts that are fields of the customer itself."""


@lru_cache(1024)
def _normal(shared: tuple[Sharing, ...]) -> tuple[Sharing, ...]:
    """Give lines with the cities as customers have them."""
    return tuple(
        msgspec.structs.replace(line, cities=tuple(places.city(city) for city in line.cities))
        for line in shared
    )


def lines_of(actor: Actor) -> tuple[Sharing, ...]:
    """Give what other teams let the actor see; nothing to who sees the whole company anyway."""
    return () if actor.scope is Scope.TENANT else _normal(actor.shared)


def parts_of(actor: Actor, customer: Any) -> frozenset[Part]:
    """Give what of a customer, or of a view of one, the actor sees besides what always is seen."""
    if storage.is_visible(actor, customer.owner_id, customer.team_id):
        return frozenset(Part)
    return granted(lines_of(actor), customer) or frozenset()


def shown(actor: Actor, view: ViewT) -> ViewT:
    """Give a view of a customer as the actor may see it: of a shared one what is shared."""
    customer: Any = view
    if not lines_of(actor) or storage.is_visible(actor, customer.owner_id, customer.team_id):
        return view
    parts = parts_of(actor, customer)
    hidden = {part.value: _NOTHING.get(part) for part in _OF_CUSTOMER if part not in parts}
    return msgspec.structs.replace(view, shared=True, **hidden)


class Where:
    """The conditions of a question about customers (alias ``c``), with their parameters.

    Begins with the tenant as $1, what is not deleted, and what the actor may see.
    """

    def __init__(
        self, actor: Actor, *, with_deleted: bool = False, with_shared: bool = False
    ) -> None:
        self.actor = actor
        self.args: list[Any] = [actor.tenant_id]
        self._texts = ["c.tenant_id = $1"]
        if not with_deleted:
            self._texts.append("NOT c.deleted")
        own = self._own()
        self.own = f"({' OR '.join(own)})" if own else "TRUE"
        """The actor's own sight, as a condition."""
        lines = lines_of(actor) if with_shared else ()
        self._ways = [*([each] for each in own), *map(self._line, lines)]
        """In which ways a customer is seen: each a column that has an index, and what narrows it.
        No way at all means that everything is."""

    def _own(self) -> list[str]:
        """Say which customers are within the actor's own sight: any of these; none means all."""
        actor = self.actor
        match actor.scope:
            case Scope.MINE:
                return [f"c.owner_id = {self.param(actor.user_id)}"]
            case Scope.TEAM:
                mine, ours = self.param(actor.user_id), self.param(actor.team_id)
                return [f"c.owner_id = {mine}", f"c.team_id = {ours}"]
            case Scope.TENANT:
                return []

    def _line(self, line: Sharing) -> list[str]:
        """Say which customers a line of policy is about."""
        texts = [f"c.team_id = {self.param(line.from_team_id)}"]
        if line.levels:
            texts.append(f"c.level = ANY({self.param(list(line.levels))}::text[])")
        if line.cities:
            texts.append(f"c.city = ANY({self.param(list(line.cities))}::text[])")
        if line.tag_id is not None:
            texts.append(_HAS_TAG.format(self.param(search.tag_token(str(line.tag_id)))))
        return texts

    def by_key(self, stretch: Stretch) -> str:
        """Say which customers are found by keys of a stretch, as a further condition.

        By a phone somebody from whom phones are hidden finds their own alone; what is shared is
        found by its name alone.
        """
        if stretch.is_phone and self.actor.masks_phones:
            return f" AND c.owner_id = {self.param(self.actor.user_id)}"
        is_public = stretch.prefix[0] in _PUBLIC_KEYS
        return "" if is_public or not lines_of(self.actor) else f" AND {self.own}"

    @classmethod
    def of_tenant(cls, actor: Actor) -> "Where":
        """Begin with all of the tenant's customers, for what shows no more than it may of each."""
        return cls(vouched(actor))

    def add_own_if_masked(self) -> None:
        """Ask for the actor's own customers alone where phones are hidden, and one is asked by."""
        if self.actor.masks_phones:
            self.add("c.owner_id = {}", self.actor.user_id)

    def add_text(self, places: Sequence[str], asked: str) -> None:
        """Ask for what says in one of these places what is asked for.

        By digits somebody from whom phones are hidden finds what belongs to their own alone:
        there may be a number in the text.
        """
        sought = clean(asked).lower()
        holds = self.param(sought)
        said = [f"strpos(lower(normalize({each}, NFKC)), {holds}) > 0" for each in places]
        self.add(f"({' OR '.join(said)})")
        if _DIGITS.search(sought):
            self.add_own_if_masked()

    def add(self, text: str, *values: Any) -> None:
        """Add a condition; each ``{}`` in it becomes the parameter of a value."""
        self._texts.append(text.format(*(self.param(value) for value in values)))

    def param(self, value: Any) -> str:
        """Add a parameter and give its name, as ``$3``."""
        self.args.append(value)
        return f"${len(self.args)}"

    @property
    def text(self) -> str:
        """Give all conditions, to stand behind WHERE."""
        ways = " OR ".join(f"({' AND '.join(way)})" for way in self._ways)
        return " AND ".join([*self._texts, *([f"({ways})"] if ways else [])])

    @property
    def sees_all(self) -> bool:
        """Say whether every customer of the tenant is seen."""
        return not self._ways

    @property
    def by_way(self) -> list[str]:
        """Give all conditions once for each way to see a customer: what any finds is what all do.

        Each way is a column whose index gives the customers in the order of a list.
        """
        return [" AND ".join([*self._texts, *way]) for way in self._ways]

    def may_see(self, key: str) -> str:
        """Say that the customer of an id may be within sight, as a further condition.

        A first sieve where keys of all customers are read: the ids of those within sight are read
        once, from indexes alone, and what passes is still to be looked at by `text`.
        """
        seen = " UNION ALL ".join(
            f"SELECT c.id FROM customer c WHERE c.tenant_id = $1 AND {way}"  # noqa: S608 - constants and numbered parameters
            for way in dict.fromkeys(way[0] for way in self._ways)
        )
        # Said in this way it is no join, whose order a plan might turn around.
        return f" AND ({key} IN ({seen})) IS TRUE" if seen else ""


async def newest_first(
    actor: Actor, columns: str, source: str, where: Where, cursor: str | None, limit: int
) -> tuple[Sequence[asyncpg.Record], str | None]:
    """Read a page of records `k`, the newest first, and where the next one begins.

    :raises BadCursor: the cursor is not of this list.
    """
    limit = min(max(limit, 1), PAGE_SIZE_MAX)
    if cursor is not None:
        where.add("(k.created_seq, k.id) < ({}, {})", *decode_cursor(cursor, tuple[int, UUID]))
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            f"SELECT {columns}, k.created_seq FROM {source} WHERE {where.text}"  # noqa: S608 - constants and numbered parameters
            f" ORDER BY k.created_seq DESC, k.id DESC LIMIT {limit + 1}",
            *where.args,
        )
    last = rows[limit - 1] if len(rows) > limit else None
    return rows[:limit], encode_cursor(last["created_seq"], last["id"]) if last else None

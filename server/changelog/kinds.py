"""How a kind of synced record lies in its table, said by the room that owns it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from server.access import Actor
from sync_protocol.messages import Create, Edit

SYNC_COLUMNS: Final = """
    handle bigint NOT NULL,
    seq bigint NOT NULL,
    created_seq bigint NOT NULL,
    created_device uuid,
    created_number bigint NOT NULL DEFAULT 0,
    created_by uuid,
    created_at timestamptz NOT NULL,
    versions jsonb NOT NULL DEFAULT '{}',
    deleted boolean NOT NULL DEFAULT false
"""
"""Columns that every table of synced records has beside `tenant_id`, `id` and its fields.

`handle` is the record's small number within its tenant; `seq` is the tenant sequence of the last
change; `versions` maps each field that was written after the creation to its version. The customer
table also has ``scope_seq bigint NOT NULL``, the sequence at which its owner or team last changed,
or it was deleted or came back.
"""


def sync_indexes(table: str) -> list[str]:
    """Give the indexes that every table of synced records has."""
    return [
        f"CREATE INDEX {table}_seq ON {table} (tenant_id, seq, id)",
        f"CREATE UNIQUE INDEX {table}_handle ON {table} (tenant_id, handle)",
    ]


@dataclass(frozen=True, slots=True)
class Along:
    """A write that a room adds to a unit of work, in PostgreSQL's words; other stores leave it out.

    One data-modifying statement with its parameters ``$1``, ``$2`` ... It is done in the same
    breath as the unit, while the tenant's clock is held, and sees nothing of what else the unit
    writes. It may join ``clock``, one row with `tenant_id`, `seq`, `actor_id`, `device_id` and
    `at`. Many rows travel best as one text a column.
    """

    statement: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """A record as it stands after a unit of work; `before` is None when it was created."""

    id: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any]
    deleted: bool


Find = Callable[[str, Any], Mapping[str, Any] | None]
"""Give the fields of a record that an op names, by kind and id; None when it is not there."""


def _as_given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the values as they are."""
    return dict(fields)


def _no_check(_before: Mapping[str, Any] | None, _after: Mapping[str, Any]) -> None:
    """Allow every change."""


def _anybodys(_actor: Actor, _before: Mapping[str, Any] | None, _after: Mapping[str, Any]) -> None:
    """Let everybody who sees a record write it."""


def _permits(_actor: Actor, _ruling: Mapping[str, Any]) -> None:
    """Let everybody write."""


def _nothing_completed(_actor: Actor, _fields: Mapping[str, Any], _at_ms: int) -> dict[str, Any]:
    """Fill in nothing."""
    return {}


def _nothing_taken(_fields: Mapping[str, Any], _find: Find) -> dict[str, Any]:
    """Take nothing from other records."""
    return {}


def _nothing_follows(
    _actor: Actor, _before: Mapping[str, Any], _after: Mapping[str, Any]
) -> dict[str, Any]:
    """Let nothing follow."""
    return {}


def _nothing_heeded(
    _answer: Any, _before: Mapping[str, Any] | None, _after: Mapping[str, Any]
) -> dict[str, Any]:
    """Decide nothing."""
    return {}


Ask = Callable[[Actor, Sequence[Create | Edit]], Awaitable[Mapping[int, Any]]]
"""Give what is to be known of ops, by their number; in the open transaction."""


def _nothing_derived(_after: Mapping[str, Any]) -> dict[str, Any]:
    """Derive no columns."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordKind:
    """A kind of record that travels, its table, and the rules of the room that owns it.

    The fields, their types and policies are those of ``sync_protocol.schema``; here stands only
    what the
    database and the domain add.
    """

    name: str
    table: str
    normalise: Callable[[Mapping[str, Any]], dict[str, Any]] = _as_given
    """Bring given values into their stored form; raises a Refusal that names the field."""
    check: Callable[[Mapping[str, Any] | None, Mapping[str, Any]], None] = _no_check
    """Look at a record before and after; raises a Refusal, e.g. for an illegal transition."""
    allow: Callable[[Actor, Mapping[str, Any] | None, Mapping[str, Any]], None] = _anybodys
    """Look at who would write a record, before and after; raises a Refusal."""
    ruled_by: str | None = None
    """The field that names the record by whose word people may write these."""
    permit: Callable[[Actor, Mapping[str, Any]], None] = _permits
    """Look at who would write a record, by what the one says that rules it; raises a Refusal."""
    complete: Callable[[Actor, Mapping[str, Any], int], dict[str, Any]] = _nothing_completed
    """Fill in what a new record lacks (actor, given fields, bounded edit time in ms): owner,
    author, status."""
    take: Callable[[Mapping[str, Any], Find], dict[str, Any]] = _nothing_taken
    """Fill in what a new record takes from the records that it names, after `complete`; raises a
    Refusal when they do not go together."""
    follow: Callable[[Actor, Mapping[str, Any], Mapping[str, Any]], dict[str, Any]] = (
        _nothing_follows
    )
    """Say which fields of the server's own follow from an edit, given the record before and after;
    they are written along, in the same unit of work."""
    ask: Ask | None = None
    """Look up, in tables that do not travel, what else decides about ops that write such records;
    other stores leave it out."""
    heed: Callable[[Any, Mapping[str, Any] | None, Mapping[str, Any]], dict[str, Any]] = (
        _nothing_heeded
    )
    """Decide by the answer to `ask` about a record before and after; raises a Refusal. Gives the
    fields that follow from it, which are written along."""
    derived: Mapping[str, str] = field(default_factory=dict)
    """Columns computed from the fields: name -> SQL type, e.g. ``{"name_pinyin": "text"}``; none
    is ever null."""
    derived_from: frozenset[str] = frozenset()
    """The fields that they are computed from."""
    derive: Callable[[Mapping[str, Any]], dict[str, Any]] = _nothing_derived
    """Compute the derived columns; pure."""
    index: Callable[[Sequence[Written]], Sequence[Along]] | None = None
    """Say what keeps the search index of these records; pure. Of ``clock`` it may join `tenant_id`
    alone: many records are indexed before the clock is taken."""
    is_audited: bool = False
    """Whether the company's trail tells whoever writes one, with what stood before and after."""
    topic: str | None = None
    """Where the outbox is told the ids of such records that were written, for rooms above."""

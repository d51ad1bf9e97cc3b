"""Pages of a first sync, kept as they travelled, for the next device that sees the same.

A segment is the batches of one page of a snapshot, encoded and compressed, under all that its bytes
depend on: the tenant, who sees it, the form of the wire, the epoch, the run of pages it belongs to,
and the place of the feed behind which it begins. What is written after a segment was read takes a
higher sequence, so it stands behind that page in the run of every device: a run is exact with
segments or without, and may change between the two at any page.

Only what is kept is shared, never the decision who sees it: each page asks again whether the device
sees what the segment shows. Where a customer has left that sight since, the segments of the run are
of no use to anybody, and the next device begins a new one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Final, Protocol
from uuid import UUID

import msgspec

from server.access import Actor, Scope
from server.kit import db
from server.sync import scopes
from server.sync.store import Standing
from sync_protocol import codec
from sync_protocol.cursor import Cursor
from sync_protocol.messages import PullRequest, RecordBatch
from sync_protocol.version import PROTOCOL_VERSION, SCHEMA_VERSION

FRESH: Final = timedelta(days=1)
"""How long a segment is handed out: the longer, the more of it has been written anew since."""
BEHIND_MAX: Final = 2_000
"""How many units of work may have been written since a run began that another device joins."""
BYTES_MAX: Final = 64 * 1024 * 1024
"""What the segments of one tenant may take, and a page more."""
_FORM: Final = f"{PROTOCOL_VERSION}.{SCHEMA_VERSION}"
_NOWHERE: Final = UUID(int=0)


class Segment(msgspec.Struct, frozen=True):
    """A page as it travels, without what is told to one device alone."""

    started: int
    """The sequence at which its run began."""
    end_seq: int
    end_kind: int
    end_id: UUID
    """The place of its last row."""
    frame: bytes
    """Its batches in the compact form, as one zstd frame."""

    def end(self, start: Cursor) -> Cursor:
        """Give the place at which a device stands that has taken this page."""
        return msgspec.structs.replace(
            start,
            started=self.started,
            seq=self.end_seq,
            kind_index=self.end_kind,
            after_id=self.end_id,
        )


class Segments(Protocol):
    """What keeps segments."""

    @property
    def page(self) -> int:
        """Give how many rows each has."""
        ...

    async def find(
        self, actor: Actor, start: Cursor, stands: Standing, now: datetime
    ) -> Segment | None:
        """Give the segment behind a place of a snapshot, if all in it is in the actor's sight."""
        ...

    async def is_shared(self, actor: Actor, start: Cursor) -> bool:
        """Say whether others may be shown what the actor is shown in this run."""
        ...

    async def keep(self, actor: Actor, start: Cursor, segment: Segment, now: datetime) -> None:
        """Keep the segment behind a place; the first of a run takes the place of earlier runs."""
        ...


class PostgresSegments:
    """Keeps them in the table `feed_segment`, under the tenant's row-level security."""

    def __init__(self, page: int = PullRequest().limit, *, bytes_max: int = BYTES_MAX) -> None:
        self.page = page
        self.bytes_max = bytes_max

    async def find(
        self, actor: Actor, start: Cursor, stands: Standing, now: datetime
    ) -> Segment | None:
        """Ask in one statement, inside the pull's own snapshot."""
        sight = sight_of(actor)
        if sight is None:
            return None
        is_new = start.seq == 0
        oldest = max(stands.min_seq, stands.seq - BEHIND_MAX) if is_new else start.started
        row = await db.connection().fetchrow(
            _find(actor.scope),
            actor.tenant_id,
            actor.user_id,
            actor.team_id,
            sight,
            _FORM,
            *_place(start),
            oldest,
            start.started,
            now - FRESH,
        )
        return Segment(**row) if row else None

    async def is_shared(self, actor: Actor, start: Cursor) -> bool:
        """Ask inside the pull's own snapshot; nothing ever leaves the sight of a whole company."""
        if sight_of(actor) is None or actor.scope is Scope.TENANT:
            return actor.scope is Scope.TENANT
        is_shared: bool = await db.connection().fetchval(
            f"SELECT {_shared(actor.scope, since='$4')}",
            actor.tenant_id,
            actor.user_id,
            actor.team_id,
            start.started,
        )
        return is_shared

    async def keep(self, actor: Actor, start: Cursor, segment: Segment, now: datetime) -> None:
        """Insert it, unless there is too much already or another process was faster."""
        sight = sight_of(actor)
        assert sight is not None, "it is shared"
        async with db.tenant_transaction(actor.tenant_id):
            if start.seq == 0:
                await db.connection().execute(_FORGET, actor.tenant_id, sight)
            await db.connection().execute(
                _KEEP,
                actor.tenant_id,
                sight,
                _FORM,
                *_place(start),
                segment.started,
                segment.end_seq,
                segment.end_kind,
                segment.end_id,
                segment.frame,
                now,
                self.bytes_max,
            )


SEGMENTS: Final = PostgresSegments()
"""It holds nothing, so one is enough."""


def sight_of(actor: Actor) -> str | None:
    """Name what an actor sees, if others see the same; nobody else sees what is one's own.

    Everything by which the feed is chosen for an actor stands in it.
    """
    match actor.scope:
        case Scope.TENANT:
            return f"{actor.role}.{actor.scope}"
        case Scope.TEAM if actor.team_id is not None:
            return f"{actor.role}.{actor.scope}.{actor.team_id}"
        case _:
            return None


def frame_of(batches: Sequence[RecordBatch]) -> bytes:
    """Write batches as they travel."""
    return codec.compress(codec.encode_batches(batches))


def _place(start: Cursor) -> tuple[int, int, int, UUID]:
    """Give the epoch and the place behind which a page begins."""
    return start.epoch, start.seq, start.kind_index, start.after_id or _NOWHERE


# ------------------------------------------------------------------------------------ statements

_FORGET: Final = "DELETE FROM feed_segment WHERE tenant_id = $1 AND sight = $2"
_KEEP: Final = """
INSERT INTO feed_segment (tenant_id, sight, form, epoch, after_seq, after_kind, after_id, started,
    end_seq, end_kind, end_id, frame, made_at)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
WHERE $14 > (
    SELECT coalesce(sum(octet_length(frame)), 0) FROM feed_segment WHERE tenant_id = $1
)
ON CONFLICT DO NOTHING
"""


@cache
def _find(scope: Scope) -> str:
    """Write the SELECT of a segment.

    $1 tenant, $2 user, $3 team, $4 sight, $5 form, $6 epoch, $7 to $9 place, $10 and $11 within
    which its run began, $12 since when it may be.
    """
    return f"""
        SELECT started, end_seq, end_kind, end_id, frame FROM feed_segment s
        WHERE tenant_id = $1 AND sight = $4 AND form = $5 AND epoch = $6
          AND after_seq = $7 AND after_kind = $8 AND after_id = $9
          AND started BETWEEN $10 AND $11 AND made_at > $12
          AND {_shared(scope, since="s.started")}
        ORDER BY started DESC LIMIT 1
    """  # noqa: S608 - made of constants


def _shared(scope: Scope, *, since: str) -> str:
    """Say in SQL whether an actor sees just what all of that sight see, and saw since a sequence.

    $1 tenant, $2 user, $3 team. Who sees a team sees what is one's own as well, in whatever team.
    """
    if scope is Scope.TENANT:
        return "($2::uuid IS NOT NULL AND ($3::uuid IS NULL OR TRUE))"
    left = scopes.left(scope, since=since, user="$2", team="$3")
    return f"""(
        NOT EXISTS (
            SELECT FROM customer o WHERE o.tenant_id = $1 AND o.owner_id = $2
            AND o.team_id IS DISTINCT FROM $3
        ) AND NOT EXISTS ({left})
    )"""  # noqa: S608 - made of constants

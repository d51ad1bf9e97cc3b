"""Decide for each row of a chunk which deal it is, and what is to be done with it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
from typing_extensions import override

from server.access import Actor, Scope
from server.customers.imports import beneath
from server.customers.imports.beneath import Called
from server.customers.imports.whose import Whose
from server.imports.rules.rows import Interpreted, Policy, Problem
from server.kit import db
from server.kit.calendars import ZONE
from server.kit.errors import Refusal
from server.kit.text import clean
from server.pipeline import rules
from server.pipeline.imports.columns import PEOPLE
from server.pipeline.imports.rows import Known, Reading, reading_of
from server.pipeline.queries import BUILT_IN_VIEW
from server.pipeline.rules import Arrival
from server.pipeline.schemas import NewOpportunity, OpportunityEdit, ProcessView
from sync_protocol.process.gates import State

_HELD: Final = """
SELECT o.id::text AS id, o.deleted, o.customer_id, o.name, o.process_id, o.stage, o.state,
    o.lost_reason, o.closed_at, o.account_manager_id, o.solution_manager_id,
    o.fulfilment_manager_id, c.owner_id, c.team_id
FROM opportunity o JOIN customer c ON c.tenant_id = o.tenant_id AND c.id = o.customer_id
WHERE o.tenant_id = $1 AND (
    o.id = ANY($2::uuid[])
    OR (o.customer_id = ANY($3::uuid[]) AND normalize(o.name, NFKC) = ANY($4::text[])
        AND NOT o.deleted)
)
ORDER BY o.id
"""


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A deal that a row begins, and where it stands if that is not its beginning."""

    new: NewOpportunity
    first: str
    arrival: Arrival | None
    lost_reason: str | None
    closed_on: date | None


class Judge(beneath.Judge):
    """Judges the rows of one import, chunk after chunk."""

    customer_column = "customer"

    def __init__(self, actor: Actor, import_id: UUID, policy: Policy, known: Known) -> None:
        super().__init__(actor, import_id, policy)
        self._known = known
        self._versions = {each.id: each for each in known.processes}
        self.placed: dict[int, Begun | OpportunityEdit] = {}
        """By the number of a row that is to be written."""

    @override
    def whose(self, row: Interpreted) -> Whose:
        return reading_of(row).customer

    @override
    def called(self, row: Interpreted) -> Called:
        return (_compared(reading_of(row).name),)

    @override
    def is_called(self, held: asyncpg.Record) -> Called:
        return (_compared(held["name"]),)

    @override
    async def look(
        self, rows: Sequence[Interpreted], customer_ids: Collection[UUID]
    ) -> Sequence[asyncpg.Record]:
        held: Sequence[asyncpg.Record] = await db.connection().fetch(
            _HELD,
            self._actor.tenant_id,
            [row.id for row in rows if row.id],
            list(customer_ids),
            [clean(name) for row in rows if (name := reading_of(row).name)],
        )
        return held

    @override
    def mistaken(self, row: Interpreted, held: asyncpg.Record) -> Problem | None:
        return None

    @override
    def place(
        self, row: Interpreted, customer_id: UUID, held: asyncpg.Record | None
    ) -> Problem | None:
        """Let a row begin its deal, or edit the one that is there; none is moved."""
        reading = reading_of(row)
        try:
            people = _people(reading, held, self._known.keepers)
            self.placed[row.number] = (
                self._begun(reading, customer_id, people)
                if held is None
                else self._edit(reading, held, people)
            )
        except Refusal as refusal:
            return Problem(refusal.field or "", refusal.code, refusal.detail)
        except _Wrong as wrong:
            return wrong.problem
        return None

    def _begun(self, reading: Reading, customer_id: UUID, people: Mapping[str, str]) -> Begun:
        """Begin a deal, where the file says, or where every deal begins."""
        if reading.name is None:
            raise _Wrong("name", "field_required", "The name is missing.")
        own = self._known.custom.values()
        if (lacking := beneath.lacking(own, reading.custom)) is not None:
            raise _Wrong(lacking.field, lacking.code, lacking.detail)
        process = self._process(reading.process)
        fields = {**reading.plain, **people}
        judged = {"account_manager_id": str(self._actor.user_id), **fields}
        arrival = rules.arrive(
            process.definition,
            judged,
            stage=reading.stage,
            state=reading.state,
            may_skip=self._actor.scope is Scope.TENANT,
        )
        rules.ensure_closing_fits(
            arrival.state if arrival else State.OPEN, reading.lost_reason, reading.closed_on
        )
        given = {
            **fields,
            "customer_id": customer_id,
            "name": reading.name,
            "process_id": process.id,
            "custom": _said(reading.custom),
        }
        return Begun(
            new=msgspec.convert(given, NewOpportunity),
            first=process.definition.first.id,
            arrival=arrival,
            lost_reason=reading.lost_reason,
            closed_on=date.fromisoformat(reading.closed_on) if reading.closed_on else None,
        )

    def _process(self, name: str | None) -> ProcessView:
        """Find the process of a name by which deals begin; without one the built-in."""
        if name is None:
            return BUILT_IN_VIEW
        found = [
            each for each in self._known.processes if each.state == "current" and each.name == name
        ]
        if not found:
            raise _Wrong("process", "unknown_process", "There is no such process in use.")
        if len(found) > 1:
            raise _Wrong("process", "ambiguous_process", "Two processes are called so; rename one.")
        return found[0]

    def _edit(
        self, reading: Reading, held: asyncpg.Record, people: Mapping[str, str]
    ) -> OpportunityEdit:
        """Edit the facts of a deal that stands where the row says."""
        self._ensure_stands(reading, held)
        name = {"name": reading.name} if reading.name else {}
        fields = {**name, **reading.plain, **people, "custom": _said(reading.custom)}
        return msgspec.convert(fields, OpportunityEdit)

    def _ensure_stands(self, reading: Reading, held: asyncpg.Record) -> None:
        """Refuse a row by which the deal would stand elsewhere, or follow another process."""
        process = self._versions.get(held["process_id"], BUILT_IN_VIEW)
        stage = process.definition.stage(held["stage"])
        closed = held["closed_at"]
        is_there: Mapping[str, tuple[str | None, set[str | None]]] = {
            "process": (reading.process, {process.name}),
            "stage": (reading.stage, {held["stage"], stage.name if stage else None}),
            "state": (reading.state, {held["state"]}),
            "lost_reason": (reading.lost_reason, {held["lost_reason"]}),
            "closed_on": (
                reading.closed_on,
                {closed.astimezone(ZONE).date().isoformat() if closed else None},
            ),
        }
        for column, (said, is_) in is_there.items():
            if said is not None and said not in is_:
                raise rules.StageNotImported(
                    "Move this deal in the pipeline; an import passes no gate and changed nothing.",
                    field=column,
                )


def _compared(name: str | None) -> str | None:
    """Give a deal's name as it is compared."""
    return clean(name) if name else None


class _Wrong(Exception):
    """Something is wrong with a row."""

    def __init__(self, field: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.problem = Problem(field, code, detail)


def _people(
    reading: Reading, held: asyncpg.Record | None, keepers: Collection[str]
) -> dict[str, str]:
    """Give who is named; of two of one name the one who has the place already."""
    found: dict[str, str] = {}
    for field in PEOPLE:
        meant = reading.people.get(field, ())
        there = str(held[field]) if held and held[field] else None
        if there in meant or not meant:
            continue
        meant = [each for each in meant if each in keepers]
        if not meant:
            raise _Wrong(field, "unknown_person", "This person keeps no customers here any more.")
        if len(meant) > 1:
            raise _Wrong(
                field, "ambiguous_person", "Two people have this name; choose on its page."
            )
        found[field] = meant[0]
    return found


def _said(custom: Mapping[str, Any]) -> dict[str, Any]:
    """Give the values that a row says; empty cells change nothing."""
    return {name: value for name, value in custom.items() if value not in (None, [])}

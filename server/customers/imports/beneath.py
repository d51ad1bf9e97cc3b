"""Import records that hang beneath customers: one judge of rows, and one work, for all rooms."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeAlias, TypeVar
from uuid import UUID, uuid5

import asyncpg
import msgspec
from typing_extensions import override

from server.access import Actor
from server.changelog import storage
from server.customers.imports import whose
from server.customers.imports.whose import Whose
from server.customers.rules import masks
from server.customers.sight import Where
from server.imports import targets
from server.imports.rules.rows import Action, Interpreted, Policy, Problem, Verdict
from server.kit import db
from server.kit.text import clean
from sync_protocol.custom_fields import Definition

Called: TypeAlias = tuple[Any, ...]
"""What tells a record from others of its customer."""


class Judge(ABC):
    """Judges the rows of one import, chunk after chunk.

    A row's record is found by its id, or by what it is called at its customer. The room of the
    record says the rest of it.
    """

    customer_column = "name"
    """In which column the customer's name stands."""

    def __init__(self, actor: Actor, import_id: UUID, policy: Policy) -> None:
        self._actor = actor
        self._policy = policy
        self._import_id = import_id
        self._earlier: dict[tuple[UUID, Called], tuple[int, str]] = {}
        self._written: dict[str, int] = {}
        """The first row of each record."""
        self._before: list[Interpreted] = []
        """Rows that an earlier run wrote, until their customers are looked up."""

    @abstractmethod
    def whose(self, row: Interpreted) -> Whose:
        """Give what a good row says of its customer."""

    @abstractmethod
    def called(self, row: Interpreted) -> Called:
        """Give what tells a good row's record from others of its customer."""

    @abstractmethod
    def is_called(self, held: asyncpg.Record) -> Called:
        """Give the same of a record that is held."""

    @abstractmethod
    async def look(
        self, rows: Sequence[Interpreted], customer_ids: Collection[UUID]
    ) -> Sequence[asyncpg.Record]:
        """Fetch the records that rows may mean: by id, deleted ones too, and of these customers.

        Each with ``id`` as a text, ``deleted``, ``customer_id``, and its customer's ``owner_id``
        and ``team_id``.
        """

    @abstractmethod
    def mistaken(self, row: Interpreted, held: asyncpg.Record) -> Problem | None:
        """Say why the record that a row names by its id is not the row's."""

    @abstractmethod
    def place(
        self, row: Interpreted, customer_id: UUID, held: asyncpg.Record | None
    ) -> Problem | None:
        """Note where a row's record goes, or what it is already; or say why it may not be."""

    def note(self, row: Interpreted) -> None:
        """Put a row that was written before among the earlier ones."""
        self._before.append(row)

    def forget(self, numbers: Collection[int]) -> None:
        """Let rows that were not written after all stand in no later row's way.

        As an import finds it that was killed in between and goes on.
        """
        self._earlier = {key: said for key, said in self._earlier.items() if said[0] not in numbers}
        self._written = {key: row for key, row in self._written.items() if row not in numbers}

    async def judge(self, rows: Sequence[Interpreted]) -> list[Verdict]:
        """Judge the rows of a chunk; set-based, in the open transaction."""
        await self._take_earlier()
        good = [row for row in rows if not row.problems]
        owners = await self._owners(good)
        customer_ids = {each["id"] for found in owners.values() for each in found}
        held = await self.look(good, customer_ids)
        around = _Around(owners, {each["id"]: each for each in held}, {})
        for each in held:
            if not each["deleted"]:
                key = each["customer_id"], self.is_called(each)
                around.by_name.setdefault(key, []).append(each)
        return [
            Verdict(row, Action.REFUSE, problems=row.problems)
            if row.problems
            else self._judge_one(row, around)
            for row in rows
        ]

    async def _take_earlier(self) -> None:
        """Put rows that were written before among the earlier ones."""
        before, self._before = self._before, []
        owners = await self._owners(before) if before else {}
        for row in before:
            target = row.id or self._row_id(row.number)
            self._written.setdefault(target, row.number)
            if len(owners[row.number]) == 1:
                key = owners[row.number][0]["id"], self.called(row)
                self._earlier.setdefault(key, (row.number, target))

    async def _owners(self, rows: Sequence[Interpreted]) -> dict[int, Sequence[asyncpg.Record]]:
        """Give the customers that rows may mean, by the rows' numbers."""
        found = await whose.customers(self._actor, [self.whose(row) for row in rows])
        return {row.number: each for row, each in zip(rows, found, strict=True)}

    def _judge_one(self, row: Interpreted, around: "_Around") -> Verdict:
        """Judge a row that is good in itself."""
        owners = around.owners[row.number]
        if row.id and (row.id in self._written or row.id in around.by_id):
            return self._judge_named(row, row.id, owners, around)
        if (unclear := whose.unclear(owners, self.customer_column)) is not None:
            return _refused(row, unclear)
        (owner,) = owners
        target, key = row.id or self._row_id(row.number), (owner["id"], self.called(row))
        if self._policy is not Policy.CREATE:
            if before := self._earlier.get(key):
                return _again(row, *before)
            if there := around.by_name.get(key):
                return self._judge_twin(row, there)
        return self._placed(row, Action.CREATE, target, owner["id"])

    def _judge_named(
        self,
        row: Interpreted,
        record_id: str,
        owners: Sequence[asyncpg.Record],
        around: "_Around",
    ) -> Verdict:
        """Judge a row that names a record by its id: what an export wrote comes back."""
        if (first := self._written.get(record_id)) is not None:
            return _again(row, first, record_id)
        held = around.by_id[record_id]
        if self._is_kept_from(held) or not storage.is_visible(
            self._actor, held["owner_id"], held["team_id"]
        ):
            return _refused(row, Problem("id", "not_found", "No such record."))
        if held["deleted"]:
            detail = "This record was deleted; restore it."
            return _refused(row, Problem("id", "record_deleted", detail))
        if (mistaken := self.mistaken(row, held)) is not None:
            return _refused(row, mistaken)
        # A customer may have been renamed since the export; the name of another one is another's.
        said = self.whose(row)
        named = {each["id"] for each in owners if said.id or clean(each["name"]) == said.called}
        if named and held["customer_id"] not in named:
            detail = "The record is another customer's."
            return _refused(row, Problem(self.customer_column, "id_reused", detail))
        return self._judge_held(row, held)

    def _judge_twin(self, row: Interpreted, there: Sequence[asyncpg.Record]) -> Verdict:
        """Judge a row whose customer has a record that is called so."""
        if len(there) > 1 and self._policy is Policy.UPDATE:
            detail = "Several records of this customer are called so; give the id of an export."
            return _refused(row, Problem("id", "ambiguous_record", detail))
        return self._judge_held(row, there[0])

    def _judge_held(self, row: Interpreted, held: asyncpg.Record) -> Verdict:
        """Judge a row whose record is there."""
        if self._policy is Policy.SKIP or self._is_kept_from(held):
            return Verdict(row, Action.SKIP, held["id"])
        if (first := self._written.get(held["id"])) is not None:
            return _again(row, first, held["id"])
        return self._placed(row, Action.UPDATE, held["id"], held["customer_id"], held)

    def _is_kept_from(self, held: asyncpg.Record) -> bool:
        """Say whether the person writes nothing into this record.

        A file of somebody from whom numbers are hidden holds stars where they stand.
        """
        return masks.hides(self._actor, held["owner_id"])

    def _placed(
        self,
        row: Interpreted,
        action: Action,
        target: str,
        customer_id: UUID,
        held: asyncpg.Record | None = None,
    ) -> Verdict:
        """Let a row be written, unless its room says why not."""
        if (problem := self.place(row, customer_id, held)) is not None:
            return _refused(row, problem)
        self._earlier.setdefault((customer_id, self.called(row)), (row.number, target))
        self._written.setdefault(target, row.number)
        return Verdict(row, action, target)

    def _row_id(self, number: int) -> str:
        """Give the id of the record that a row makes: the same however often the import is run."""
        return str(uuid5(self._import_id, str(number)))


JudgeT = TypeVar("JudgeT", bound=Judge)


class Work(targets.Work, Generic[JudgeT]):
    """One import of records beneath customers; a room says how a row is read and written."""

    def __init__(self, actor: Actor, judge: JudgeT) -> None:
        self._actor = actor
        self._judge = judge

    @override
    async def judge(self, rows: Sequence[Interpreted]) -> list[Verdict]:
        """Judge rows against the company's customers and records, and the rows before."""
        return await self._judge.judge(rows)

    @override
    def remember(self, rows: Mapping[int, Mapping[str, str]]) -> None:
        """Put rows among the earlier ones."""
        for number, cells in rows.items():
            row = self.interpret(number, cells)
            if not row.problems:
                self._judge.note(row)


async def names_of(
    actor: Actor, table: str, column: str, record_ids: Sequence[str]
) -> dict[str, str]:
    """Give what records are called whose customers the actor sees; in the open transaction.

    :param column: where a record says what it is called.
    """
    where = Where(actor)
    where.add("k.id = ANY({}::uuid[]) AND k.tenant_id = c.tenant_id", list(record_ids))
    rows = await db.connection().fetch(
        f"SELECT k.id::text AS id, k.{column} AS name FROM {table} k"  # noqa: S608 - constants and numbered parameters
        f" JOIN customer c ON c.id = k.customer_id WHERE {where.text}",
        *where.args,
    )
    return {row["id"]: row["name"] for row in rows}


class _Around(msgspec.Struct, frozen=True):
    """What is known about the surroundings of a chunk's rows."""

    owners: Mapping[int, Sequence[asyncpg.Record]]
    """The customers that a row may mean, by its number."""
    by_id: Mapping[str, asyncpg.Record]
    by_name: dict[tuple[UUID, Called], list[asyncpg.Record]]


def _again(row: Interpreted, first: int, target: str) -> Verdict:
    """Leave out a row whose record an earlier one has written."""
    problem = Problem("", "duplicate_in_file", f"Row {first} is the same record.")
    return Verdict(row, Action.SKIP, target, (problem,))


def _refused(row: Interpreted, problem: Problem) -> Verdict:
    """Refuse a row."""
    return Verdict(row, Action.REFUSE, problems=(problem,))


def lacking(own: Iterable[Definition], given: Mapping[str, Any]) -> Problem | None:
    """Say which custom field a new record lacks that it must have."""
    for each in own:
        if each.is_required and given.get(each.name) in (None, "", []):
            return Problem(each.name, "field_required", f"{each.label_zh} must have a value.")
    return None

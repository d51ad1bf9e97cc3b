"""Decide for each row of a chunk what is to be done with it: create, update, skip or refuse."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from server.access import Actor
from server.changelog import storage
from server.customers.queries import doubles
from server.customers.rules import masks
from server.customers.rules.duplicates import Likeness, likeness
from server.imports.rules.rows import Action, Interpreted, Policy, Problem, Verdict
from server.kit import db

_AT_A_TIME: Final = 1_000
_HELD: Final = """
    SELECT id, deleted, owner_id, team_id FROM customer
    WHERE tenant_id = $1 AND id = ANY($2::uuid[])
"""


class Earlier:
    """The rows of the same file that came before, by what is compared of them."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, str], tuple[Likeness, int, str]] = {}
        self._before: list[Interpreted] = []
        """Rows that an earlier run wrote, until their customers are looked up."""

    def note(self, row: Interpreted) -> None:
        """Put a row that was written before among the earlier ones."""
        self._before.append(row)

    async def take_before(self, actor: Actor, import_id: UUID) -> None:
        """Find which customers the rows have become that an earlier run wrote."""
        before, self._before = self._before, []
        for first in range(0, len(before), _AT_A_TIME):
            rows = before[first : first + _AT_A_TIME]
            ids = [row.id or row_id(import_id, row.number) for row in rows]
            made = await _held(actor, ids)
            likes = [_likeness_of(row.fields) for row in rows]
            found = await doubles.alike(actor, likes) if len(made) < len(rows) else {}
            for at, (row, target, like) in enumerate(zip(rows, ids, likes, strict=True)):
                there = [
                    str(each["id"])
                    for _, each in found.get(at, [])
                    if like.is_same(_likeness_of(each)) and _is_open(actor, each)
                ]
                is_one = target in made or not there
                self.add(like, row.number, target if is_one else there[0])

    def find(self, like: Likeness) -> tuple[int, str] | None:
        """Give number and target of an earlier row that is the same customer."""
        for key in like.keys:
            held = self._by_key.get(key)
            if held is not None and like.is_same(held[0]):
                return held[1], held[2]
        return None

    def add(self, like: Likeness, number: int, target: str) -> None:
        """Remember a row."""
        for key in like.keys:
            self._by_key.setdefault(key, (like, number, target))


def row_id(import_id: UUID, number: int) -> str:
    """Give the id of the customer that a row makes: the same however often the import is run."""
    return str(uuid5(import_id, str(number)))


async def judge(
    actor: Actor,
    import_id: UUID,
    rows: Sequence[Interpreted],
    policy: Policy,
    earlier: Earlier,
    left: Collection[str] = (),
) -> list[Verdict]:
    """Judge the rows of a chunk against the tenant's customers and the rows before; set-based.

    :param left: the ids of people who work here no longer, to whom nothing is given.
    """
    await earlier.take_before(actor, import_id)
    good = [row for row in rows if not row.problems]
    likes = [_likeness_of(row.fields) for row in good]
    held = await _held(actor, [row.id for row in good if row.id])
    found = await doubles.alike(actor, likes)
    like_of = dict(zip((row.number for row in good), range(len(good)), strict=True))
    verdicts: list[Verdict] = []
    for row in rows:
        if row.problems:
            verdicts.append(Verdict(row, Action.REFUSE, problems=row.problems))
            continue
        at = like_of[row.number]
        same = [each for _, each in found.get(at, []) if likes[at].is_same(_likeness_of(each))]
        facts = _Facts(held, same, policy, earlier)
        verdict = _judge_one(actor, import_id, row, likes[at], facts)
        if row.fields.get("owner_id") in left:
            verdict = _of_who_left(verdict, facts)
        if verdict.action in {Action.CREATE, Action.UPDATE}:
            earlier.add(likes[at], row.number, verdict.target)
        verdicts.append(verdict)
    return verdicts


class _Facts(msgspec.Struct, frozen=True):
    """What is known about a row's surroundings."""

    held: Mapping[str, Any]
    same: Sequence[Any]
    policy: Policy
    earlier: Earlier


def _judge_one(
    actor: Actor, import_id: UUID, row: Interpreted, like: Likeness, facts: _Facts
) -> Verdict:
    """Judge one row that is good in itself."""
    if row.id and row.id in facts.held:
        return _judge_named(actor, row, facts)
    target = row.id or row_id(import_id, row.number)
    before = facts.earlier.find(like)
    if facts.policy is Policy.CREATE or not (before or facts.same):
        return Verdict(row, Action.CREATE, target)
    if before:
        detail = f"Row {before[0]} is the same customer."
        problem = Problem("", "duplicate_in_file", detail)
        if facts.policy is Policy.UPDATE:
            return Verdict(row, Action.UPDATE, before[1], (problem,))
        return Verdict(row, Action.SKIP, before[1], (problem,))
    return _judge_double(actor, row, facts)


def _of_who_left(verdict: Verdict, facts: _Facts) -> Verdict:
    """Let a customer stay whose it is, as an export tells it; give none to somebody who left."""
    if verdict.action not in {Action.CREATE, Action.UPDATE}:
        return verdict
    fields = dict(verdict.row.fields)
    owner = fields.pop("owner_id")
    around = (*facts.same, *facts.held.values())
    if owner not in {str(each["owner_id"]) for each in around if str(each["id"]) == verdict.target}:
        problem = Problem("owner_id", "unknown_owner", "This person works here no longer.")
        return Verdict(verdict.row, Action.REFUSE, problems=(problem,))
    fields.pop("team_id", None)
    row = msgspec.structs.replace(verdict.row, fields=fields)
    return msgspec.structs.replace(verdict, row=row)


def _judge_named(actor: Actor, row: Interpreted, facts: _Facts) -> Verdict:
    """Judge a row that names a customer by its id: what an export wrote comes back.

    A file of somebody from whom its phones are hidden writes nothing over them.
    """
    held = facts.held[row.id or ""]
    is_hidden = masks.hides(actor, held["owner_id"])
    if is_hidden or not storage.is_visible(actor, held["owner_id"], held["team_id"]):
        return Verdict(
            row, Action.REFUSE, problems=(Problem("id", "not_found", "No such customer."),)
        )
    if held["deleted"]:
        problem = Problem("id", "record_deleted", "This customer was deleted; restore it first.")
        return Verdict(row, Action.REFUSE, problems=(problem,))
    return Verdict(
        row, Action.UPDATE if facts.policy is not Policy.SKIP else Action.SKIP, row.id or ""
    )


def _judge_double(actor: Actor, row: Interpreted, facts: _Facts) -> Verdict:
    """Judge a row that looks like a customer of the tenant."""
    seen = [each for each in facts.same if _is_open(actor, each)]
    if not seen:
        detail = "A colleague has this customer already."
        return Verdict(row, Action.SKIP, problems=(Problem("", "duplicate_out_of_sight", detail),))
    target = str(seen[0]["id"])
    detail = "This customer is there already."
    problem = Problem("", "duplicate_in_tenant", detail, record_id=target)
    if facts.policy is Policy.UPDATE:
        return Verdict(row, Action.UPDATE, target, (problem,))
    return Verdict(row, Action.SKIP, target, (problem,))


def _is_open(actor: Actor, row: Mapping[str, Any]) -> bool:
    """Say whether a customer is within sight, with its phones."""
    is_seen = storage.is_visible(actor, row["owner_id"], row["team_id"])
    return is_seen and not masks.hides(actor, row["owner_id"])


def _likeness_of(fields: Mapping[str, Any]) -> Likeness:
    """Give what of a row or a customer is compared."""
    return likeness(fields.get("name"), uscc=fields.get("uscc"), phone=fields.get("phone"))


async def _held(actor: Actor, ids: Sequence[str]) -> dict[str, Any]:
    """Fetch the customers that rows name by id, deleted ones too."""
    if not ids:
        return {}
    rows = await db.connection().fetch(_HELD, actor.tenant_id, ids)
    return {str(row["id"]): row for row in rows}

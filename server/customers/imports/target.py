"""A file's rows become customers, each with the contact that it names."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec
from typing_extensions import override

from billing.plans.rules.versions import Meter
from server.access import Actor, Permission, Role, reads_records
from server.changelog import custom
from server.changelog import service as changelog
from server.customers import sync
from server.customers.custom import queries as customs
from server.customers.exports.sheets import COLUMNS_ZH, TEMPLATE
from server.customers.imports import judging, outcomes
from server.customers.imports.columns import VOCABULARY
from server.customers.imports.judging import Earlier
from server.customers.imports.rows import Known, interpret
from server.customers.service import writing
from server.customers.sight import Where
from server.entitlements import service as entitlements
from server.entitlements.rules import PlanLimitReached
from server.imports.rules.rows import Action, Interpreted, Policy, Problem, Verdict
from server.imports.targets import Target, Work, Written
from server.kit import clock, db
from server.kit.text import clean
from sync_protocol.custom_fields import Definition
from sync_protocol.merge import EditClock
from sync_protocol.messages import Edit, ReceivedOp, SetChange

_KINDS: Final = {
    name: dataclasses.replace(kind, normalise=dict) for name, kind in sync.BY_NAME.items()
}
"""The rows that are written have been brought into normal form and checked when they were read."""


_HELD: Final = "SELECT count(*) FROM customer WHERE tenant_id = $1 AND NOT deleted"
_Person = tuple[str, str, str | None]
"""A contact: the customer's id, name and phone."""


class _Customers(Target):
    """Customers as what rows become."""

    name = "customers"
    permission = Permission.CUSTOMERS_IMPORT
    vocabulary = VOCABULARY
    policies = (Policy.SKIP, Policy.UPDATE, Policy.CREATE)
    template = TEMPLATE
    columns_zh: Mapping[str, str] = COLUMNS_ZH | {
        "expected_revenue_yuan": "预计金额(元)",
        "contact_name": "联系人",
        "contact_phone": "联系人电话",
        "contact_title": "联系人职务",
    }
    reasons_zh: Mapping[str, str] = {
        "ambiguous_owner": "公司里有两位同名的负责人，请用负责人编号一列。",
        "bad_status": "状态请填潜在客户、需求客户、意向客户、签约客户、沉寂客户或流失客户。",
        "illegal_transition": "客户不能从现在的状态变为该状态。",
        "not_found": "没有这个客户，或您看不到它。",
        "record_deleted": "该客户已被删除，请先恢复。",
        "plan_limit_reached": (
            "套餐内的客户数已用完，或有逾期账单；请在「用量与套餐」中查看，增加额度后再导入这一行。"
        ),
        "unknown_owner": "公司里没有这位负责人，或已离职，或是不管客户的分析员。",
        "unknown_store": "该客户没有这家门店。",
        "unknown_tag": "没有这个标签。",
        "unknown_team": "公司里没有这个团队。",
    }

    @override
    async def own_columns(self, actor: Actor) -> Mapping[str, Sequence[str]]:
        """Give the custom fields of customers, by what they are called."""
        return {
            each.name: [label for label in (each.label_zh, each.label_en) if label]
            for each in await customs.definitions(actor, "customer")
        }

    @override
    async def begin(self, actor: Actor, import_id: UUID, policy: Policy) -> Work:
        """Look up the people and the tags of the company."""
        known = await _known_names(actor.tenant_id)
        customs_ = await customs.definitions(actor, "customer")
        known = msgspec.structs.replace(known, custom={each.name: each for each in customs_})
        return _Work(actor, import_id, policy, known)

    @override
    async def choices(self, actor: Actor) -> Mapping[str, Sequence[str]]:
        """Offer the people of whom a customer may be, and the tags."""
        held = await _known_names(actor.tenant_id)
        owners = sorted(name for name, user_id in held.owners.items() if user_id)
        return {"owner": owners, "tags": sorted(held.tags)}

    @override
    async def names_of(self, actor: Actor, record_ids: Sequence[str]) -> Mapping[str, str]:
        """Name the customers that the actor sees."""
        where = Where(actor)
        where.add("c.id = ANY({}::uuid[])", list(record_ids))
        rows = await db.connection().fetch(
            f"SELECT c.id, c.name FROM customer c WHERE {where.text}",  # noqa: S608 - constants and numbered parameters
            *where.args,
        )
        return {str(row["id"]): row["name"] for row in rows}


CUSTOMERS: Final = _Customers()


class _Work(Work):
    """One import of customers."""

    def __init__(self, actor: Actor, import_id: UUID, policy: Policy, known: Known) -> None:
        self._actor = actor
        self._import_id = import_id
        self._policy = policy
        self._known = known
        self._earlier = Earlier()

    @override
    def interpret(self, number: int, cells: Mapping[str, str]) -> Interpreted:
        """Understand a row as a customer."""
        return interpret(number, cells, self._known)

    @override
    async def judge(self, rows: Sequence[Interpreted]) -> list[Verdict]:
        """Judge rows against the company's customers and the rows before."""
        verdicts = await judging.judge(
            self._actor, self._import_id, rows, self._policy, self._earlier, self._known.left
        )
        needed = [each for each in self._known.custom.values() if each.is_required]
        return [_complete(each, needed) for each in verdicts] if needed else verdicts

    @override
    def remember(self, rows: Mapping[int, Mapping[str, str]]) -> None:
        """Put rows among the earlier ones."""
        for number, cells in rows.items():
            self._earlier.note(self.interpret(number, cells))

    @override
    async def write(self, judged: Sequence[Verdict], *, now: datetime) -> Written:
        """Write customers and contacts as one unit of work, with their history.

        New ones that the company's plan does not include are refused, the last ones first.
        """
        beyond = await self._beyond_plan(judged, now=now)
        judged = [verdict for verdict in judged if verdict.row.number not in beyond]
        ops: list[ReceivedOp] = []
        row_of: dict[int, Verdict] = {}
        held = await _sets_held(self._actor, judged)
        people = await _people_held(self._actor, judged)
        for verdict in judged:
            is_new = _is_new(verdict, people)
            for op in _ops_of(
                self._import_id, verdict, held, len(ops) + 1, now, with_contact=is_new
            ):
                ops.append(op)
                row_of.setdefault(op.number, verdict)
        now_ms = clock.to_ms(now)
        applied = await changelog.apply(
            self._actor,
            ops,
            kinds=_KINDS,
            edit_clock=EditClock(received_at_ms=now_ms, floor_ms=now_ms),
            now=now,
        )
        written = outcomes.told(applied, row_of, judged)
        return msgspec.structs.replace(written, refused={**beyond, **written.refused})

    async def _beyond_plan(self, judged: Sequence[Verdict], *, now: datetime) -> dict[int, Problem]:
        """Name the rows of new customers that the company's plan does not include, and why."""
        new = [verdict.row.number for verdict in judged if verdict.action is Action.CREATE]
        tenant_id = self._actor.tenant_id

        async def held() -> int:
            return int(await db.connection().fetchval(_HELD, tenant_id))

        fit, why = await entitlements.fitting(
            tenant_id, Meter.CUSTOMERS, held, asked=len(new), now=now
        )
        if why is None:
            return {}
        problem = Problem("", PlanLimitReached.code, why.en)
        return dict.fromkeys(new[fit:], problem)


async def _known_names(tenant_id: UUID) -> Known:
    """Give what the names in cells stand for; in the open transaction."""
    connection = db.connection()
    people = await connection.fetch(
        "SELECT id, name, role, team_id, disabled_at FROM user_account WHERE tenant_id = $1",
        tenant_id,
    )
    tags = await connection.fetch(
        "SELECT id, name FROM tag WHERE tenant_id = $1 AND NOT deleted ORDER BY id", tenant_id
    )
    owners: dict[str, str | None] = {}
    keepers = [person for person in people if reads_records(Role(person["role"]))]
    for person in keepers:
        if person["disabled_at"] is None:
            is_second = person["name"] in owners
            owners[person["name"]] = None if is_second else str(person["id"])
    left = frozenset(str(each["id"]) for each in people if each["disabled_at"] is not None)
    return Known(
        owners=owners,
        owner_ids=frozenset(str(person["id"]) for person in keepers) - left,
        left=left,
        teams={str(person["id"]): str(person["team_id"]) for person in people if person["team_id"]},
        tags={tag["name"]: str(tag["id"]) for tag in tags},
    )


def _complete(verdict: Verdict, needed: Sequence[Definition]) -> Verdict:
    """Refuse a new customer that lacks what it must have."""
    if verdict.action is not Action.CREATE:
        return verdict
    lacking = [each for each in needed if verdict.row.fields.get(each.name) in (None, "", [])]
    if not lacking:
        return verdict
    problems = tuple(
        Problem(each.name, "field_required", f"{each.label_zh} must have a value.")
        for each in lacking
    )
    return Verdict(verdict.row, Action.REFUSE, problems=problems)


def _sets_in(fields: Mapping[str, Any]) -> list[str]:
    """Name the fields of a row that are sets."""
    return [name for name in ("tags", *custom.chosen_in(fields)) if fields.get(name)]


async def _sets_held(
    actor: Actor, verdicts: Sequence[Verdict]
) -> dict[str, dict[str, Sequence[str]]]:
    """Give the tags and choices of the customers that rows with such write into."""
    ids = [
        each.target
        for each in verdicts
        if each.action is Action.UPDATE and _sets_in(each.row.fields)
    ]
    if not ids:
        return {}
    rows = await db.connection().fetch(
        "SELECT id, tags, custom FROM customer WHERE tenant_id = $1 AND id = ANY($2::uuid[])",
        actor.tenant_id,
        ids,
    )
    return {
        str(row["id"]): {
            "tags": msgspec.json.decode(row["tags"] or "[]"),
            **msgspec.json.decode(row["custom"] or "{}"),
        }
        for row in rows
    }


async def _people_held(actor: Actor, verdicts: Sequence[Verdict]) -> set[_Person]:
    """Give the contacts of the customers of whom rows tell more."""
    ids = [each.target for each in verdicts if each.action is Action.UPDATE and each.row.contact]
    if not ids:
        return set()
    rows = await db.connection().fetch(
        "SELECT customer_id, name, phone FROM contact"
        " WHERE tenant_id = $1 AND customer_id = ANY($2::uuid[]) AND NOT deleted",
        actor.tenant_id,
        ids,
    )
    people: set[_Person] = set()
    for row in rows:
        _note(people, str(row["customer_id"]), row["name"], row["phone"])
    return people


def _note(people: set[_Person], customer_id: str, name: str, phone: str | None) -> None:
    """Note a contact; who is named without a phone is whoever has the name."""
    name = clean(name)
    people.update({(customer_id, name, phone), (customer_id, name, None)})


def _is_new(verdict: Verdict, people: set[_Person]) -> bool:
    """Say whether a row that is written names a contact whom its customer lacks; note it."""
    contact = verdict.row.contact
    if contact is None or verdict.action not in {Action.CREATE, Action.UPDATE}:
        return False
    person = verdict.target, clean(contact["name"]), contact.get("phone")
    is_new = person not in people
    _note(people, *person)
    return is_new


def _ops_of(
    import_id: UUID,
    verdict: Verdict,
    held: Mapping[str, Mapping[str, Sequence[str]]],
    first: int,
    now: datetime,
    *,
    with_contact: bool,
) -> Iterator[ReceivedOp]:
    """Give the ops of a row: a customer and its contact, or an edit.

    :param with_contact: the customer does not have the row's contact yet.
    """
    fields, group = dict(verdict.row.fields), None
    if verdict.action is Action.CREATE:
        yield writing.creation("customer", UUID(verdict.target), fields, now=now, number=first)
    elif verdict.action is Action.UPDATE:
        # Of a row whose edit is refused nothing is kept.
        group = (first, first + 1) if with_contact else None
        # What is there already is not added once more.
        there = held.get(verdict.target, {})
        sets = {
            name: SetChange(add=tuple(sorted(added)))
            for name in _sets_in(fields)
            if (added := {*fields.pop(name)}.difference(there.get(name) or ()))
        }
        yield Edit(
            number=first,
            kind="customer",
            id=verdict.target,
            fields=fields,
            sets=sets,
            at_ms=clock.to_ms(now),
            base=changelog.base_of_now(),
            group=group,
        )
    if with_contact:
        contact_id = uuid5(import_id, f"{verdict.row.number} contact")
        given = {**(verdict.row.contact or {}), "customer_id": verdict.target}
        contact = writing.creation("contact", contact_id, given, now=now, number=first + 1)
        yield msgspec.structs.replace(contact, group=group)

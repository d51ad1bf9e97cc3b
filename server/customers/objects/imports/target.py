"""A file's rows become records of custom objects."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from typing_extensions import override

from server.access import Actor, Permission
from server.changelog import custom
from server.changelog import service as changelog
from server.customers import sync
from server.customers.custom import queries as customs
from server.customers.imports import beneath, outcomes
from server.customers.objects.imports.columns import COLUMNS_ZH, TEMPLATE, VOCABULARY
from server.customers.objects.imports.judging import Judge
from server.customers.objects.imports.rows import Known, interpret, reading_of
from server.customers.objects.queries import objects
from server.customers.service import writing
from server.imports.rules.rows import Action, Interpreted, Policy, Verdict
from server.imports.targets import Target, Work, Written
from server.kit import clock
from sync_protocol.messages import Edit, ReceivedOp, SetChange

_KIND: Final = "custom_record"
_KINDS: Final = {
    name: dataclasses.replace(kind, normalise=dict) for name, kind in sync.BY_NAME.items()
}
"""The rows that are written have been brought into normal form and checked when they were read."""


class _Records(Target):
    """Records of custom objects as what rows become."""

    name = "custom_records"
    permission = Permission.CUSTOMERS_IMPORT
    vocabulary = VOCABULARY
    policies = (Policy.SKIP, Policy.UPDATE, Policy.CREATE)
    template = TEMPLATE
    columns_zh: Mapping[str, str] = COLUMNS_ZH | {"uscc": "统一社会信用代码", "phone": "客户电话"}
    reasons_zh: Mapping[str, str] = {
        "ambiguous_customer": "有几个同名的客户，请加上信用代码或电话。",
        "ambiguous_record": "该客户有几条同名的记录，请填写导出文件里的记录编号。",
        "bad_custom_value": "内容不是这个字段的值。",
        "custom_object_archived": "这个对象已停用，请先重新启用。",
        "custom_value_taken": "另一条记录已有这个值。",
        "duplicate_in_file": "与本表中的另一行是同一条记录。",
        "not_found": "没有这条记录，或您看不到它。",
        "records_of_managers": "这些记录只有主管可以写。",
        "sum_row": "这一行是合计，不是记录。",
        "unknown_customer": "没有这个客户，或您看不到它，请先导入客户。",
        "unknown_object": "没有这个自定义对象。",
        "unknown_store": "该客户没有这家门店。",
    }

    @override
    async def own_columns(self, actor: Actor) -> Mapping[str, Sequence[str]]:
        """Give the fields of all objects, by what they are called."""
        return {
            each.name: [label for label in (each.label_zh, each.label_en) if label]
            for each in await customs.definitions(actor, _KIND)
        }

    @override
    async def begin(self, actor: Actor, import_id: UUID, policy: Policy) -> Work:
        """Look up the company's objects and their fields."""
        held = await objects.listed(actor)
        known = Known(
            objects={name: each for each in held for name in (each.name_en, each.name_zh) if name},
            fields={each.name: each for each in await customs.definitions(actor, _KIND)},
        )
        return _Work(actor, known, Judge(actor, import_id, policy, known))

    @override
    async def choices(self, actor: Actor) -> Mapping[str, Sequence[str]]:
        """Offer the objects that are in use."""
        return {
            "object": [each.name_zh for each in await objects.listed(actor, with_archived=False)]
        }

    @override
    async def names_of(self, actor: Actor, record_ids: Sequence[str]) -> Mapping[str, str]:
        """Name the records that the actor sees."""
        return await beneath.names_of(actor, "custom_record", "title", record_ids)


RECORDS: Final = _Records()


class _Work(beneath.Work[Judge]):
    """One import of records."""

    def __init__(self, actor: Actor, known: Known, judge: Judge) -> None:
        super().__init__(actor, judge)
        self._known = known

    @override
    def interpret(self, number: int, cells: Mapping[str, str]) -> Interpreted:
        """Understand a row as a record."""
        return interpret(number, cells, self._known)

    @override
    async def write(self, judged: Sequence[Verdict], *, now: datetime) -> Written:
        """Write records as one unit of work, with their history."""
        ops: list[ReceivedOp] = []
        row_of: dict[int, Verdict] = {}
        for verdict in judged:
            if verdict.action in {Action.CREATE, Action.UPDATE}:
                ops.append(self._op(verdict, len(ops) + 1, now))
                row_of[len(ops)] = verdict
        edit_clock = writing.clock_of(now)
        applied = await changelog.apply(
            self._actor, ops, kinds=_KINDS, edit_clock=edit_clock, now=now
        )
        written = outcomes.told(applied, row_of, judged)
        self._judge.forget(written.refused)
        return written

    def _op(self, verdict: Verdict, number: int, now: datetime) -> ReceivedOp:
        """Give the op of a row; empty cells change nothing."""
        reading, place = reading_of(verdict.row), self._judge.places[verdict.row.number]
        given = {name: value for name, value in reading.custom.items() if value not in (None, [])}
        fields: dict[str, Any] = {"title": reading.title, **given}
        if place.store_id is not None:
            fields["store_id"] = place.store_id
        if verdict.action is Action.CREATE:
            fields |= {
                "customer_id": str(place.customer_id),
                "object_id": str(reading.object.id),
            }
            return writing.creation(_KIND, UUID(verdict.target), fields, now=now, number=number)
        # What is there already is not added once more.
        sets = {
            name: SetChange(add=tuple(sorted(added)))
            for name in custom.chosen_in(fields)
            if (added := {*fields.pop(name)}.difference(place.held.get(name) or ()))
        }
        return Edit(
            number=number,
            kind=_KIND,
            id=verdict.target,
            fields=fields,
            sets=sets,
            at_ms=clock.to_ms(now),
            base=changelog.base_of_now(),
        )

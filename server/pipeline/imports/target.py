"""A file's rows become deals: begun, or edited where they are there; an import moves none."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from typing_extensions import override

from server.access import Actor, Permission
from server.customers.custom import queries as customs
from server.customers.imports import beneath, outcomes
from server.identity import queries as identity
from server.imports.rules.rows import Action, Interpreted, Policy, Problem, Verdict
from server.imports.targets import Target, Work, Written
from server.kit.calendars import ZONE
from server.kit.errors import Refusal
from server.pipeline import queries, rules, service
from server.pipeline.imports.columns import COLUMNS_ZH, OF_CUSTOMER_ZH, TEMPLATE, VOCABULARY
from server.pipeline.imports.judging import Begun, Judge
from server.pipeline.imports.rows import Known, interpret
from server.pipeline.schemas import OpportunityEdit
from server.pipeline.service.arrivals import Brought
from server.pipeline.service.deals import Asked

_KIND: Final = "opportunity"


class _Deals(Target):
    """Deals as what rows become."""

    name = "deals"
    permission = Permission.CUSTOMERS_IMPORT
    vocabulary = VOCABULARY
    policies = (Policy.UPDATE, Policy.SKIP, Policy.CREATE)
    named_by = ("id", "customer", "customer_id", "customer_uscc", "customer_phone")
    unnamed = "Say which column is the customer's name, code, phone or id."
    template = TEMPLATE
    columns_zh: Mapping[str, str] = COLUMNS_ZH | OF_CUSTOMER_ZH
    reasons_zh: Mapping[str, str] = {
        "ambiguous_customer": "有几个客户都对得上，请填写信用代码、电话或客户编号。",
        "ambiguous_person": "公司里有两位同名的人，请在商机页面上选择。",
        "ambiguous_process": "有两个在用的流程叫这个名字，请先改名。",
        "ambiguous_record": "该客户有几个同名的商机，请填写导出文件里的商机编号。",
        "bad_category": "预测请填承诺、乐观、在谈或不计入。",
        "bad_custom_value": "内容不是这个字段的值。",
        "bad_lost_reason": "流失原因请填价格、选了竞争对手、没有预算、没有需求、时机不合适或其他。",
        "bad_state": "状态请填在谈、已签约或已流失。",
        "closing_day_invalid": "已签约或已流失的商机要写明是哪一天：1970 年以后，且不能在将来。",
        "custom_value_taken": "另一个商机已有这个值。",
        "duplicate_in_file": "与本表中的另一行是同一个商机。",
        "duplicate_in_tenant": "该客户已有同名的商机。",
        "later_stage_not_permitted": "请按第一个阶段导入；看得到全公司的人才能导入后面的阶段。",
        "lost_reason_missing": "已流失的商机要写明流失原因。",
        "not_found": "没有这个商机，或您看不到它。",
        "process_retired": "这个流程已停用，请选择在用的流程。",
        "record_deleted": "这个商机已被删除。",
        "stage_contradicted": "阶段、状态和结束情况不一致，请改正其中之一。",
        "stage_not_imported": "阶段和状态请在商机看板里推进；导入不过关卡，这一行没有改动。",
        "stage_unknown": "流程里没有这个阶段。",
        "sum_row": "这一行是合计，不是商机。",
        "unknown_customer": "没有这个客户，或您看不到它，请先导入客户。",
        "unknown_person": "公司里没有这个人，或已离职，或是不管客户的分析员。",
        "unknown_process": "没有这个流程，或已停用。",
        "win_not_imported": "赢单要有合同：请先按在谈导入，再凭合同签约，或在看板里按步骤推进。",
    }

    @override
    async def own_columns(self, actor: Actor) -> Mapping[str, Sequence[str]]:
        """Give the custom fields of deals, by what they are called."""
        return {
            each.name: [label for label in (each.label_zh, each.label_en) if label]
            for each in await customs.definitions(actor, _KIND)
        }

    @override
    async def begin(self, actor: Actor, import_id: UUID, policy: Policy) -> Work:
        """Look up the company's processes, people and fields."""
        people: dict[str, list[str]] = {}
        directory = await identity.directory(actor)
        for person_id, name in directory.people.items():
            people.setdefault(name, []).append(str(person_id))
        known = Known(
            processes=list((await queries.versions(actor)).values()),
            people=people,
            keepers=frozenset(map(str, directory.keepers)),
            custom={each.name: each for each in await customs.definitions(actor, _KIND)},
        )
        return _Work(actor, known, Judge(actor, import_id, policy, known))

    @override
    async def choices(self, actor: Actor) -> Mapping[str, Sequence[str]]:
        """Offer the processes by which deals begin."""
        return {"process": [each.name for each in await queries.current_processes(actor)]}

    @override
    async def names_of(self, actor: Actor, record_ids: Sequence[str]) -> Mapping[str, str]:
        """Name the deals that the actor sees."""
        return await beneath.names_of(actor, "opportunity", "name", record_ids)


DEALS: Final = _Deals()


class _Work(beneath.Work[Judge]):
    """One import of deals."""

    def __init__(self, actor: Actor, known: Known, judge: Judge) -> None:
        super().__init__(actor, judge)
        self._known = known

    @override
    def interpret(self, number: int, cells: Mapping[str, str]) -> Interpreted:
        """Understand a row as a deal."""
        return interpret(number, cells, self._known)

    @override
    async def write(self, judged: Sequence[Verdict], *, now: datetime) -> Written:
        """Begin and edit deals as one unit of work, and let them stand where the file says."""
        early: dict[int, Problem] = {}
        asked: list[Asked] = []
        row_of: dict[int, Verdict] = {}
        for verdict in judged:
            if verdict.action not in {Action.CREATE, Action.UPDATE}:
                continue
            placed = self._judge.placed[verdict.row.number]
            try:
                _ensure_past(placed, now)
            except Refusal as refusal:
                problem = Problem(refusal.field or "", refusal.code, refusal.detail)
                early[verdict.row.number] = problem
                continue
            change = placed.new if isinstance(placed, Begun) else placed
            asked.append((UUID(verdict.target), change))
            row_of[len(asked)] = verdict
        applied = await service.settle(self._actor, asked, now=now)
        written = outcomes.told(applied, row_of, judged)
        taken = [each for each in row_of.values() if each.row.number not in written.refused]
        await service.bring_in(self._actor, list(self._brought(taken)), now=now)
        refused = {**written.refused, **early}
        self._judge.forget(refused)
        return Written(refused, written.unchanged)

    def _brought(self, taken: Sequence[Verdict]) -> Iterator[Brought]:
        """Give the new deals that do not stand at their beginning."""
        for verdict in taken:
            begun = self._judge.placed[verdict.row.number]
            if isinstance(begun, Begun) and begun.arrival is not None:
                yield Brought(
                    opportunity_id=UUID(verdict.target),
                    customer_id=begun.new.customer_id,
                    first=begun.first,
                    arrival=begun.arrival,
                    lost_reason=begun.lost_reason,
                    closed_on=begun.closed_on,
                )


def _ensure_past(placed: Begun | OpportunityEdit, now: datetime) -> None:
    """Refuse a deal that is to be closed in the future.

    :raises ClosingDayInvalid: naming the field.
    """
    if isinstance(placed, Begun) and placed.closed_on is not None:
        rules.ensure_past(placed.closed_on, now.astimezone(ZONE).date())

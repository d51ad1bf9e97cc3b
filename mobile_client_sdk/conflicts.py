"""Conflicts and refusals in plain words, in the language of the person who reads them."""

from typing import Final, Literal

import msgspec

from mobile_client_sdk.outbox import MadeOp
from mobile_client_sdk.records import ConflictRecord
from sync_protocol.messages import Intent
from sync_protocol.schema.custom import is_custom

Language = Literal["zh-CN", "en"]

_FIELDS: Final[dict[str, tuple[str, str]]] = {
    "name": ("名称", "name"),
    "uscc": ("统一社会信用代码", "credit code"),
    "phone": ("电话", "phone"),
    "city": ("城市", "city"),
    "district": ("区县", "district"),
    "address": ("地址", "address"),
    "industry": ("行业", "industry"),
    "status": ("状态", "status"),
    "level": ("等级", "level"),
    "source": ("来源", "source"),
    "owner_id": ("负责人", "owner"),
    "team_id": ("团队", "team"),
    "expected_revenue_minor": ("预计收入", "expected revenue"),
    "remark": ("备注", "remark"),
    "tags": ("标签", "tags"),
    "body": ("内容", "text"),
    "state": ("处理", "decision"),
    "deleted": ("删除", "deletion"),
    "title": ("标题", "title"),
    "email": ("邮箱", "email"),
    "wechat": ("微信", "WeChat"),
    "role": ("角色", "role"),
    "stance": ("立场", "stance"),
    "contact_id": ("对接人", "with whom"),
    "lat": ("纬度", "latitude"),
    "lng": ("经度", "longitude"),
    "planned_at": ("计划时间", "planned time"),
    "purpose": ("目的", "purpose"),
    "summary": ("小结", "summary"),
    "next_step": ("下一步", "next step"),
    "due_at": ("截止时间", "due"),
    "detail": ("说明", "detail"),
    "priority": ("优先级", "priority"),
    "result": ("结果", "result"),
    "accuracy_m": ("定位误差", "accuracy"),
    "colour": ("颜色", "colour"),
    "meaning": ("含义", "meaning"),
    "expires_on": ("到期日", "expiry"),
    "amount_minor": ("金额", "amount"),
    "expected_on": ("预计签约日", "expected on"),
    "forecast_category": ("预测类别", "forecast"),
    "account_manager_id": ("客户经理", "account manager"),
    "solution_manager_id": ("方案经理", "solution manager"),
    "fulfilment_manager_id": ("交付经理", "fulfilment manager"),
    "competitor": ("竞争对手", "competitor"),
    "lines": ("报价明细", "lines"),
    "discount_minor": ("整单优惠", "discount"),
    "valid_until": ("有效期", "valid until"),
    "price_book_id": ("价目表", "price book"),
    "opportunity_id": ("商机", "deal"),
    "number": ("合同编号", "number"),
    "party_a": ("甲方", "party A"),
    "party_b": ("乙方", "party B"),
    "currency": ("币种", "currency"),
    "plan": ("回款计划", "payment plan"),
    "effective_on": ("生效日", "first day"),
    "ends_on": ("到期日", "last day"),
    "quote_id": ("报价", "quote"),
    "subject": ("主题", "subject"),
    "severity": ("严重程度", "severity"),
    "category": ("类别", "category"),
    "renews_id": ("续签自", "renews"),
    "resource": ("资源", "resource"),
    "wished_on": ("希望日期", "wished for"),
    "briefing": ("给平台的说明", "for the platform"),
}
_FIELDS_OF: Final[dict[tuple[str, str], tuple[str, str]]] = {
    ("contact", "title"): ("职务", "job title"),
    ("contract", "title"): ("合同名称", "title"),
    ("task", "title"): ("任务", "task"),
}
"""What a field is called in one kind of record, where that is another word."""
_CHOICES: Final[dict[str, tuple[str, str]]] = {
    "potential": ("潜在客户", "Potential"),
    "need": ("需求客户", "Need"),
    "intent": ("意向客户", "Intent"),
    "signed": ("签约客户", "Signed"),
    "dormant": ("沉寂客户", "Dormant"),
    "lost": ("流失客户", "Lost"),
    "open": ("未处理", "open"),
    "restored": ("恢复另一个值", "the other value restored"),
    "dismissed": ("保留现值", "the present value kept"),
    "commit": ("承诺", "Commit"),
    "best": ("乐观", "Best case"),
    "pipeline": ("在谈", "Pipeline"),
    "omitted": ("不计入", "Omitted"),
}
_REFUSALS: Final[dict[str, tuple[str, str]]] = {
    "strict_conflict": ("别人先改了，请看新值再决定", "somebody changed it first; look again"),
    "not_found": ("这条记录已不在您的范围内", "the record is no longer in your sight"),
    "record_deleted": ("这条记录已被删除", "the record was deleted"),
    "id_reused": ("编号已被占用，请重新新建", "the id is taken; create it again"),
    "not_allowed": ("您没有权限", "you may not do this"),
    "visit_told": ("签到、签退的内容不能再改", "what was checked in or out stands"),
    "visit_over": ("这次拜访已结束或已取消", "the visit is over or was cancelled"),
    "not_your_visit": ("只有拜访人自己可以填写", "only the visitor writes about the visit"),
    "not_your_call": ("只有通话人自己可以填写", "only who made or took the call writes it"),
    "call_unanswered": ("没接通的通话没有时长", "a call that nobody answers has no duration"),
    "task_told": ("任务已完成或已取消，不能再改", "when the task was over stands"),
    "task_over": ("任务已完成或已取消", "the task is done or cancelled"),
    "not_your_task": ("只有任务的执行人和派发人可以填写", "only its assignee and giver write it"),
    "not_your_tag": ("只有标签负责人和主管能改这个标签", "its owner or a manager changes the tag"),
    "must_do_stands": ("必做任务只有主管能改", "only a manager changes a must-do task"),
    "assignee_unfit": ("对方看不到这个客户", "the person does not see the customer"),
    "value_invalid": ("填写的内容不合要求", "a value is not of the right form"),
    "gate_closed": ("有必做步骤没有完成", "a mandatory step is open"),
    "deal_moved": ("别人先推进了这个商机", "somebody moved the deal first"),
    "deal_closed": ("商机已结束", "the deal is won or lost"),
    "deal_open": ("商机还在进行", "the deal is open"),
    "wrong_direction": ("不能推进到这个阶段", "it does not lead to that stage"),
    "quote_invalid": ("报价明细或优惠不对", "the lines or the discount are no quote"),
    "quote_closed": ("报价已发出或已结束，请先修订", "the quote is out; revise it first"),
    "quote_moved": ("报价已不在这一步", "the quote has moved on"),
    "quote_changed": ("报价被改过，请重新看", "the quote was changed; look again"),
    "quote_over": ("报价已过有效期", "the last day of the quote has passed"),
    "quote_empty": ("报价没有明细", "the quote has no lines"),
    "not_priced": ("价目表里没有这个产品", "a product has no price in the book"),
    "price_book_over": ("价目表今天不可用", "the price book does not hold today"),
    "case_moved": ("服务单已不在这一步", "the case has moved on"),
    "case_unexplained": ("没有写处理说明", "nobody said how it was helped"),
    "case_not_yours_to_assign": ("只有经理可以转派", "managers give cases to others"),
    "request_moved": ("支援申请已不在这一步", "the request has moved on"),
    "request_unexplained": ("没有写原因、结果或评价", "no reason, result or verdict was given"),
    "request_not_yours": ("要由经理、支援人或申请人来做", "a manager, helper or asker does this"),
    "request_at_platform": ("平台正在处理，由平台答复", "it lies with the platform"),
    "request_of_another": ("商机是别的客户的", "the deal is another customer's"),
    "briefing_missing": ("没有写给平台的说明", "nothing was written for the platform"),
    "briefing_tells": ("给平台的说明里能看出客户是谁", "the platform could read who it is"),
    "plan_invalid": ("分期合计须等于合同金额", "the instalments do not come to the amount"),
    "contract_days": ("到期日早于生效日", "the last day lies before the first"),
    "contract_closed": ("已签订的内容不能改", "what was signed stands"),
    "contract_moved": ("合同已不在这一步", "the contract has moved on"),
    "contract_changed": ("合同被改过，请重新看", "the contract was changed; look again"),
    "contract_number_taken": ("合同编号已有人用", "another contract has this number"),
    "contract_unreasoned": ("没有写原因", "no reason was given"),
    "contract_maker_approves": ("不能审批自己的合同", "nobody approves their own contract"),
    "still_to_come": ("日期不能晚于今天", "the day lies ahead"),
    "not_of_customer": ("不是这个客户的", "it is another customer's"),
    "nothing_due": ("合同还没签订", "the contract is not signed yet"),
    "receipt_invalid": ("回款超过未收金额", "more than is open"),
    "maker_is_no_checker": ("不能审批自己的报价", "nobody approves their own quote"),
    "lease_limit_reached": ("设备预领额度已到上限", "no more may stand on devices now"),
    "lease_needs_allocation": ("本公司没有该活动的独立额度", "the company has no allocation"),
    "lease_recalled": ("公司已收回预领额度", "the company has called the units back"),
    "process_retired": ("这个流程已停用", "the process was retired"),
    "custom_value_taken": ("另一条记录已有这个值", "another record has this value"),
    "field_required": ("缺少必填内容", "a value is missing"),
    "group_rejected": ("同一组的另一项没有通过", "another change of the same group was refused"),
    "dependency_rejected": ("它所依赖的新建没有通过", "what it needs was refused"),
    "parent_missing": ("它所属的客户不存在", "its customer is not there"),
    "op_unreadable": ("服务器无法读取", "the server could not read it"),
    "quarantined": ("服务器出错，已上报", "the server failed on it; it was reported"),
}


class OpenConflict(msgspec.Struct, frozen=True, kw_only=True):
    """Two values for one field, waiting for somebody to look at them."""

    id: str
    customer_id: str | None
    kind: str
    record_id: str
    field: str
    kept: object
    """What is held now, unless it was changed since."""
    other: object
    """What was written by somebody who had not seen it; one tap brings it back."""
    kept_by: str | None
    other_by: str | None
    happened_at: int | None
    as_of: int

    def sentence(self, language: Language = "zh-CN") -> str:
        """Say what happened."""
        if self.field == "deleted":
            return (
                "有人删除了这条记录，同时有人修改了它；记录保留。"
                if language == "zh-CN"
                else "Somebody deleted this record while another changed it; it was kept."
            )
        name = field_name(self.field, language, self.kind)
        kept = _shown(self.field, self.kept, language)
        other = _shown(self.field, self.other, language)
        if language == "zh-CN":
            return f"{name}在互相看不到的两处都改过：现在是{kept}，另一个是{other}。"
        return (
            f"The {name} was changed in two places that did not see each other: "
            f"it is {kept} now, the other said {other}."
        )


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done here and that the server did not accept."""

    number: int
    kind: str
    record_id: str
    action: str
    """``create``, ``edit``, ``delete`` or the name of an intent."""
    values: dict[str, object]
    """What was written, so that nobody has to remember it."""
    code: str
    detail: str
    field: str | None

    def sentence(self, language: Language = "zh-CN") -> str:
        """Say what happened."""
        known = _REFUSALS.get(self.code)
        position = 0 if language == "zh-CN" else 1
        reason = known[position] if known else self.detail or self.code
        name = field_name(self.field, language, self.kind) if self.field else ""
        if name and language == "zh-CN":
            return f"没有保存到服务器（{name}）：{reason}。"
        if name:
            return f"Not accepted ({name}): {reason}."
        return (
            f"没有保存到服务器：{reason}。" if language == "zh-CN" else f"Not accepted: {reason}."
        )


def field_name(field: str, language: Language, kind: str = "") -> str:
    """Answer what a field is called, in records of a kind."""
    names = ("自定义字段", "custom field") if is_custom(field) else _FIELDS.get(field)
    names = _FIELDS_OF.get((kind, field), names)
    if names is None:
        return field
    return names[0] if language == "zh-CN" else names[1]


def value_shown(field: str, value: object, language: Language) -> str:
    """Answer a value as a person writes it: a status by its name, money in yuan."""
    if value is None or value == "":
        return ""
    if field in ("status", "state") and value in _CHOICES:
        return _CHOICES[str(value)][0 if language == "zh-CN" else 1]
    if field.endswith("_minor") and isinstance(value, int):
        return f"¥{value // 100:,}.{value % 100:02}"
    return str(value)


def _shown(field: str, value: object, language: Language) -> str:
    text = value_shown(field, value, language)
    if not text:
        return "空" if language == "zh-CN" else "empty"
    return f"「{text}」" if language == "zh-CN" else f"“{text}”"


def open_conflict(record: ConflictRecord) -> OpenConflict:
    """Answer a conflict as it is shown."""
    return OpenConflict(
        id=record.id,
        customer_id=record.customer_id,
        kind=record.kind or "",
        record_id=record.record_id or "",
        field=record.field or "",
        kept=record.kept,
        other=record.other,
        kept_by=record.kept_by,
        other_by=record.other_by,
        happened_at=record.happened_at,
        as_of=record.as_of,
    )


def refusal(made: MadeOp) -> Refusal:
    """Answer a refused op as it is shown."""
    op, outcome = made.op, made.outcome
    assert outcome is not None, "a refused op has an outcome"
    if isinstance(op, Intent):
        kind, action, values = "intent", op.name, dict(op.args)
    else:
        kind, action = op.kind, type(op).__name__.lower()
        values = dict(getattr(op, "fields", {}))
    return Refusal(
        number=outcome.number,
        kind=kind,
        record_id=op.id,
        action=action,
        values=values,
        code=outcome.code,
        detail=outcome.detail,
        field=outcome.field,
    )

"""The process that every company has before it makes one of its own.

A deal without a `process_id` follows it, so an empty company works at once, offline too. It is
never changed: a better one gets another name here, and is published as any other.
"""

from typing import Final, Literal

from sync_protocol.process.definition import (
    Canonical,
    Case,
    Definition,
    Gate,
    Need,
    Role,
    Stage,
    Step,
    Template,
)

NAME: Final = "标准销售流程"


def _id(number: int) -> str:
    """Give an id that is the same everywhere."""
    return f"00000000-0000-7000-8000-{number:012x}"


def _checklist(number: int, title: str, *lines: str) -> Template:
    return Template(id=_id(number), kind="checklist", title=title, lines=lines)


def _form(number: int, title: str, *lines: str) -> Template:
    return Template(id=_id(number), kind="form", title=title, lines=lines)


def _sample(number: int, title: str, text: str) -> Template:
    return Template(id=_id(number), kind="sample", title=title, text=text)


def _step(
    number: int,
    name: str,
    template: Template,
    *,
    role: Role = "account",
    gate: Gate | Literal["optional"] = Gate.STRICT,
    cases: tuple[Case, ...] = (),
) -> Step:
    is_mandatory = gate != "optional"
    return Step(
        id=_id(number),
        name=name,
        role=role,
        is_mandatory=is_mandatory,
        gate=Gate(gate) if is_mandatory else Gate.STRICT,
        templates=(template,),
        cases=cases,
    )


_LEAD: Final = Stage(
    id="lead",
    name="线索",
    canonical=Canonical.LEAD,
    probability=10,
    stale_days=14,
    steps=(
        _step(
            0x101,
            "核实联系人和需求",
            _checklist(
                0x201,
                "首次联系清单",
                "说明自己是谁、从哪里得到联系方式",
                "确认对方是决策人，或问到决策人是谁",
                "问清现在用什么、哪里不满意",
                "约定下一次联系的时间",
            ),
            cases=(
                Case(
                    id=_id(0x301),
                    title="三句话约到老板",
                    text="先说同一条街上谁家已经在用，再说能解决的一个具体问题，最后给两个时间选。",
                ),
            ),
        ),
        _step(
            0x102,
            "查重并完善客户资料",
            _checklist(0x202, "资料清单", "营业执照或信用代码", "门店地址", "主要联系人和电话"),
            gate=Gate.LOOSE,
        ),
    ),
)
_PRE_OPPORTUNITY: Final = Stage(
    id="pre_opportunity",
    name="准商机",
    canonical=Canonical.PRE_OPPORTUNITY,
    probability=30,
    stale_days=21,
    needs=(Need(field="amount_minor", gate=Gate.LOOSE),),
    steps=(
        _step(
            0x103,
            "上门拜访并记录需求",
            _form(
                0x203,
                "需求记录表",
                "客户想解决什么问题",
                "预算大约多少，谁来批",
                "希望什么时候用上",
                "还在和哪些供应商谈",
            ),
        ),
        _step(
            0x104,
            "产品演示",
            _sample(
                0x204,
                "演示开场白",
                "您上次提到的问题，我准备了两个办法。先看看和您情况最接近的一家是怎么做的。",
            ),
            role="solution",
            gate=Gate.LOOSE,
        ),
    ),
)
_OPPORTUNITY: Final = Stage(
    id="opportunity",
    name="商机",
    canonical=Canonical.OPPORTUNITY,
    probability=60,
    stale_days=30,
    needs=(Need(field="amount_minor"), Need(field="expected_on")),
    steps=(
        _step(
            0x105,
            "提交方案和报价",
            _checklist(
                0x205,
                "报价前检查",
                "价格不低于底价，低于底价先走审批",
                "有效期和付款方式写清楚",
                "交付时间已和交付经理确认",
            ),
        ),
        _step(
            0x106,
            "确认合同条款",
            _checklist(0x206, "合同清单", "主体名称与执照一致", "付款计划", "验收标准", "续约条件"),
            gate=Gate.LOOSE,
        ),
        _step(
            0x107,
            "交付准备",
            _form(0x207, "交付交底表", "客户现场条件", "对接人和电话", "计划上线日期"),
            role="fulfilment",
            gate="optional",
        ),
    ),
)
_SIGNED: Final = Stage(id="signed", name="签约", canonical=Canonical.SIGNED, probability=100)

BUILT_IN: Final = Definition(stages=(_LEAD, _PRE_OPPORTUNITY, _OPPORTUNITY, _SIGNED))
"""From lead to signature, with a template at every step."""

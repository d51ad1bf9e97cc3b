"""What the columns of a sheet of sales are for: said once, saved, and held to the letter. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec

from billing.reconciliation.rules import cells
from billing.reconciliation.rules.columns import (
    ColumnsMissing,
    ColumnsUnknown,
    ensure_unscaled,
    is_sum_word,
    key,
    placed,
)
from server.imports.rules.columns import Vocabulary
from server.kit.cells import plain
from server.kit.text import PRINTABLE, tidy

HeaderText = Annotated[str, msgspec.Meta(max_length=200, pattern=PRINTABLE)]
Cells = Sequence[str]


class SaleField(StrEnum):
    """What a column may be for."""

    REFERENCE = "reference"
    """The row's own number, by which it is known when it comes again."""
    SALE = "sale"
    """The number of the sale that a row refunds a part of; rows without it are sales."""
    KIND = "kind"
    AGENT = "agent"
    ABOVE = "above"
    """Who stands above the agent, the nearest first."""
    PLAN = "plan"
    CONTRACT = "contract"
    DAY = "day"
    SOLD = "sold"
    """In what the plan measures; of a refund what is taken back."""
    CURRENCY = "currency"
    REVENUE = "revenue"
    """What the customer pays, where the plan measures something else."""
    REASON = "reason"


NAMES: Final[Mapping[SaleField, Sequence[str]]] = {
    SaleField.REFERENCE: ("单号", "销售单号", "订单号", "订单编号", "单据编号", "流水号"),
    SaleField.SALE: ("原单号", "原销售单号", "原订单号", "退款原单号", "refund_of"),
    SaleField.KIND: ("类型", "业务类型", "单据类型"),
    SaleField.AGENT: ("代理商", "代理商名称", "渠道商", "经销商"),
    SaleField.ABOVE: ("上级代理商", "上级", "上级渠道商"),
    SaleField.PLAN: ("佣金方案", "方案", "方案编号", "plan_id"),
    SaleField.CONTRACT: ("合同号", "合同编号", "合同", "contract_number"),
    SaleField.DAY: ("日期", "销售日期", "成交日期", "业务日期", "date"),
    SaleField.SOLD: ("金额", "销售金额", "销售额", "成交金额", "数量", "退款金额", "amount"),
    SaleField.CURRENCY: ("币种", "币别"),
    SaleField.REVENUE: ("客户付款", "收入", "回款金额", "合同收入"),
    SaleField.REASON: ("退款原因", "原因", "说明"),
}
"""What columns are usually called; a field's own name always is one."""
OF_SALES: Final = (SaleField.AGENT, SaleField.CONTRACT, SaleField.DAY)
"""What every sale says, beside what every row does."""
OF_FIGURES: Final = (SaleField.SOLD, SaleField.REVENUE)
"""What is an amount, or how many."""
TOLD: Final = ("行号", "原因代码", "不予记录的原因", "why_refused")
"""What is added to the rows that are given back; a file that comes again may still have it."""
_TOLD: Final = frozenset(map(key, TOLD))


class SaleMap(msgspec.Struct, frozen=True, kw_only=True):
    """How sheets of one kind are read. Every column is read or ignored by name."""

    columns: dict[SaleField, HeaderText]
    """By what a column is for, what it is called."""
    ignored: Annotated[list[HeaderText], msgspec.Meta(max_length=200)] = []
    plan: UUID | None = None
    """The plan of rows that name none."""
    plan_words: Annotated[dict[HeaderText, UUID], msgspec.Meta(max_length=200)] = {}
    """What these sheets call plans; a cell may also have a plan's id."""
    agent_words: Annotated[dict[HeaderText, UUID], msgspec.Meta(max_length=1_000)] = {}
    """What these sheets call agents, besides their names and ids."""


def vocabulary(maps: Iterable[SaleMap] = ()) -> Vocabulary:
    """Give what columns are called usually and in these maps; by it a header is found."""
    names: dict[str, tuple[str, ...]] = {str(field): tuple(usual) for field, usual in NAMES.items()}
    for each in maps:
        for field, called in each.columns.items():
            names[field] = (called, *names[field])
    return Vocabulary(names)


def guess(header: Sequence[str]) -> list[SaleField | None]:
    """Guess what each column is for."""
    return [SaleField(each) if each else None for each in vocabulary().guess(header)]


def said(header: Sequence[str], fields: Sequence[SaleField | None]) -> SaleMap:
    """Make the map of a header of which each column is for a field or, with None, ignored.

    A column for what an earlier one is for is left to be said.
    """
    columns: dict[SaleField, str] = {}
    ignored: list[str] = []
    for name, field in zip(header, fields, strict=False):
        if field is not None:
            columns.setdefault(field, name)
        elif key(name) and key(name) not in _TOLD:
            ignored.append(name)
    return SaleMap(columns=columns, ignored=ignored)


def fields_of(header: Sequence[str], by: SaleMap) -> list[SaleField | None]:
    """Say by a map what each column of a header is for; None are the ignored and the unknown."""
    meant = {key(name): field for field, name in by.columns.items()}
    return [meant.get(key(name)) for name in header]


def alike(one: SaleMap, other: SaleMap) -> bool:
    """Say whether two maps read every file in the same way."""
    return _meaning(one) == _meaning(other)


def _meaning(by: SaleMap) -> SaleMap:
    """Write a map in the one way in which all that read alike are written."""
    return msgspec.structs.replace(
        by,
        columns={field: key(name) for field, name in by.columns.items()},
        ignored=sorted({key(name) for name in by.ignored} - _TOLD),
        plan_words={small(word): meant for word, meant in by.plan_words.items()},
        agent_words={small(word): meant for word, meant in by.agent_words.items()},
    )


def small(word: str) -> str:
    """Give what is compared of a word that a file writes into its cells."""
    return cells.text(word).casefold()


class Header:
    """The columns of one file, by its map."""

    def __init__(self, header: Sequence[str], by: SaleMap) -> None:
        """Hold a header against a map.

        :raises ColumnTwice: a name stands twice.
        :raises ColumnsUnknown: a column is neither read nor ignored.
        :raises ColumnsMissing: a column is not there, or one without which nothing is recorded.
        :raises AmountsScaled: amounts are in thousands or more.
        """
        places = placed(header)
        meant = {key(name): field for field, name in by.columns.items()}
        left = {key(name) for name in by.ignored} | _TOLD
        unknown = [header[at] for each, at in places.items() if each not in {*meant, *left}]
        if unknown:
            raise ColumnsUnknown(unknown)
        ensure_unscaled(by.columns[each] for each in OF_FIGURES if each in by.columns)
        needed = [SaleField.REFERENCE, SaleField.SOLD]
        if SaleField.SALE not in by.columns:
            needed += OF_SALES
        missing = [name for name in by.columns.values() if key(name) not in places]
        missing += [field for field in needed if field not in by.columns]
        if missing:
            raise ColumnsMissing(missing)
        self._at = {field: places[each] for each, field in meant.items()}
        self._width = len(header)

    def said(self, row: Cells, field: SaleField) -> str:
        """Give what a cell says; nothing where the row is shorter, or the file has no such."""
        return cells.text(self._cell(row, field))

    def figures(self, row: Cells, field: SaleField) -> str:
        """Give what a cell of figures says.

        :raises CellUnread: it has the number of a note.
        """
        return cells.figures(self._cell(row, field))

    def written(self, row: Cells, field: SaleField) -> str:
        """Give a cell as it is written, for people to read."""
        return tidy(self._cell(row, field))

    def _cell(self, row: Cells, field: SaleField) -> str:
        """Give a cell without the mark that keeps it from being a formula."""
        at = self._at.get(field, len(row))
        return plain(row[at]) if at < len(row) else ""

    def is_refund(self, row: Cells) -> bool:
        """Say whether a row names the sale that it takes a part of back."""
        return bool(self.said(row, SaleField.SALE))

    def is_sum(self, row: Cells) -> bool:
        """Say whether a row adds up the others."""
        first = next((cell for cell in row if cells.text(cell)), "")
        reference = self.said(row, SaleField.REFERENCE)
        return is_sum_word(first) and (not reference or is_sum_word(reference))

    def kept(self, row: Cells) -> list[str]:
        """Give a row with nothing but what is read of it: of ignored columns nothing is kept."""
        read = set(self._at.values())
        row = [*row, *[""] * (self._width - len(row))]
        return [cell if at in read else "" for at, cell in enumerate(row)]

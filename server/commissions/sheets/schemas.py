"""What sheets of sales are over HTTP and to the pages."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec

from billing.commissions.rules.plans import Measure
from billing.errors import BillingRefusal
from server.commissions.sheets import columns
from server.commissions.sheets.columns import HeaderText, SaleField, SaleMap
from server.commissions.sheets.rows import SheetProblem
from server.imports.schemas import FILE_BYTES_MAX
from server.kit.text import PRINTABLE

PROPOSED: Final = tuple(SaleField)
"""What a column may be for, for pages."""
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
__all__ = [
    "FILE_BYTES_MAX",
    "PROPOSED",
    "NewSheet",
    "NewSheetMap",
    "SaleColumnsSaid",
    "SaleMap",
    "SeenProblem",
    "SeenRow",
    "SheetAsSeen",
    "SheetCounts",
    "SheetProblem",
    "SheetResult",
    "SheetRow",
    "SheetSeen",
    "SheetState",
    "SheetView",
]


class NewSheetMap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How sheets of one kind are to be read. A changed map is one of its own."""

    id: UUID
    """Made by the asker: asking twice saves one."""
    name: Label
    column_map: SaleMap


class NewSheet(msgspec.Struct, frozen=True, kw_only=True):
    """A sheet that is to be read by a saved map."""

    id: UUID
    """Made by the asker: asking twice takes it in once."""
    map_id: UUID
    file_name: str
    encoding: str | None = None
    """None finds out."""
    are_others: bool = False
    """Whether its sales that are alike to others are not the same."""


class SaleColumnsSaid(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody said of a sheet that they saw: which column is for what, and words in it."""

    header: Annotated[list[HeaderText], msgspec.Meta(max_length=200)]
    fields: list[SaleField | None]
    """By column; None leaves it out."""
    plan: UUID | None = None
    """That of rows which name none."""
    plan_words: Annotated[dict[Label, UUID], msgspec.Meta(max_length=200)] = {}
    agent_words: Annotated[dict[Label, UUID], msgspec.Meta(max_length=1_000)] = {}

    @property
    def column_map(self) -> SaleMap:
        """The map that says the same."""
        return msgspec.structs.replace(
            columns.said(self.header, self.fields),
            plan=self.plan,
            plan_words=self.plan_words,
            agent_words=self.agent_words,
        )


class SheetAsSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A sheet that is to be read as somebody said."""

    id: UUID
    map_id: UUID
    """Made by the asker, for a map that nobody has saved."""
    name: Label | None = None
    """What such a map is called."""
    file_name: Label
    are_others: bool = False
    """Whether its sales that are alike to others are not the same."""


class SeenRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row as it would be recorded."""

    row: int
    """Its line in the file, the first being 1."""
    reference: str
    is_refund: bool
    agent_id: UUID
    on: date | None
    """None of a refund: it counts from when it is recorded."""
    amount: int
    """In what the plan measures."""
    measure: Measure
    currency: str


class SeenProblem(msgspec.Struct, frozen=True):
    """Why a row would not be recorded."""

    row: int
    field: SaleField
    code: str
    detail: str


class SheetSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A sheet as it would be read; nothing of it is kept."""

    header: list[str]
    column_map: SaleMap
    fields: list[SaleField | None]
    """By column; None is left out."""
    saved: NewSheetMap | None
    """The saved map that reads sheets in the same way."""
    top: list[list[str]]
    """The first rows as they stand in the file."""
    refusal: BillingRefusal | None
    """Why the columns do not do."""
    rows: list[SeenRow]
    """The first rows that would be recorded."""
    looked_at: int
    """So many rows were looked at."""
    is_whole: bool
    """All of them."""
    sales: int
    refunds: int
    known: int
    """So many of both the books have already."""
    refused: int
    """So many rows would not be recorded."""
    problems: list[SeenProblem]
    """What is wrong with the first of them."""
    problems_count: int
    agent_words: list[str]
    """Words for agents that nobody has explained, as they come."""
    plan_words: list[str]
    """Words for plans, likewise."""


class SheetState(StrEnum):
    """How far a sheet has come."""

    RECORDING = "recording"
    RECORDED = "recorded"
    """Every row has its outcome."""
    STOPPED = "stopped"
    """Ended before its last row; what was recorded stays."""


class SheetCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows came to what."""

    sales: int = 0
    """Recorded by this sheet."""
    refunds: int = 0
    known: int = 0
    """The books had them already, with the same content."""
    refused: int = 0

    @property
    def done(self) -> int:
        """Count the rows that have their outcome."""
        return self.sales + self.refunds + self.known + self.refused


class SheetView(msgspec.Struct, frozen=True, kw_only=True):
    """A sheet, and how far it has come."""

    id: UUID
    map_id: UUID
    file_name: str
    sha256: str
    state: SheetState
    rows: int
    """So many are sales or refunds."""
    are_others: bool
    """Whether its sales that are alike to others are not the same."""
    counts: SheetCounts
    handed_in_by: UUID
    handed_in_at: datetime
    finished_at: datetime | None


class SheetResult(StrEnum):
    """What became of a row; it stays so."""

    RECORDED = "recorded"
    KNOWN = "known"
    """The books had it already, with the same content."""
    REFUSED = "refused"


class SheetRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a sheet, and what became of it."""

    row: int
    """Its line in the file, the first being 1."""
    reference: str
    is_refund: bool
    result: SheetResult
    sale_id: UUID | None = None
    """The sale that it is, or that it refunds a part of."""
    agent_id: UUID | None = None
    """Who sold it, where that could be read."""
    problems: list[SheetProblem] = []
    cells: list[str] = []
    """Of a refused row what it says, without ignored columns."""

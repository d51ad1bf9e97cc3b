"""What reconciliation is over HTTP, beyond what the books say of it."""

from datetime import date, datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec

from billing.reconciliation.rules.columns import ColumnMap
from billing.reconciliation.rules.findings import Cause, Kind, Step
from billing.reconciliation.rules.lines import LineState, Side
from billing.reconciliation.schemas import ExceptionOutcome, FileState, SideTotal
from server.kit.errors import Conflict
from server.kit.text import PRINTABLE

MONTH: Final = r"\A20[0-9]{2}-(0[1-9]|1[0-2])\Z"
"""A month, as in 2026-11."""

Viewer = Side
"""Whose eyes look, for pages, which do not see the books themselves."""

Label = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=PRINTABLE)]


class ExceptionAnswered(Conflict):
    """The agent has said something else of this difference before."""

    code = "exception_answered"


class NewSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How files of an agent's system are to be read. A changed map is a source of its own."""

    id: UUID
    """Made by the asker: asking twice saves one."""
    agent_id: UUID
    name: Label
    column_map: ColumnMap


class NewResolution(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came of a difference, and why."""

    outcome: ExceptionOutcome
    note: Words
    group_id: UUID | None = None
    """The transfers that put it right in the platform's books."""


class ExceptionAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an agent's owner says of a difference."""

    said: Words


class ReconFileView(msgspec.Struct, frozen=True, kw_only=True):
    """A file in a list."""

    id: UUID
    source_id: UUID
    agent_id: UUID
    month: str
    file_name: str
    sha256: str
    state: FileState
    read_until: int
    """The row up to which it has been read."""
    last_row: int
    added_at: datetime
    compared_at: datetime | None
    open_exceptions: int
    """So many differences nobody has resolved."""
    due_on: date | None
    """The first day on which one of them is due."""


class ReconFileDetail(ReconFileView, frozen=True, kw_only=True):
    """A file with what came of it; `here` is who looks."""

    rejected_cells: int
    """So many could not be read: the file of rejected rows names each."""
    matches: dict[Step, int]
    exceptions: dict[Kind, int]
    sides: list[SideTotal]


class ReconExceptionView(msgspec.Struct, frozen=True, kw_only=True):
    """A difference as one side sees it: `here` is who looks."""

    id: UUID
    file_id: UUID
    agent_id: UUID
    kind: Kind
    cause: Cause
    also: list[Kind]
    words_zh: str
    words_en: str
    here: list[int]
    """Numbers of the lines; those of a file are its rows."""
    there: list[int]
    here_says: str
    there_says: str
    here_minor: int
    there_minor: int
    currency: str
    """That of the first line that it is about."""
    owner: Side
    """Whose turn it is."""
    opened_at: datetime
    due_on: date
    is_overdue: bool
    outcome: ExceptionOutcome | None
    note: str | None
    group_id: UUID | None
    resolved_at: datetime | None
    answer: str | None
    """What the agent's owner says."""
    answered_at: datetime | None


class ReconLineView(msgspec.Struct, frozen=True, kw_only=True):
    """A line of one side, as it was when the sides were compared; an empty text says nothing."""

    number: int
    """The row of a file; the position in the books."""
    reference: str
    customer: str
    """The token of a customer, never its name."""
    program: str
    """What the platform calls the program, or what the line says of it."""
    amount_minor: int
    currency: str
    on: date
    state: LineState


class ReconExceptionDetail(ReconExceptionView, frozen=True, kw_only=True):
    """A difference side by side."""

    file_name: str
    month: str
    here_lines: list[ReconLineView]
    there_lines: list[ReconLineView]
    differing: list[str]
    """The fields of lines in which the sides are not the same, where both have lines."""


class ReconGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Open differences of one kind, cause and currency as one side sees them."""

    kind: Kind
    cause: Cause
    words_zh: str
    words_en: str
    currency: str
    count: int
    agents: int
    """Of so many agents."""
    here_minor: int
    there_minor: int
    due_on: date
    """The first day on which one of them is due."""
    overdue: int


class ReconFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which differences are meant, in the words of who asks."""

    file_id: UUID | None = None
    agent_id: UUID | None = None
    kind: Kind | None = None
    cause: Cause | None = None
    overdue: bool = False
    """Only those that somebody is late with."""
    resolved: bool = False
    """Also those of which it is said what came of them."""

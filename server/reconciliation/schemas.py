"""What reconciliation is over HTTP, beyond what the books say of it."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec

from billing.errors import BillingRefusal
from billing.money import Currency
from billing.reconciliation.rules import columns
from billing.reconciliation.rules.columns import ColumnMap, Field, RowProblem
from billing.reconciliation.rules.findings import Cause, Kind, Step
from billing.reconciliation.rules.lines import Line, LineState, Side
from billing.reconciliation.schemas import (
    ExceptionOutcome,
    FileDiffers,
    FileGivenUp,
    FileState,
    SideTotal,
    SourceDiffers,
)
from server.imports.schemas import READ_BYTES_MAX
from server.kit.errors import Conflict
from server.kit.text import PRINTABLE

FILE_BYTES_MAX: Final = READ_BYTES_MAX
"""So large a file may be."""
RESOLVED_MAX: Final = 500
"""So many differences are resolved at once."""
MONTH: Final = r"\A20[0-9]{2}-(0[1-9]|1[0-2])\Z"
"""A month, as in 2026-11."""

Viewer = Side
"""Whose eyes look, for pages, which do not see the books themselves."""

IDS_SPENT: Final = (FileDiffers, FileGivenUp, SourceDiffers)
"""What refuses the ids of a form that was sent before with something else, for pages."""
PROPOSED: Final = tuple(Field)
"""What a column may be for, for pages."""
MEANINGS: Final = tuple(LineState)
"""What a word for a state may mean, for pages."""

Label = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
HeaderText = Annotated[str, msgspec.Meta(max_length=200, pattern=PRINTABLE)]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=PRINTABLE)]


class ExceptionAnswered(Conflict):
    """The agent has said something else of this difference before."""

    code = "exception_answered"


class FilesWait(Conflict):
    """As many files of the agent wait to be compared as may."""

    code = "recon_files_wait"


class QuestionWaits(Conflict):
    """A question about this difference waits for its reply."""

    code = "question_waits"


class QuestionReplied(Conflict):
    """The agent has replied something else to this question before."""

    code = "question_replied"


class NewSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How files of an agent's system are to be read. A changed map is a source of its own."""

    id: UUID
    """Made by the asker: asking twice saves one."""
    agent_id: UUID
    name: Label
    column_map: ColumnMap


class ColumnsSaid(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody said of a file that they saw: which column is for what, and words in it."""

    header: Annotated[list[HeaderText], msgspec.Meta(max_length=200)]
    fields: list[Field | None]
    """By column; None leaves it out."""
    currency: Currency = "CNY"
    program: UUID | None = None
    """That of rows which name none."""
    program_words: Annotated[dict[Label, UUID], msgspec.Meta(max_length=200)] = {}
    state_words: Annotated[dict[Label, LineState], msgspec.Meta(max_length=50)] = {}

    @property
    def column_map(self) -> ColumnMap:
        """The map that says the same."""
        return msgspec.structs.replace(
            columns.said(self.header, self.fields),
            currency=self.currency,
            program=str(self.program or ""),
            program_words=self.program_words,
            state_words=self.state_words,
        )


class FileSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it would be read; nothing of it is kept."""

    header: list[str]
    column_map: ColumnMap
    fields: list[Field | None]
    """By column; None is left out."""
    source: NewSource | None
    """The saved one that reads files in the same way."""
    top: list[list[str]]
    """The first rows as they stand in the file."""
    refusal: BillingRefusal | None
    """Why the columns do not do."""
    lines: list[Line]
    """The first rows that can be read, as they would be kept: of a name, that there is one."""
    rows: int
    """So many were looked at."""
    is_whole: bool
    """All of them."""
    unread: list[RowProblem]
    """The first cells of these rows that cannot be read."""
    unread_count: int
    outside: int
    """So many of those that can be read are of a day outside of the chosen month."""
    state_words: list[str]
    """Words for states that nobody has explained, as they come."""
    program_words: list[str]
    """Words for programs, likewise."""


class FileOfSource(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is to be read by its source's map."""

    id: UUID
    """Made by the asker: asking twice takes it in once."""
    source_id: UUID
    month: str
    file_name: str
    encoding: str | None = None
    """None finds out."""


class FileAsSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A file of an agent that is to be read as somebody said."""

    id: UUID
    """Made by the asker: asking twice takes it in once."""
    source_id: UUID
    """Made by the asker, for a map that no source has."""
    agent_id: UUID
    name: Label | None = None
    """What such a source is called."""
    month: Annotated[str, msgspec.Meta(pattern=MONTH)]
    file_name: Label


class NewResolution(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came of a difference, and why."""

    outcome: ExceptionOutcome
    note: Words
    group_id: UUID | None = None
    """The transfers that put it right in the platform's books."""


class NewResolutions(NewResolution, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same of many differences."""

    exceptions: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=RESOLVED_MAX)]


class Settled(StrEnum):
    """What became of one of many differences that were to be resolved."""

    RESOLVED = "resolved"
    """It says what was asked for, from now on or from before."""
    ALREADY_RESOLVED = "already_resolved"
    """It says something else, as it did before."""
    NOT_FOUND = "not_found"


class ReconSettled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one difference; asked again, the same."""

    id: UUID
    result: Settled
    outcome: ExceptionOutcome | None = None
    note: str | None = None


class ExceptionAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an agent's owner says of a difference."""

    said: Words


class NewQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the platform asks an agent about a difference."""

    id: UUID
    """Made by the asker: asking twice asks once."""
    asked: Words


class QuestionReply(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an agent's owner replies to a question."""

    said: Words


class ReconQuestionView(msgspec.Struct, frozen=True, kw_only=True):
    """A question about a difference, as both sides see it."""

    id: UUID
    exception_id: UUID
    agent_id: UUID
    asked: str
    asked_at: datetime
    reply: str | None
    """What the agent's owner replied; None while it waits."""
    replied_at: datetime | None


class WaitingQuestion(ReconQuestionView, frozen=True, kw_only=True):
    """A question that waits, with what it is about."""

    file_id: UUID
    words_zh: str
    words_en: str


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
    is_asked: bool
    """A question about it waits for the agent's reply."""


class ReconExceptionRow(ReconExceptionView, frozen=True, kw_only=True):
    """A difference as a sheet has it."""

    here_ids: list[str]
    """What the lines are called, the first ten of a side; those without an id are left out."""
    there_ids: list[str]


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
    questions: list[ReconQuestionView]
    """The earliest first."""


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

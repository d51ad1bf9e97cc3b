"""What reconciliation is asked and what it answers, as frozen values."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from billing.errors import BillingRefusal, Sort
from billing.money import Currency
from billing.reconciliation.rules.columns import ColumnMap, RowProblem
from billing.reconciliation.rules.findings import Cause, Kind
from billing.reconciliation.rules.lines import Side

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Note = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class SourceDiffers(BillingRefusal):
    """A source was saved again with another map; a changed map is a source of its own."""

    code = "recon_source_differs"
    sort = Sort.CLASH


class SourceNotFound(BillingRefusal):
    """There is no such source."""

    code = "recon_source_not_found"
    sort = Sort.ABSENT


class FileNotFound(BillingRefusal):
    """There is no such file, or not for who asks."""

    code = "recon_file_not_found"
    sort = Sort.ABSENT


class FileDiffers(BillingRefusal):
    """A file's id was used before with other content."""

    code = "recon_file_differs"
    sort = Sort.CLASH


class FileSentTwice(BillingRefusal):
    """The same bytes were handed in before, under another id."""

    code = "recon_file_sent_twice"
    sort = Sort.CLASH

    def __init__(self, file_id: UUID) -> None:
        super().__init__("This very file was handed in before; look at that one.")
        self.file_id = file_id


class FileGivenUp(BillingRefusal):
    """The file under this id was withdrawn or has failed; it comes again under another one."""

    code = "recon_file_given_up"
    sort = Sort.CLASH


class FileNotLoading(BillingRefusal):
    """A file that was compared, withdrawn or has failed takes no further rows."""

    code = "recon_file_not_loading"
    sort = Sort.CLASH


class FileNotCompared(BillingRefusal):
    """Only what was compared is taken back."""

    code = "recon_file_not_compared"
    sort = Sort.CLASH


class FileSettled(BillingRefusal):
    """Somebody has said what came of some of a file's exceptions, so that it stays."""

    code = "recon_file_settled"
    sort = Sort.CLASH


class FileAwaited(BillingRefusal):
    """Another file of the agent is being compared with what this one has."""

    code = "recon_file_awaited"
    sort = Sort.CLASH


class FileGoneBy(BillingRefusal):
    """A later file of the agent was compared with what this one has, and says so."""

    code = "recon_file_gone_by"
    sort = Sort.CLASH


class FileIncomplete(BillingRefusal):
    """Rows are missing before these, or before the file can be compared."""

    code = "recon_file_incomplete"
    sort = Sort.CLASH

    def __init__(self, read_until: int) -> None:
        super().__init__(f"Go on with the rows after row {read_until}.")
        self.read_until = read_until


class RowsUnread(BillingRefusal):
    """Rows cannot be read; nothing of them was kept, and each says why."""

    code = "recon_rows_unread"

    def __init__(self, problems: list[RowProblem]) -> None:
        super().__init__(f"{len(problems)} cells cannot be read; correct them and send a new file.")
        self.problems = problems


class ExceptionNotFound(BillingRefusal):
    """There is no such exception, or not for who asks."""

    code = "recon_exception_not_found"
    sort = Sort.ABSENT


class AlreadyResolved(BillingRefusal):
    """Somebody has said already what came of an exception, and said something else."""

    code = "recon_already_resolved"
    sort = Sort.CLASH


class FileState(StrEnum):
    """How far a file has come."""

    LOADING = "loading"
    COMPARED = "compared"
    WITHDRAWN = "withdrawn"
    """It could not be read, or was taken back; nothing of it counts, and the same one may come."""
    FAILED = "failed"
    """Nobody could compare it, however often it was tried; the same one may come again."""


class ExceptionOutcome(StrEnum):
    """What came of a break."""

    CORRECTED_HERE = "corrected_here"
    """The platform's books were put right, by the transfers that it names."""
    CORRECTED_THERE = "corrected_there"
    """The other side has put its book right."""
    ACCEPTED = "accepted"
    """Both sides leave it as it is."""
    REJECTED = "rejected"
    """The platform does not follow the other side's book; the note says why."""


class NewSource(msgspec.Struct, frozen=True, kw_only=True):
    """How files of an agent's system are read."""

    id: UUID
    agent_id: UUID
    name: Name
    column_map: ColumnMap


class NewFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of an agent, for one month."""

    id: UUID
    source_id: UUID
    period: date
    """The first day of the month."""
    file_name: Name
    sha256: bytes
    """Of the file as it came, 32 bytes."""
    header: Annotated[list[str], msgspec.Meta(max_length=200)]
    """What its columns are called."""
    last_row: int
    """The number of its last row: when that has come, the file is whole."""


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a break, and why."""

    outcome: ExceptionOutcome
    note: Note
    group_id: UUID | None = None
    """The transfers that put it right in the platform's books."""


class FileView(msgspec.Struct, frozen=True, kw_only=True):
    """A file and how far it has come; an interrupted one goes on after `read_until`."""

    id: UUID
    source_id: UUID
    agent_id: UUID
    period: date
    file_name: str
    sha256: bytes
    header: list[str]
    last_row: int
    read_until: int
    """The row up to which it has come: the next ones are those after it."""
    state: FileState
    added_at: datetime
    named_until: int | None
    """The row up to which the ids in it have been looked up in the platform's books; None until
    all that these say of its month is written down."""
    extracted_at: datetime | None
    """When the platform's books were written down beside it."""
    compared_at: datetime | None


class ExceptionView(msgspec.Struct, frozen=True, kw_only=True):
    """A break as one side sees it: `here` is who looks."""

    id: UUID
    file_id: UUID
    agent_id: UUID
    kind: Kind
    cause: Cause
    also: list[Kind]
    here: list[int]
    """Numbers of the lines."""
    there: list[int]
    here_says: str
    there_says: str
    here_minor: int
    there_minor: int
    owner: Side
    """Whose turn it is, seen by who looks."""
    opened_at: datetime
    due_on: date
    outcome: ExceptionOutcome | None
    note: str | None
    group_id: UUID | None
    resolved_at: datetime | None

    def is_overdue(self, today: date) -> bool:
        """Say whether whoever has to act is late."""
        return self.outcome is None and today > self.due_on


class ExceptionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which breaks are meant; the kind as the platform calls it."""

    file_id: UUID | None = None
    agent_id: UUID | None = None
    kind: Kind | None = None
    cause: Cause | None = None
    due_before: date | None = None
    is_open: bool = True
    """Only those of which nobody has said what came of them."""


class ExceptionsAlike(msgspec.Struct, frozen=True, kw_only=True):
    """Open breaks of one kind, cause and currency."""

    kind: Kind
    cause: Cause
    currency: Currency
    count: int
    agent_ids: list[UUID]
    here_minor: int
    there_minor: int
    due_on: date
    """The first day on which one of them is due."""
    overdue: int


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What is open of a file."""

    open: int = 0
    due_on: date | None = None
    """The first day on which some of it is due."""


class SideTotal(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a compared file, in one currency: counting == matched + open + settled."""

    side: Side
    currency: Currency
    lines: int
    counting_minor: int
    matched_minor: int
    open_minor: int
    """Of lines in exceptions that nobody has resolved."""
    settled_minor: int
    """Of lines in exceptions of which an outcome is known."""

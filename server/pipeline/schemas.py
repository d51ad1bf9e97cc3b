"""What the pipeline is over HTTP and to the portal: views that are given, what is taken."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from server.customers.schemas import Custom
from server.kit.text import PRINTABLE
from sync_protocol.process.definition import Definition
from sync_protocol.process.gates import Verb
from sync_protocol.schema import MAX_REVENUE_MINOR

DealName = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
Line = Annotated[str, msgspec.Meta(max_length=200, pattern=PRINTABLE)]
Remark = Annotated[str, msgspec.Meta(max_length=5000, pattern=PRINTABLE)]
ProcessName = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=PRINTABLE)]
StageKey = Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z0-9_]{0,39}\Z")]
Day = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
Amount = Annotated[int, msgspec.Meta(ge=0, le=MAX_REVENUE_MINOR)]
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Steps = Annotated[list[UUID], msgspec.Meta(max_length=200)]
Category = Literal["commit", "best", "pipeline", "omitted"]
DealState = Literal["open", "won", "lost"]
LostReason = Literal["price", "competitor", "no_budget", "no_need", "timing", "other"]


# ------------------------------------------------------------------------------------- processes


class ProcessView(msgspec.Struct, frozen=True, kw_only=True):
    """A process as it stands now: its current version. The built-in one has no ids."""

    id: UUID | None
    """Of the version; what a deal names as its `process_id`."""
    family_id: UUID | None
    version: int
    name: str
    state: str
    definition: Definition
    is_built_in: bool = False


class DraftView(msgspec.Struct, frozen=True, kw_only=True):
    """The next version of a process, while it is being thought out."""

    family_id: UUID
    name: str
    definition: Definition
    revision: int
    edited_by: UUID
    edited_at: datetime


class SaveDraft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a manager has written of a process's next version."""

    family_id: UUID
    """Of the process; a new one, made by the asker, for a new process."""
    name: ProcessName
    definition: Definition
    revision: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)] = 0
    """The revision that it was made from; 0 for the first."""


class Publish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make the draft the current version."""

    id: UUID
    """The version's id, made by the asker."""
    revision: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
    """The draft that was looked at."""


class Migrate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Move open deals of a version to a newer one, or to another process."""

    to_id: UUID
    """The version that they shall follow."""
    mapping: dict[StageKey, StageKey] = {}
    """Old stage -> new stage, where they do not have the same id."""
    opportunity_ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=500)] | None = None
    """The deals to move; all open ones of the version without."""


class Migrated(msgspec.Struct, frozen=True, kw_only=True):
    """How many deals were moved."""

    deals: int


class ProcessVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a process, with how many of the company's deals follow it."""

    process: ProcessView
    open_deals: int
    closed_deals: int
    """Won and lost."""


class StageAim(msgspec.Struct, frozen=True, kw_only=True):
    """Where the deals of a stage go."""

    stage: str
    name: str
    deals: int
    to_stage: str | None
    """None where the new version has no such stage and none was named."""


class MigrationLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a migration makes of one deal."""

    opportunity_id: UUID
    name: str
    customer_name: str
    from_stage: str
    to_stage: str | None
    kept_steps: int
    """Done steps that the new version has as well."""
    open: list["OpenView"]
    """What the stage there asks for and the deal has not got."""


class MigrationPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a migration would do; nothing is done yet."""

    old: ProcessView
    new: ProcessView
    stages: list[StageAim]
    deals: list[MigrationLine]
    """Those within sight, the largest first; at most two hundred."""
    total: int
    """All that would be moved, those out of sight too when none was chosen."""


# ----------------------------------------------------------------------------------------- deals


class OpportunityView(msgspec.Struct, frozen=True, kw_only=True):
    """A deal. Money in fen; `seq` is the tenant's sequence at its last change."""

    id: UUID
    seq: int
    customer_id: UUID
    customer_name: str
    owner_id: UUID | None
    """Whose customer it is."""
    name: str
    process_id: UUID | None
    stage: str
    state: str
    amount_minor: int | None
    expected_on: str | None
    forecast_category: str | None
    account_manager_id: UUID | None
    solution_manager_id: UUID | None
    fulfilment_manager_id: UUID | None
    done_steps: list[UUID]
    competitor: str | None
    lead_id: UUID | None
    lost_reason: str | None
    remark: str | None
    stage_since: datetime
    closed_at: datetime | None
    created_at: datetime
    updated_at: datetime | None
    is_stale: bool = False
    """Whether nothing changed for longer than its stage allows."""
    custom: dict[str, Any] = {}
    """Custom fields that have a value, by name."""


class OpenView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a gate asks for and that is not there."""

    stage: str
    kind: str
    id: str
    name: str
    gate: str


class MoveView(msgspec.Struct, frozen=True, kw_only=True):
    """A move that was made."""

    id: UUID
    opportunity_id: UUID
    seq: int
    verb: str
    from_stage: str
    to_stage: str
    state: str
    deviations: list[OpenView]
    reason: str | None
    remark: str | None
    stayed_ms: int
    """How long the deal was in the stage that it left."""
    moved_by: UUID
    moved_at: datetime


class Conformance(msgspec.Struct, frozen=True, kw_only=True):
    """How far a deal was worked on as its process says."""

    done: int
    """Steps of the stages behind without which a deal stays, as far as they are done."""
    wanted: int
    """All of these; the steps of a loose gate are none."""
    deviations: int
    """What loose gates let pass."""
    unproven: int = 0
    """Of the wanted steps those that an import let pass and nobody has shown since."""


class OpportunityDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A deal with its process, what is open, and how it came here."""

    opportunity: OpportunityView
    process: ProcessView
    open: list[OpenView]
    """What the present stage asks for and has not got."""
    conformance: Conformance
    moves: list[MoveView]
    """The newest first."""
    opened: dict[UUID, int]
    """How often each template or case was looked at for this deal."""


class NewOpportunity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A deal to be begun."""

    customer_id: UUID
    name: DealName
    id: UUID | None = None
    process_id: UUID | None = None
    """A version of a process; the built-in one without."""
    amount_minor: Amount | None = None
    expected_on: Day | None = None
    forecast_category: Category | None = None
    account_manager_id: UUID | None = None
    solution_manager_id: UUID | None = None
    fulfilment_manager_id: UUID | None = None
    competitor: Line | None = None
    lead_id: UUID | None = None
    remark: Remark | None = None
    custom: Custom = {}


class OpportunityEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The touched fields of a deal; null empties one. What somebody else wrote is merged."""

    name: DealName | UnsetType = UNSET
    amount_minor: Amount | UnsetType | None = UNSET
    expected_on: Day | UnsetType | None = UNSET
    forecast_category: Category | UnsetType = UNSET
    account_manager_id: UUID | UnsetType | None = UNSET
    solution_manager_id: UUID | UnsetType | None = UNSET
    fulfilment_manager_id: UUID | UnsetType | None = UNSET
    competitor: Line | UnsetType | None = UNSET
    remark: Remark | UnsetType | None = UNSET
    custom: Custom = {}
    do_steps: Steps = []
    """Steps that are done now."""
    undo_steps: Steps = []
    base: Seq | None = None
    """The sequence at which the deal was seen; what stands now without."""


class Move(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A deal is to be moved."""

    verb: Verb
    id: UUID | None = None
    """Of the move, made by the asker: asked again it moves once."""
    from_stage: StageKey | None = None
    """Where the asker saw it; if it is no longer there, nothing is done."""
    to_stage: StageKey | None = None
    """The next stage without."""
    reason: LostReason | None = None
    remark: Line | None = None


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A move, and the deal afterwards."""

    move: MoveView
    opportunity: OpportunityView


class NewOpening(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody looks at a template or case."""

    template_id: UUID
    id: UUID | None = None


class DealFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the deals within sight."""

    state: DealState | None = None
    family_id: UUID | None = None
    """Deals of any version of this process."""
    is_built_in: bool = False
    """Deals of the built-in process alone."""
    process_id: UUID | None = None
    """Deals of this version alone."""
    stage: str | None = None
    category: Category | None = None
    month: str | None = None
    """``2027-01``, or ``none`` for deals without an expected day."""
    customer_id: UUID | None = None
    owner_id: UUID | None = None
    is_stale: bool = False


# ---------------------------------------------------------------------------------------- totals


class StageTotal(msgspec.Struct, frozen=True, kw_only=True):
    """The deals of one stage."""

    stage: str
    name: str
    canonical: str
    probability: int
    deals: int
    amount_minor: int


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """A process in numbers, as far as one sees. Money in fen."""

    process: ProcessView
    stages: list[StageTotal]
    """Of open deals; the last is what was won."""
    lost_deals: int
    lost_amount_minor: int
    weighted_minor: int
    """Each open deal's amount times the probability of its stage."""


class ForecastLine(msgspec.Struct, frozen=True, kw_only=True):
    """Open deals of a category that are expected in a month."""

    category: str
    month: str
    """``2027-01``, or ``none``."""
    deals: int
    amount_minor: int
    weighted_minor: int


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """A process in columns: its numbers and the first cards of each."""

    pipeline: Pipeline
    cards: dict[str, list[OpportunityView]]
    """By stage, the largest deals first; those of the last stage are won."""

"""Processes and opportunities as records, their moves, and the pipeline's totals."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.changelog.kinds import SYNC_COLUMNS, sync_indexes
from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000011"
VERSION = "1.38.0"
DESCRIPTION = "Processes, opportunities and what is counted of them."


async def forwards() -> MigrationManager:
    """Make the room's tables."""
    statements = [*_PROCESS, *_OPPORTUNITY, *_MOVE, *_OPENING, *_TOTAL]
    return sql_migration(ID, "pipeline", DESCRIPTION, statements)


_PROCESS = [
    f"""
    CREATE TABLE process (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        family_id uuid NOT NULL,
        version bigint NOT NULL,
        name text NOT NULL,
        definition text NOT NULL,
        state text COLLATE "C" NOT NULL CHECK (state IN ('current', 'superseded', 'retired')),
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id),
        UNIQUE (tenant_id, family_id, version)
    )
    """,
    *sync_indexes("process"),
    *tenant_table("process"),
    """
    CREATE TABLE process_draft (
        tenant_id uuid NOT NULL,
        family_id uuid NOT NULL,
        name text NOT NULL,
        definition text NOT NULL,
        revision bigint NOT NULL,
        edited_by uuid NOT NULL,
        edited_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, family_id)
    )
    """,
    *tenant_table("process_draft"),
]
_OPPORTUNITY = [
    f"""
    CREATE TABLE opportunity (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        customer_id uuid NOT NULL,
        name text NOT NULL,
        process_id uuid,
        stage text COLLATE "C" NOT NULL,
        state text COLLATE "C" NOT NULL CHECK (state IN ('open', 'won', 'lost')),
        amount_minor bigint CHECK (amount_minor >= 0),
        expected_on text COLLATE "C",
        forecast_category text COLLATE "C",
        account_manager_id uuid,
        solution_manager_id uuid,
        fulfilment_manager_id uuid,
        done_steps jsonb,
        competitor text,
        lead_id uuid,
        lost_reason text COLLATE "C",
        stage_since timestamptz NOT NULL,
        closed_at timestamptz,
        remark text,
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id),
        FOREIGN KEY (tenant_id, process_id) REFERENCES process (tenant_id, id)
    )
    """,
    *sync_indexes("opportunity"),
    "CREATE INDEX opportunity_customer ON opportunity (tenant_id, customer_id, id)",
    """
    CREATE INDEX opportunity_board ON opportunity (
        tenant_id, state, stage, (coalesce(amount_minor, 0)) DESC, id
    ) WHERE NOT deleted
    """,
    """
    CREATE INDEX opportunity_expected ON opportunity (tenant_id, state, expected_on, id)
    WHERE NOT deleted
    """,
    *tenant_table("opportunity"),
]
_MOVE = [
    """
    CREATE TABLE opportunity_move (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        opportunity_id uuid NOT NULL,
        seq bigint NOT NULL,
        verb text COLLATE "C" NOT NULL,
        from_stage text COLLATE "C" NOT NULL,
        to_stage text COLLATE "C" NOT NULL,
        state text COLLATE "C" NOT NULL,
        deviations jsonb NOT NULL DEFAULT '[]',
        reason text COLLATE "C",
        remark text,
        stayed_ms bigint NOT NULL,
        moved_by uuid NOT NULL,
        moved_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
    )
    """,
    "CREATE INDEX opportunity_move_of ON opportunity_move (tenant_id, opportunity_id, seq)",
    *tenant_table("opportunity_move", app="SELECT, INSERT"),
]
_OPENING = [
    """
    CREATE TABLE template_opening (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        opportunity_id uuid NOT NULL,
        step_id uuid NOT NULL,
        template_id uuid NOT NULL,
        opened_by uuid NOT NULL,
        opened_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
    )
    """,
    "CREATE INDEX template_opening_of ON template_opening (tenant_id, opportunity_id, template_id)",
    *tenant_table("template_opening", app="SELECT, INSERT"),
]
# No id is null here, so that a key may hold it: a deal of the built-in process, or of nobody, has
# the id of zeros.
_TOTAL = [
    """
    CREATE TABLE opportunity_counted (
        tenant_id uuid NOT NULL,
        opportunity_id uuid NOT NULL,
        owner_id uuid NOT NULL,
        team_id uuid NOT NULL,
        process_id uuid NOT NULL,
        stage text COLLATE "C" NOT NULL,
        state text COLLATE "C" NOT NULL,
        category text COLLATE "C" NOT NULL,
        month text COLLATE "C" NOT NULL,
        amount_minor bigint NOT NULL,
        PRIMARY KEY (tenant_id, opportunity_id)
    )
    """,
    *tenant_table("opportunity_counted"),
    """
    CREATE TABLE pipeline_total (
        tenant_id uuid NOT NULL,
        grain text COLLATE "C" NOT NULL CHECK (grain IN ('stage', 'month')),
        owner_id uuid NOT NULL,
        team_id uuid NOT NULL,
        process_id uuid NOT NULL,
        stage text COLLATE "C" NOT NULL,
        state text COLLATE "C" NOT NULL,
        category text COLLATE "C" NOT NULL,
        month text COLLATE "C" NOT NULL,
        deals bigint NOT NULL,
        amount_minor numeric NOT NULL,
        PRIMARY KEY (
            tenant_id, grain, owner_id, team_id, process_id, stage, state, category, month
        )
    )
    """,
    *tenant_table("pipeline_total"),
    """
    CREATE TABLE pipeline_mark (
        tenant_id uuid PRIMARY KEY,
        seq bigint NOT NULL
    )
    """,
    *tenant_table("pipeline_mark"),
]

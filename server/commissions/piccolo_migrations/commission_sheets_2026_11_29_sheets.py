"""Sheets of sales, their rows until they are recorded, and how sheets are read."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import append_only, reachable, sql_migration

ID = "2026-11-29T00:00:00:017010"
VERSION = "1.38.0"
DESCRIPTION = "Spreadsheets of sales and refunds on their way into the books."


async def forwards() -> MigrationManager:
    """Make the tables; the platform's transactions alone reach them."""
    return sql_migration(ID, "commission_sheets", DESCRIPTION, [*_MAP, *_SHEET, *_PART])


_MAP = [
    """
    CREATE TABLE commission_sheet_map (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        column_map jsonb NOT NULL,
        saved_by uuid NOT NULL,
        saved_at timestamptz NOT NULL
    )
    """,
    *append_only("commission_sheet_map"),
    *reachable("commission_sheet_map"),
    "GRANT SELECT, INSERT ON commission_sheet_map TO tonglu_platform",
]

_SHEET = [
    """
    CREATE TABLE commission_sheet (
        id uuid PRIMARY KEY,
        map_id uuid NOT NULL REFERENCES commission_sheet_map (id),
        file_name text NOT NULL,
        sha256 bytea NOT NULL,
        header jsonb NOT NULL,
        state text NOT NULL DEFAULT 'recording'
            CHECK (state IN ('recording', 'recorded', 'stopped')),
        rows bigint NOT NULL CHECK (rows >= 0),
        handed_in_by uuid NOT NULL,
        handed_in_at timestamptz NOT NULL,
        finished_at timestamptz,
        CHECK ((state = 'recording') = (finished_at IS NULL))
    )
    """,
    "CREATE INDEX commission_sheet_newest ON commission_sheet (handed_in_at, id)",
    *reachable("commission_sheet"),
    "GRANT SELECT, INSERT ON commission_sheet TO tonglu_platform",
    "GRANT UPDATE (state, finished_at) ON commission_sheet TO tonglu_platform",
]

_PART = [
    """
    CREATE TABLE commission_sheet_part (
        sheet_id uuid NOT NULL REFERENCES commission_sheet (id),
        number bigint NOT NULL CHECK (number >= 0),
        rows bytea,
        outcomes jsonb,
        counts jsonb,
        PRIMARY KEY (sheet_id, number),
        CHECK ((rows IS NULL) = (outcomes IS NOT NULL)),
        CHECK ((outcomes IS NULL) = (counts IS NULL))
    )
    """,
    # What became of a row stays.
    """
    CREATE FUNCTION commission_sheet_part_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.outcomes IS NOT NULL THEN
            RAISE EXCEPTION 'what became of these rows stays'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER commission_sheet_part_is_done_once BEFORE UPDATE ON commission_sheet_part
    FOR EACH ROW EXECUTE FUNCTION commission_sheet_part_stays()
    """,
    """
    CREATE INDEX commission_sheet_part_waiting ON commission_sheet_part (sheet_id, number)
    WHERE outcomes IS NULL
    """,
    *reachable("commission_sheet_part"),
    "GRANT SELECT, INSERT ON commission_sheet_part TO tonglu_platform",
    "GRANT UPDATE (rows, outcomes, counts) ON commission_sheet_part TO tonglu_platform",
]

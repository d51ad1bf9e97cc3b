"""How many leads there are of each sort, kept as they are written."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000210"
VERSION = "1.38.0"
DESCRIPTION = "Counts of leads by state, verdict and person."


async def forwards() -> MigrationManager:
    """Make the counts, and have the database keep them whichever way leads are written."""
    return sql_migration(ID, "leads", DESCRIPTION, _STATEMENTS)


_SORT = "tenant_id, state, CASE WHEN state = 'suspect' THEN verdict END AS verdict, assignee_id"


def _differences(leads: str) -> str:
    """Write down how many leads more or fewer a statement has left of each sort."""
    return f"""
    INSERT INTO lead_count (tenant_id, id, state, verdict, assignee_id, leads)
    SELECT tenant_id, gen_random_uuid(), state, verdict, assignee_id, sum(leads)
    FROM ({leads}) AS each GROUP BY tenant_id, state, verdict, assignee_id HAVING sum(leads) <> 0
    """


def _function(name: str, leads: str) -> str:
    """Make what a trigger runs, with the rights of whoever writes."""
    body = f"BEGIN {_differences(leads)}; RETURN NULL; END"
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"


_STATEMENTS = [
    """
    CREATE TABLE lead_count (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        state text COLLATE "C" NOT NULL,
        verdict text COLLATE "C",
        assignee_id uuid,
        leads bigint NOT NULL,
        PRIMARY KEY (tenant_id, id)
    )
    """,
    _function("count_new_leads", f"SELECT {_SORT}, 1 AS leads FROM came"),
    _function(
        "count_changed_leads",
        f"SELECT {_SORT}, 1 AS leads FROM came UNION ALL SELECT {_SORT}, -1 FROM went",
    ),
    """
    CREATE TRIGGER count_new AFTER INSERT ON raw_lead REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION count_new_leads()
    """,
    # Nobody may delete a lead.
    """
    CREATE TRIGGER count_changed AFTER UPDATE ON raw_lead
    REFERENCING OLD TABLE AS went NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION count_changed_leads()
    """,
    # Those that are there, of all companies, which forced row-level security hides from the owner;
    # the table is locked until it is forced again.
    "ALTER TABLE raw_lead NO FORCE ROW LEVEL SECURITY",
    _differences(f"SELECT {_SORT}, 1 AS leads FROM raw_lead"),
    "ALTER TABLE raw_lead FORCE ROW LEVEL SECURITY",
    *tenant_table("lead_count", app="SELECT, INSERT, DELETE"),
    # Suspects are listed by their verdict; the others were in this index to be counted alone.
    "DROP INDEX raw_lead_board",
    """
    CREATE INDEX raw_lead_suspect ON raw_lead (tenant_id, verdict, received_at DESC, id DESC)
    WHERE state = 'suspect'
    """,
]

"""What becomes of a leaver's customers, registrations and benefits, and who of them consented."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:001150"
VERSION = "1.38.0"
DESCRIPTION = "Items of exits and their successors; customers' consents."

_OWN = "agent_id = (SELECT current_setting('app.tenant_id')::uuid)"
_SEEN = (
    "exit_id, agent_id, kind, ref, customer_ref, stands, until, program_id, amount_minor, "
    "successor_id, chosen, fate, drawn_at, done_at"
)


async def forwards() -> MigrationManager:
    """Make both tables: which customer it is, the platform is not granted."""
    return sql_migration(
        ID,
        "exits",
        DESCRIPTION,
        [
            """
            CREATE TABLE exit_item (
                exit_id uuid NOT NULL REFERENCES agent_exit (id),
                agent_id uuid NOT NULL,
                kind text COLLATE "C" NOT NULL
                    CHECK (kind IN ('customer', 'registration', 'benefit')),
                ref uuid NOT NULL,
                customer_ref uuid NOT NULL,
                customer_id uuid NOT NULL,
                stands text COLLATE "C" NOT NULL,
                until timestamptz,
                program_id uuid,
                amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
                successor_id uuid CHECK (successor_id <> agent_id),
                chosen text COLLATE "C",
                fate text COLLATE "C",
                drawn_at timestamptz NOT NULL,
                done_at timestamptz,
                PRIMARY KEY (exit_id, kind, ref),
                CHECK (done_at IS NULL OR fate IS NOT NULL),
                CHECK (fate IS NULL OR CASE kind
                    WHEN 'customer' THEN fate IN ('kept', 'handed', 'released')
                    WHEN 'registration' THEN fate IN ('released', 'passed', 'expired')
                    ELSE fate IN ('redeemed', 'stays', 'revoked', 'transferred') END)
            )
            """,
            """
            CREATE INDEX exit_item_left ON exit_item (exit_id, customer_ref, kind)
            WHERE done_at IS NULL
            """,
            "ALTER TABLE exit_item ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE exit_item FORCE ROW LEVEL SECURITY",
            """
            CREATE POLICY exit_item_platform ON exit_item TO tonglu_platform
            USING (current_user = 'tonglu_platform') WITH CHECK (current_user = 'tonglu_platform')
            """,
            """
            CREATE POLICY exit_item_job ON exit_item TO tonglu_job
            USING (current_user = 'tonglu_job') WITH CHECK (current_user = 'tonglu_job')
            """,
            f"""
            CREATE POLICY exit_item_agent ON exit_item TO tonglu_app
            USING ({_OWN}) WITH CHECK ({_OWN})
            """,
            f"GRANT SELECT ({_SEEN}) ON exit_item TO tonglu_platform",
            "GRANT UPDATE (chosen, fate, successor_id, done_at) ON exit_item TO tonglu_platform",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON exit_item TO tonglu_app",
            "GRANT SELECT, UPDATE ON exit_item TO tonglu_job",
            """
            CREATE TABLE exit_consent (
                tenant_id uuid NOT NULL,
                exit_id uuid NOT NULL,
                customer_id uuid NOT NULL,
                successor_id uuid NOT NULL CHECK (successor_id <> tenant_id),
                said text NOT NULL,
                recorded_by uuid NOT NULL,
                recorded_at timestamptz NOT NULL,
                PRIMARY KEY (tenant_id, customer_id)
            )
            """,
            *tenant_table("exit_consent"),
        ],
    )

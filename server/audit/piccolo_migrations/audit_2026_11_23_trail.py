"""The audit trail and the feed of platform reads."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-23T00:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "What was done by whom, and what the platform looked at."


async def forwards() -> MigrationManager:
    """Make both tables insert-only, and the function that leaves one read in many agents' feeds."""
    return sql_migration(
        ID,
        "audit",
        DESCRIPTION,
        [
            """
            CREATE TABLE audit_entry (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                at timestamptz NOT NULL,
                actor_id uuid NOT NULL,
                actor_role text NOT NULL,
                device_id uuid,
                action text NOT NULL,
                subject_id uuid,
                detail jsonb NOT NULL,
                PRIMARY KEY (tenant_id, id)
            )
            """,
            "CREATE INDEX audit_entry_subject ON audit_entry (tenant_id, subject_id, id)",
            *tenant_table(
                "audit_entry", app="SELECT, INSERT", others=[("tonglu_platform", "INSERT")]
            ),
            # What the platform does to its own tables is told in the same transaction, in the trail
            # of its staff's tenant. Runs with the caller's rights.
            """
            CREATE FUNCTION leave_platform_entry(
                staff uuid, entry_id uuid, entry_at timestamptz, who uuid, who_role text,
                what text, subject uuid, facts jsonb
            ) RETURNS void LANGUAGE plpgsql SECURITY INVOKER AS $$
            BEGIN
                EXECUTE format('SET LOCAL app.tenant_id = %L', staff::text);
                INSERT INTO audit_entry
                    (tenant_id, id, at, actor_id, actor_role, action, subject_id, detail)
                VALUES (staff, entry_id, entry_at, who, who_role, what, subject, facts);
                EXECUTE 'SET LOCAL app.tenant_id = ''''';
            END $$
            """,
            "GRANT EXECUTE ON FUNCTION leave_platform_entry TO tonglu_platform",
            """
            CREATE TABLE platform_read (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                at timestamptz NOT NULL,
                actor_id uuid NOT NULL,
                actor_name text NOT NULL,
                actor_role text NOT NULL,
                what text NOT NULL,
                detail jsonb NOT NULL,
                PRIMARY KEY (tenant_id, id)
            )
            """,
            *tenant_table("platform_read", app="SELECT", others=[("tonglu_platform", "INSERT")]),
            # One round trip for many agents: runs with the caller's rights and sets each tenant in
            # turn.
            """
            CREATE FUNCTION leave_platform_read(
                tenants uuid[], read_id uuid, read_at timestamptz, reader uuid, reader_name text,
                reader_role text, view_code text, view_detail jsonb
            ) RETURNS void LANGUAGE plpgsql SECURITY INVOKER AS $$
            DECLARE one uuid;
            BEGIN
                FOREACH one IN ARRAY tenants LOOP
                    EXECUTE format('SET LOCAL app.tenant_id = %L', one::text);
                    INSERT INTO platform_read VALUES
                        (one, read_id, read_at, reader, reader_name, reader_role, view_code,
                        view_detail);
                END LOOP;
                EXECUTE 'SET LOCAL app.tenant_id = ''''';
            END $$
            """,
            "GRANT EXECUTE ON FUNCTION leave_platform_read TO tonglu_platform",
        ],
    )

"""Plans of the product in versions, what each agent has of them, and how far that has come."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import AGENT, append_only, reachable, sql_migration

ID = "2026-11-28T00:00:00:002300"
VERSION = "1.38.0"
DESCRIPTION = "Plans of the product, subscriptions, grants."

_OWN = f"agent_id = {AGENT}"


async def forwards() -> MigrationManager:
    """Make the tables; an agent reads its own and the published, the platform writes."""
    statements = [*_VERSION, *_SUBSCRIPTION, *_CHANGE, *_GRANT]
    return sql_migration(ID, "plans", DESCRIPTION, statements)


_VERSION = [
    """
    CREATE TABLE saas_plan_version (
        id uuid PRIMARY KEY,
        plan_id uuid NOT NULL,
        begins_on date NOT NULL,
        terms jsonb NOT NULL,
        published_by uuid NOT NULL,
        published_at timestamptz NOT NULL,
        UNIQUE (plan_id, begins_on)
    )
    """,
    *append_only("saas_plan_version"),
    *reachable("saas_plan_version", select="true"),
    "GRANT SELECT ON saas_plan_version TO tonglu_app",
    "GRANT SELECT, INSERT ON saas_plan_version TO tonglu_platform",
]

_SUBSCRIPTION = [
    """
    CREATE TABLE saas_subscription (
        agent_id uuid PRIMARY KEY,
        clock_on date NOT NULL,
        standing text NOT NULL CHECK (
            standing IN ('good', 'reminded', 'reminded_again', 'read_only', 'export_only')
        ),
        parked_reason text
    )
    """,
    """
    CREATE FUNCTION saas_subscription_ensure_forward() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.clock_on < OLD.clock_on THEN
            RAISE EXCEPTION 'the clock of % moves only forward', OLD.agent_id
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER saas_subscription_moves_forward BEFORE UPDATE ON saas_subscription
    FOR EACH ROW EXECUTE FUNCTION saas_subscription_ensure_forward()
    """,
    *reachable("saas_subscription", select=_OWN),
    "GRANT SELECT ON saas_subscription TO tonglu_app",
    "GRANT SELECT, INSERT ON saas_subscription TO tonglu_platform",
    "GRANT UPDATE (clock_on, standing, parked_reason) ON saas_subscription TO tonglu_platform",
]

_CHANGE = [
    """
    CREATE TABLE saas_change (
        id uuid PRIMARY KEY,
        agent_id uuid NOT NULL REFERENCES saas_subscription (agent_id),
        begins_on date NOT NULL,
        plan_id uuid,
        made_by uuid NOT NULL,
        made_at timestamptz NOT NULL,
        UNIQUE (agent_id, begins_on)
    )
    """,
    *append_only("saas_change"),
    *reachable("saas_change", select=_OWN),
    "GRANT SELECT ON saas_change TO tonglu_app",
    "GRANT SELECT, INSERT ON saas_change TO tonglu_platform",
]

_GRANT = [
    """
    CREATE TABLE saas_grant (
        id uuid PRIMARY KEY,
        agent_id uuid NOT NULL REFERENCES saas_subscription (agent_id),
        source text NOT NULL CHECK (source IN ('agent', 'platform', 'benefit')),
        meter text,
        units bigint CHECK (units > 0),
        feature text,
        priority integer NOT NULL,
        begins_on date NOT NULL,
        ends_on date,
        asked_ends_on date,
        made_by uuid NOT NULL,
        made_at timestamptz NOT NULL,
        CHECK ((meter IS NULL) = (units IS NULL)),
        CHECK ((meter IS NULL) <> (feature IS NULL))
    )
    """,
    "CREATE INDEX saas_grant_of_agent ON saas_grant (agent_id, id)",
    *reachable("saas_grant", select=_OWN),
    "GRANT SELECT ON saas_grant TO tonglu_app",
    "GRANT SELECT, INSERT ON saas_grant TO tonglu_platform",
    "GRANT UPDATE (ends_on) ON saas_grant TO tonglu_platform",
]

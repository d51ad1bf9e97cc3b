"""Public pools."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "Public pools: limits, what lies in them, picks, views, warnings."


async def forwards() -> MigrationManager:
    """Make the tables."""
    return sql_migration(ID, "customers", DESCRIPTION, _STATEMENTS)


_STATEMENTS = [
    """
    CREATE TABLE customer_pool (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        name text NOT NULL,
        team_ids jsonb NOT NULL,
        held_max integer CHECK (held_max > 0),
        picks_per_day integer CHECK (picks_per_day > 0),
        views_per_day integer CHECK (views_per_day > 0),
        cooling_days integer NOT NULL CHECK (cooling_days >= 0),
        warn_days integer NOT NULL CHECK (warn_days >= 0),
        recycle_rules jsonb NOT NULL,
        made_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        UNIQUE (tenant_id, name)
    )
    """,
    *tenant_table("customer_pool"),
    """
    CREATE TABLE pool_entry (
        tenant_id uuid NOT NULL,
        customer_id uuid NOT NULL,
        pool_id uuid NOT NULL,
        entered_at timestamptz NOT NULL,
        reason text NOT NULL CHECK (reason IN ('released', 'inactivity', 'contract_end')),
        former_owner_id uuid,
        PRIMARY KEY (tenant_id, customer_id),
        FOREIGN KEY (tenant_id, pool_id) REFERENCES customer_pool (tenant_id, id)
    )
    """,
    "CREATE INDEX pool_entry_list ON pool_entry (tenant_id, pool_id, entered_at, customer_id)",
    *tenant_table("pool_entry"),
    """
    CREATE TABLE pool_pick (
        tenant_id uuid NOT NULL,
        user_id uuid NOT NULL,
        picked_at timestamptz NOT NULL,
        customer_id uuid NOT NULL,
        pool_id uuid NOT NULL,
        PRIMARY KEY (tenant_id, user_id, picked_at, customer_id)
    )
    """,
    *tenant_table("pool_pick", app="SELECT, INSERT"),
    """
    CREATE TABLE pool_view (
        tenant_id uuid NOT NULL,
        user_id uuid NOT NULL,
        day date NOT NULL,
        pool_id uuid NOT NULL,
        customer_id uuid NOT NULL,
        PRIMARY KEY (tenant_id, user_id, day, pool_id, customer_id)
    )
    """,
    *tenant_table("pool_view", app="SELECT, INSERT"),
    """
    CREATE TABLE pool_warning (
        tenant_id uuid NOT NULL,
        customer_id uuid NOT NULL,
        owner_id uuid NOT NULL,
        pool_id uuid NOT NULL,
        due_on date NOT NULL,
        reason text NOT NULL CHECK (reason IN ('inactivity', 'contract_end')),
        warned_on date NOT NULL,
        PRIMARY KEY (tenant_id, customer_id)
    )
    """,
    "CREATE INDEX pool_warning_owner ON pool_warning (tenant_id, owner_id, due_on, customer_id)",
    *tenant_table("pool_warning"),
    """
    CREATE TABLE pool_guard (
        tenant_id uuid NOT NULL,
        customer_id uuid NOT NULL,
        kept_until date NOT NULL,
        PRIMARY KEY (tenant_id, customer_id)
    )
    """,
    *tenant_table("pool_guard"),
]

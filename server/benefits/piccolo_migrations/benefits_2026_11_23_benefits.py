"""Programs and the requests for their benefits."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-23T00:00:00:000111"
VERSION = "1.38.0"
DESCRIPTION = "Benefit programs and requests."


async def forwards() -> MigrationManager:
    """Make both tables."""
    return sql_migration(ID, "benefits", DESCRIPTION, [*_PROGRAM, *_REQUEST])


_PROGRAM = [
    """
    CREATE TABLE benefit_program (
        id uuid PRIMARY KEY,
        name text NOT NULL CHECK (name <> ''),
        amount_minor bigint NOT NULL CHECK (amount_minor > 0),
        currency text COLLATE "C" NOT NULL,
        limit_per_customer integer NOT NULL CHECK (limit_per_customer BETWEEN 1 AND 100),
        opens_at timestamptz NOT NULL,
        closes_at timestamptz CHECK (closes_at > opens_at),
        token_key bytea NOT NULL CHECK (length(token_key) = 32),
        created_by uuid NOT NULL,
        created_at timestamptz NOT NULL
    )
    """,
    "GRANT INSERT ON benefit_program TO tonglu_platform",
    """
    GRANT SELECT (
        id, name, amount_minor, currency, limit_per_customer, opens_at, closes_at, created_by,
        created_at
    ) ON benefit_program TO tonglu_platform
    """,
    "GRANT SELECT ON benefit_program TO tonglu_app",
]

_REQUEST = [
    # The program is a global row, which a tenant's foreign key does not point to.
    """
    CREATE TABLE benefit_request (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        customer_id uuid NOT NULL,
        program_id uuid NOT NULL,
        amount_minor bigint NOT NULL CHECK (amount_minor > 0),
        currency text COLLATE "C" NOT NULL,
        state text COLLATE "C" NOT NULL CHECK (state IN ('requested', 'issued', 'refused')),
        refusal_code text COLLATE "C",
        requested_by uuid NOT NULL,
        requested_at timestamptz NOT NULL,
        decided_at timestamptz,
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id),
        CHECK ((state = 'refused') = (refusal_code IS NOT NULL)),
        CHECK ((state = 'requested') = (decided_at IS NULL))
    )
    """,
    """
    CREATE INDEX benefit_request_of_customer
    ON benefit_request (tenant_id, customer_id, requested_at DESC, id DESC)
    """,
    """
    CREATE INDEX benefit_request_by_time
    ON benefit_request (tenant_id, requested_at DESC, id DESC)
    """,
    *tenant_table("benefit_request", app="SELECT, INSERT"),
    "GRANT UPDATE (state, refusal_code, decided_at) ON benefit_request TO tonglu_app",
    # Customers that are one keep their benefits.
    "GRANT UPDATE (customer_id) ON benefit_request TO tonglu_app",
]

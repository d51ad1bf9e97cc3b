"""Products, price books with their prices, quotes and what was done with them."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.changelog.kinds import SYNC_COLUMNS, sync_indexes
from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000031"
VERSION = "1.38.0"
DESCRIPTION = "Products, price books, quotes."


async def forwards() -> MigrationManager:
    """Make the room's tables."""
    return sql_migration(ID, "sales", DESCRIPTION, [*_PRODUCT, *_PRICE, *_QUOTE, *_EVENT])


_PRODUCT = [
    f"""
    CREATE TABLE product (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        name text NOT NULL,
        code text COLLATE "C",
        unit text,
        tax_bp bigint NOT NULL CHECK (tax_bp BETWEEN 0 AND 10000),
        prices jsonb,
        state text COLLATE "C" NOT NULL CHECK (state IN ('active', 'retired')),
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id)
    )
    """,
    *sync_indexes("product"),
    "CREATE UNIQUE INDEX product_code ON product (tenant_id, code)",
    *tenant_table("product"),
    f"""
    CREATE TABLE price_book (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        name text NOT NULL,
        currency text COLLATE "C" NOT NULL,
        valid_from text COLLATE "C",
        valid_until text COLLATE "C",
        state text COLLATE "C" NOT NULL CHECK (state IN ('active', 'retired')),
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id)
    )
    """,
    *sync_indexes("price_book"),
    *tenant_table("price_book"),
]
_PRICE = [
    """
    CREATE TABLE price (
        tenant_id uuid NOT NULL,
        price_book_id uuid NOT NULL,
        product_id uuid NOT NULL,
        version bigint NOT NULL,
        list_minor bigint NOT NULL,
        floor_minor bigint NOT NULL CHECK (floor_minor BETWEEN 0 AND list_minor),
        set_by uuid NOT NULL,
        set_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, price_book_id, product_id, version),
        FOREIGN KEY (tenant_id, price_book_id) REFERENCES price_book (tenant_id, id),
        FOREIGN KEY (tenant_id, product_id) REFERENCES product (tenant_id, id)
    )
    """,
    *tenant_table("price", app="SELECT, INSERT"),
]
_QUOTE = [
    f"""
    CREATE TABLE quote (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        customer_id uuid NOT NULL,
        opportunity_id uuid NOT NULL,
        price_book_id uuid NOT NULL,
        name text NOT NULL,
        lines text NOT NULL,
        discount_minor bigint CHECK (discount_minor >= 0),
        valid_until text COLLATE "C",
        remark text,
        state text COLLATE "C" NOT NULL,
        state_since timestamptz NOT NULL,
        currency text COLLATE "C" NOT NULL,
        total_minor bigint NOT NULL CHECK (total_minor >= 0),
        approved_hash text COLLATE "C",
        edited_by uuid NOT NULL,
        submitted_by uuid,
        decided_by uuid,
        decision text,
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id),
        FOREIGN KEY (tenant_id, opportunity_id) REFERENCES opportunity (tenant_id, id),
        FOREIGN KEY (tenant_id, price_book_id) REFERENCES price_book (tenant_id, id)
    )
    """,
    *sync_indexes("quote"),
    "CREATE INDEX quote_customer ON quote (tenant_id, customer_id, id)",
    "CREATE INDEX quote_opportunity ON quote (tenant_id, opportunity_id, id)",
    "CREATE INDEX quote_state ON quote (tenant_id, state, valid_until, id) WHERE NOT deleted",
    *tenant_table("quote"),
]
_EVENT = [
    """
    CREATE TABLE quote_event (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        quote_id uuid NOT NULL,
        seq bigint NOT NULL,
        verb text COLLATE "C" NOT NULL,
        from_state text COLLATE "C" NOT NULL,
        state text COLLATE "C" NOT NULL,
        content_hash text COLLATE "C" NOT NULL,
        total_minor bigint NOT NULL,
        remark text,
        done_by uuid NOT NULL,
        done_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
    )
    """,
    "CREATE INDEX quote_event_of ON quote_event (tenant_id, quote_id, seq)",
    *tenant_table("quote_event", app="SELECT, INSERT"),
]

"""Rates, and the exchanges that were made at them."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import append_only, reachable, sql_migration

ID = "2026-11-28T00:00:00:000530"
VERSION = "1.38.0"
DESCRIPTION = "Rates and exchanges of currencies."


async def forwards() -> MigrationManager:
    """Make both, which only the platform reaches."""
    return sql_migration(ID, "exchange", DESCRIPTION, [*_RATE, *_EXCHANGE])


_RATE = [
    """
    CREATE TABLE ledger_rate (
        base text COLLATE "C" NOT NULL CHECK (base ~ '^[A-Z]{3,8}$'),
        quote text COLLATE "C" NOT NULL CHECK (quote ~ '^[A-Z]{3,8}$'),
        effective_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        num bigint NOT NULL CHECK (num BETWEEN 1 AND 9007199254740991),
        den bigint NOT NULL CHECK (den BETWEEN 1 AND 9007199254740991),
        source text NOT NULL,
        PRIMARY KEY (base, quote, effective_at, recorded_at),
        CHECK (base <> quote)
    )
    """,
    *append_only("ledger_rate"),
    *reachable("ledger_rate"),
    "GRANT SELECT, INSERT ON ledger_rate TO tonglu_platform",
]

_EXCHANGE = [
    """
    CREATE TABLE ledger_exchange (
        group_id uuid PRIMARY KEY,
        given_id uuid NOT NULL UNIQUE REFERENCES ledger_transfer (id),
        received_id uuid NOT NULL UNIQUE REFERENCES ledger_transfer (id),
        given_minor bigint NOT NULL,
        received_minor bigint NOT NULL,
        num bigint NOT NULL CHECK (num > 0),
        den bigint NOT NULL CHECK (den > 0),
        rest_num bigint NOT NULL CHECK (rest_num >= 0 AND rest_num < den),
        CHECK (given_minor::numeric * num = received_minor::numeric * den + rest_num)
    )
    """,
    *append_only("ledger_exchange"),
    # The row says what its two transfers did, both by way of an exchange account.
    """
    CREATE FUNCTION ledger_ensure_exchanged() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM ledger_transfer given
            JOIN ledger_transfer received ON received.id = NEW.received_id
            JOIN ledger_account into_exchange ON into_exchange.id = given.credit_id
            JOIN ledger_account out_of_exchange ON out_of_exchange.id = received.debit_id
            WHERE given.id = NEW.given_id
            AND (given.group_id, received.group_id) = (NEW.group_id, NEW.group_id)
            AND (given.amount_minor, received.amount_minor)
                = (NEW.given_minor, NEW.received_minor)
            AND given.currency <> received.currency
            AND (into_exchange.kind, out_of_exchange.kind) = ('exchange', 'exchange')
        ) THEN
            RAISE EXCEPTION 'the ledger does not say that this was exchanged'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER ledger_exchange_follows_ledger BEFORE INSERT ON ledger_exchange
    FOR EACH ROW EXECUTE FUNCTION ledger_ensure_exchanged()
    """,
    *reachable("ledger_exchange"),
    "GRANT SELECT, INSERT ON ledger_exchange TO tonglu_platform",
]

"""The log: which transfers wait to be sealed, leaves, full subtrees and blocks.

A place in the log is given after the commit of what it is for, by the one process that seals. So no
open transaction can leave a gap, and nobody who writes to the books waits for a hash.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import append_only, reachable, sql_migration

ID = "2026-11-28T00:00:00:000540"
VERSION = "1.38.0"
DESCRIPTION = "The Merkle log over all entries."


async def forwards() -> MigrationManager:
    """Make the log; what is in the books already waits to be sealed."""
    return sql_migration(ID, "sealing", DESCRIPTION, [*_LEAF, *_UNSEALED, *_NODE, *_BLOCK])


_LEAF = [
    """
    CREATE TABLE ledger_leaf (
        seq bigint PRIMARY KEY CHECK (seq >= 0),
        transfer_id uuid NOT NULL,
        account_id uuid NOT NULL,
        version bigint NOT NULL,
        hash bytea NOT NULL CHECK (length(hash) = 32),
        UNIQUE (account_id, version),
        UNIQUE (transfer_id, account_id),
        FOREIGN KEY (account_id, version) REFERENCES ledger_entry (account_id, version)
    )
    """,
    *append_only("ledger_leaf"),
    *reachable("ledger_leaf"),
    "GRANT SELECT, INSERT ON ledger_leaf TO tonglu_platform",
]

_UNSEALED = [
    "CREATE TABLE ledger_unsealed (transfer_id uuid PRIMARY KEY)",
    """
    ALTER TABLE ledger_transfer NO FORCE ROW LEVEL SECURITY
    """,
    "INSERT INTO ledger_unsealed SELECT id FROM ledger_transfer",
    "ALTER TABLE ledger_transfer FORCE ROW LEVEL SECURITY",
    """
    CREATE FUNCTION ledger_await_seal() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO ledger_unsealed SELECT id FROM added;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER ledger_transfer_awaits_seal AFTER INSERT ON ledger_transfer
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_await_seal()
    """,
    """
    CREATE TRIGGER ledger_unsealed_comes_by_transfer BEFORE INSERT ON ledger_unsealed
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_outside_transfer()
    """,
    """
    CREATE FUNCTION ledger_ensure_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM gone WHERE 2 <> (
                SELECT count(*) FROM ledger_leaf leaf WHERE leaf.transfer_id = gone.transfer_id
            )
        ) THEN
            RAISE EXCEPTION 'a transfer waits until both of its entries are in the log'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER ledger_unsealed_goes_when_sealed AFTER DELETE ON ledger_unsealed
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION ledger_ensure_sealed()
    """,
    """
    CREATE TRIGGER ledger_unsealed_stays BEFORE UPDATE OR TRUNCATE ON ledger_unsealed
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()
    """,
    *reachable("ledger_unsealed", insert="true"),
    "GRANT INSERT ON ledger_unsealed TO tonglu_app",
    "GRANT SELECT, INSERT, DELETE ON ledger_unsealed TO tonglu_platform",
]

_NODE = [
    """
    CREATE TABLE ledger_node (
        level integer NOT NULL CHECK (level BETWEEN 1 AND 62),
        place bigint NOT NULL CHECK (place >= 0),
        hash bytea NOT NULL CHECK (length(hash) = 32),
        PRIMARY KEY (level, place)
    )
    """,
    *append_only("ledger_node"),
    *reachable("ledger_node"),
    "GRANT SELECT, INSERT ON ledger_node TO tonglu_platform",
]

_BLOCK = [
    """
    CREATE TABLE ledger_block (
        n bigint PRIMARY KEY CHECK (n >= 1),
        first_seq bigint NOT NULL UNIQUE,
        size bigint NOT NULL UNIQUE,
        block_root bytea NOT NULL CHECK (length(block_root) = 32),
        log_root bytea NOT NULL CHECK (length(log_root) = 32),
        previous bytea NOT NULL CHECK (length(previous) = 32),
        sealed_at timestamptz NOT NULL,
        public_key text NOT NULL,
        signature text NOT NULL,
        CHECK (first_seq < size)
    )
    """,
    *append_only("ledger_block"),
    # Blocks follow each other, and each covers exactly its leaves.
    """
    CREATE FUNCTION ledger_ensure_block() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (NEW.n, NEW.first_seq) <> (
            SELECT coalesce(max(n), 0) + 1, coalesce(max(size), 0) FROM ledger_block
        ) OR NEW.size - NEW.first_seq <> (
            SELECT count(*) FROM ledger_leaf WHERE seq >= NEW.first_seq
        ) OR NEW.size - 1 <> (SELECT max(seq) FROM ledger_leaf)
        THEN
            RAISE EXCEPTION 'a block covers what the log has grown by'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER ledger_block_follows BEFORE INSERT ON ledger_block
    FOR EACH ROW EXECUTE FUNCTION ledger_ensure_block()
    """,
    *reachable("ledger_block"),
    "GRANT SELECT, INSERT ON ledger_block TO tonglu_platform",
]

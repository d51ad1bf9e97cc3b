"""What is withheld of commission that natural persons are paid, and who they are."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import append_only, reachable, sql_migration

ID = "2026-11-29T00:00:00:008000"
VERSION = "1.38.0"
DESCRIPTION = "Natural persons, and tax that is withheld of their payments."


async def forwards() -> MigrationManager:
    """Add the account's kind, who is a natural person, and what of a payment is withheld."""
    return sql_migration(ID, "commissions", DESCRIPTION, [*_KIND, *_PERSON, *_PAYMENT])


_KIND = [
    # Under FORCE the owner adds no rows.
    "ALTER TABLE ledger_account_kind NO FORCE ROW LEVEL SECURITY",
    """
    INSERT INTO ledger_account_kind (kind, owner_is, subject_is, wants)
    VALUES ('withheld_tax', NULL, NULL, '{}')
    """,
    "ALTER TABLE ledger_account_kind FORCE ROW LEVEL SECURITY",
]

_PERSON = [
    """
    CREATE TABLE natural_person (
        id uuid PRIMARY KEY,
        agent_id uuid NOT NULL,
        is_one boolean NOT NULL,
        said_by uuid NOT NULL,
        said_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX natural_person_of_agent ON natural_person (agent_id, said_at, id)",
    *append_only("natural_person"),
    *reachable("natural_person"),
    "GRANT SELECT, INSERT ON natural_person TO tonglu_platform",
]

_PAYMENT = [
    """
    ALTER TABLE payout_payment ADD COLUMN withheld_minor bigint NOT NULL DEFAULT 0
    CHECK (withheld_minor >= 0 AND withheld_minor < amount_minor)
    """,
]

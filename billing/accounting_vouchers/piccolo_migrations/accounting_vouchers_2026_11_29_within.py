"""What moves within one account of the chart is written down beside the vouchers."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import reachable, sql_migration

ID = "2026-11-29T00:00:00:004800"
VERSION = "1.38.0"
DESCRIPTION = "Transfers that a run of vouchers left out, posted to one account twice."


async def forwards() -> MigrationManager:
    """Make the table, which is the platform's alone."""
    return sql_migration(ID, "accounting_vouchers", DESCRIPTION, _WITHIN)


_WITHIN = [
    """
    CREATE TABLE accounting_voucher_within (
        run_id uuid NOT NULL REFERENCES accounting_voucher_run (id),
        transfer_id uuid NOT NULL REFERENCES ledger_transfer (id),
        is_live boolean NOT NULL,
        PRIMARY KEY (run_id, transfer_id)
    )
    """,
    # A transfer is left out once, whatever the race.
    """
    CREATE UNIQUE INDEX accounting_voucher_within_once
    ON accounting_voucher_within (transfer_id) WHERE is_live
    """,
    """
    CREATE FUNCTION accounting_voucher_ensure_refused() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.is_live OR NOT EXISTS (
            SELECT FROM accounting_voucher_run
            WHERE id = NEW.run_id AND refused_by IS NOT NULL
        ) THEN
            RAISE EXCEPTION 'a run that stands keeps what it left out'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER accounting_voucher_within_stays BEFORE UPDATE ON accounting_voucher_within
    FOR EACH ROW EXECUTE FUNCTION accounting_voucher_ensure_refused()
    """,
    *reachable("accounting_voucher_within"),
    "GRANT SELECT, INSERT ON accounting_voucher_within TO tonglu_platform",
    "GRANT UPDATE (is_live) ON accounting_voucher_within TO tonglu_platform",
]

"""Charts that were begun before tax was withheld get the account that it is posted to."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:013200"
VERSION = "1.38.0"
DESCRIPTION = "Account and posting rule of withheld tax, where a standard's chart was begun."


async def forwards() -> MigrationManager:
    """Add what both standards' charts begin with by now, as far as a chart has kept to them."""
    return sql_migration(ID, "accounting_vouchers", DESCRIPTION, WITHHELD)


_READ = ("chart_account", "posting_rule", "accounting_voucher_line")
_BEGUN = """
SELECT min(begins_on) AS begins_on FROM posting_rule
WHERE kind = 'commission' AND account_code = '224101' AND event IS NULL AND dims = '{}'
    AND NOT EXISTS (SELECT FROM posting_rule WHERE kind = 'withheld_tax')
HAVING count(*) > 0
"""
_NOBODY = "'00000000-0000-0000-0000-000000000000'"
"""The product itself, as in every trail."""

WITHHELD = [
    # Under FORCE the owner sees no rows and adds none.
    *(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY" for table in _READ),
    f"""
    INSERT INTO chart_account (code, name, category, side, wants, added_by, added_at)
    SELECT '222101', '代扣个人所得税', 'liability', 'credit', '{{}}', {_NOBODY}, now()
    FROM chart_account above, ({_BEGUN}) begun
    WHERE above.code = '2221' AND above.name = '应交税费'
        AND NOT EXISTS (SELECT FROM chart_account WHERE code = '222101')
        AND NOT EXISTS (SELECT FROM posting_rule WHERE account_code = '2221')
        AND NOT EXISTS (SELECT FROM accounting_voucher_line WHERE account_code = '2221')
    """,
    # A company may have used the code for something else: it maps the tax itself.
    f"""
    INSERT INTO posting_rule (id, kind, dims, begins_on, account_code, published_by, published_at)
    SELECT gen_random_uuid(), 'withheld_tax', '{{}}', begins_on, '222101', {_NOBODY}, now()
    FROM chart_account account, ({_BEGUN}) begun
    WHERE account.code = '222101' AND account.name = '代扣个人所得税' AND wants = '{{}}'
        AND NOT EXISTS (SELECT FROM chart_account WHERE parent = '222101')
    """,
    *(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY" for table in _READ),
]

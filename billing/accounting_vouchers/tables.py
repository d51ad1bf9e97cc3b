"""Tables of accounting vouchers, as facts on disk. What keeps them true is in the migration."""

from piccolo.columns import (
    JSONB,
    UUID,
    Array,
    BigInt,
    Boolean,
    Bytea,
    Date,
    Integer,
    Text,
    Timestamptz,
)
from piccolo.table import Table


class ChartAccount(Table, tablename="chart_account"):
    """An account of the chart (科目) that vouchers are written on. Insert only."""

    code = Text(primary_key=True)
    parent = Text(null=True)
    """The code without its last level, by the database."""
    name = Text()
    category = Text()
    side = Text()
    wants = Array(base_column=Text())
    """Auxiliary dimensions of each line on it."""
    added_by = UUID()
    added_at = Timestamptz()


class PostingRule(Table, tablename="posting_rule"):
    """Where legs on ledger accounts of a kind are posted, from a day on. Insert only."""

    id = UUID(primary_key=True)
    kind = Text()
    event = Text(null=True)
    dims = JSONB()
    begins_on = Date()
    account_code = Text()
    published_by = UUID()
    published_at = Timestamptz()


class AccountingVoucherTemplate(Table, tablename="accounting_voucher_template"):
    """How an event's transfers become vouchers, from a day on. Insert only."""

    id = UUID(primary_key=True)
    event = Text()
    begins_on = Date()
    summary = Text()
    word = Text()
    detail = Text()
    published_by = UUID()
    published_at = Timestamptz()


class AccountingVoucherRun(Table, tablename="accounting_voucher_run"):
    """Vouchers put up together by one person and checked, or refused, once."""

    id = UUID(primary_key=True)
    period_id = UUID()
    hash = Bytea()
    made_by = UUID()
    maker_name = Text()
    made_at = Timestamptz()
    checked_by = UUID(null=True)
    """Never who made it."""
    checker_name = Text(null=True)
    checked_at = Timestamptz(null=True)
    refused_by = UUID(null=True)
    refused_at = Timestamptz(null=True)
    reason = Text(null=True)


class AccountingVoucher(Table, tablename="accounting_voucher"):
    """An accounting voucher (凭证). Insert only: what is wrong is taken back by a red one."""

    id = UUID(primary_key=True)
    run_id = UUID()
    position = Integer()
    """In which order its run is numbered."""
    period_id = UUID()
    word = Text()
    on_day = Date()
    currency = Text()
    reversal_of = UUID(null=True)


class AccountingVoucherLine(Table, tablename="accounting_voucher_line"):
    """A line of a voucher; one of its sides is nothing. Insert only."""

    voucher_id = UUID(primary_key=True)
    n = Integer()
    summary = Text()
    account_code = Text()
    debit_minor = BigInt()
    credit_minor = BigInt()
    dims = JSONB()


class AccountingVoucherTransfer(Table, tablename="accounting_voucher_transfer"):
    """A transfer that is in a voucher; in one that stands at most."""

    voucher_id = UUID(primary_key=True)
    transfer_id = UUID()
    debit_line = Integer()
    credit_line = Integer()
    is_live = Boolean()
    """False once the voucher was refused or taken back."""


class AccountingVoucherWithin(Table, tablename="accounting_voucher_within"):
    """A transfer whose legs are posted to one account, so that it is in no voucher."""

    run_id = UUID(primary_key=True)
    """The run that left it out."""
    transfer_id = UUID()
    is_live = Boolean()
    """False once the run was refused."""


class AccountingVoucherCounter(Table, tablename="accounting_voucher_counter"):
    """The last number of a period and word."""

    period_id = UUID(primary_key=True)
    word = Text()
    last = Integer()


class AccountingVoucherNumber(Table, tablename="accounting_voucher_number"):
    """A checked voucher's number, without gaps by period and word. Insert only."""

    voucher_id = UUID(primary_key=True)
    period_id = UUID()
    word = Text()
    no = Integer()


class AccountingExport(Table, tablename="accounting_export"):
    """What was exported, as what, and the digest of its bytes. Insert only."""

    id = UUID(primary_key=True)
    period_id = UUID()
    format = Text()
    currency = Text()
    ranges = JSONB()
    account_book = Text()
    sha256 = Text()
    size = BigInt()
    replaced = JSONB()
    made_by = UUID()
    made_at = Timestamptz()

"""Tables of invoices, as facts on disk. What is owed stands on the ledger's accounts, too."""

from piccolo.columns import UUID, BigInt, Date, Integer, Text, Timestamptz
from piccolo.table import Table


class InvoiceSeries(Table, tablename="invoice_series"):
    """The last number that a series has given: without gaps, since it is taken at the end."""

    series = Text(primary_key=True)
    last_number = BigInt()


class Invoice(Table, tablename="invoice"):
    """What one bearer owes for a month. Once it is final, only what is left of it moves."""

    id = UUID(primary_key=True)
    agent_id = UUID()
    bearer = Text()
    currency = Text()
    month = Date()
    issued_on = Date()
    due_on = Date()
    net_minor = BigInt()
    tax_minor = BigInt()
    total_minor = BigInt()
    left_minor = BigInt()
    """To be paid; below nothing where more was paid than is owed after a credit."""
    state = Text()
    """`draft` or `final`."""
    series = Text(null=True)
    number = BigInt(null=True)
    finalised_by = UUID(null=True)
    finalised_at = Timestamptz(null=True)


class InvoiceLine(Table, tablename="invoice_line"):
    """What some days of a plan, or of units beyond it, cost. Insert only."""

    invoice_id = UUID(primary_key=True)
    place = Integer()
    version_id = UUID()
    grant_id = UUID(null=True)
    meter = Text(null=True)
    units = BigInt()
    begins_on = Date()
    ends_before = Date()
    net_minor = BigInt()
    tax_ppm = Integer()
    tax_minor = BigInt()


class InvoicePayment(Table, tablename="invoice_payment"):
    """Money that came in for an invoice. Insert only."""

    id = UUID(primary_key=True)
    invoice_id = UUID()
    agent_id = UUID()
    amount_minor = BigInt()
    paid_on = Date()
    recorded_by = UUID()
    recorded_at = Timestamptz()


class CreditNote(Table, tablename="credit_note"):
    """What of an invoice is void. Insert only."""

    id = UUID(primary_key=True)
    invoice_id = UUID()
    agent_id = UUID()
    number = BigInt()
    amount_minor = BigInt()
    tax_minor = BigInt()
    """The tax in it."""
    reason = Text()
    made_by = UUID()
    made_at = Timestamptz()


class InvoiceFapiao(Table, tablename="invoice_fapiao"):
    """The number of the e-invoice that somebody else issued for an invoice. Insert only."""

    invoice_id = UUID(primary_key=True)
    agent_id = UUID()
    number = Text()
    recorded_by = UUID()
    recorded_at = Timestamptz()


class DunningStep(Table, tablename="dunning_step"):
    """Where an agent stood from a day on. Insert only."""

    agent_id = UUID(primary_key=True)
    place = Integer()
    on_day = Date()
    standing = Text()

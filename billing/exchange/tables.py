"""Tables of exchange, as facts on disk."""

from piccolo.columns import UUID, BigInt, Text, Timestamptz
from piccolo.table import Table


class LedgerRate(Table, tablename="ledger_rate"):
    """What one currency was worth in another from a time on. Insert only."""

    base = Text(primary_key=True)
    quote = Text()
    effective_at = Timestamptz()
    recorded_at = Timestamptz()
    num = BigInt()
    """So many minor units of the quote ..."""
    den = BigInt()
    """... for so many of the base."""
    source = Text()
    """Who said so."""


class LedgerExchange(Table, tablename="ledger_exchange"):
    """Two transfers that exchanged one currency for another, and at which rate. Insert only."""

    group_id = UUID(primary_key=True)
    given_id = UUID()
    """The transfer to the exchange account of the one currency."""
    received_id = UUID()
    """The transfer from the exchange account of the other."""
    given_minor = BigInt()
    received_minor = BigInt()
    num = BigInt()
    den = BigInt()
    rest_num = BigInt()
    """What rounding left on the exchange account: so many parts of `den` of a minor unit."""

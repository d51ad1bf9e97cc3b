"""Tables of what is sold, as facts on disk. The truth about keys is in the migrations."""

from piccolo.columns import JSONB, UUID, BigInt, Text, Timestamptz
from piccolo.table import Table

from server.changelog.tables import Synced


class Product(Synced, Table, tablename="product"):
    """Something that the company sells."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    name = Text()
    code = Text(null=True)
    unit = Text(null=True)
    tax_bp = BigInt()
    """Hundredths of a percent, contained in prices."""
    prices = JSONB(null=True)
    """``[[price book, list price]]``, for phones; floors stay here."""
    state = Text()


class PriceBook(Synced, Table, tablename="price_book"):
    """Prices that hold together: a currency, and the days on which they hold."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    name = Text()
    currency = Text()
    valid_from = Text(null=True)
    valid_until = Text(null=True)
    state = Text()


class Price(Table, tablename="price"):
    """A version of a product's price in a book. Insert only: the highest version holds."""

    tenant_id = UUID()
    price_book_id = UUID(primary_key=True)
    product_id = UUID()
    version = BigInt()
    list_minor = BigInt()
    floor_minor = BigInt()
    """Below it somebody else must approve; never told to who may not see it."""
    set_by = UUID()
    set_at = Timestamptz()


class Quote(Synced, Table, tablename="quote"):
    """What a customer is offered in a deal."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    customer_id = UUID()
    opportunity_id = UUID()
    price_book_id = UUID()
    name = Text()
    lines = Text()
    """JSON, see ``sync_protocol.quoting.lines``."""
    discount_minor = BigInt(null=True)
    valid_until = Text(null=True)
    remark = Text(null=True)
    state = Text()
    state_since = Timestamptz()
    currency = Text()
    total_minor = BigInt()
    approved_hash = Text(null=True)
    """Of what was approved; void as soon as the quote says something else."""
    edited_by = UUID()
    """Who last changed what it says."""
    submitted_by = UUID(null=True)
    decided_by = UUID(null=True)
    decision = Text(null=True)
    """What the one who approved or declined said."""


class QuoteEvent(Table, tablename="quote_event"):
    """Something was done with a quote. Insert only."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    """Made by who asked, so that asking twice does it once."""
    quote_id = UUID()
    seq = BigInt()
    verb = Text()
    from_state = Text()
    state = Text()
    content_hash = Text()
    """What the quote said at that moment."""
    total_minor = BigInt()
    remark = Text(null=True)
    done_by = UUID()
    done_at = Timestamptz()

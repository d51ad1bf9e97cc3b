"""Tables of sheets of sales, as facts on disk. The platform alone sees them."""

from piccolo.columns import JSONB, UUID, BigInt, Boolean, Bytea, Text, Timestamptz
from piccolo.table import Table


class CommissionSheetMap(Table, tablename="commission_sheet_map"):
    """How sheets of one kind are read. Insert only."""

    id = UUID(primary_key=True)
    name = Text()
    column_map = JSONB()
    saved_by = UUID()
    saved_at = Timestamptz()


class CommissionSheet(Table, tablename="commission_sheet"):
    """A spreadsheet of sales and refunds that was handed in, and how far it has come."""

    id = UUID(primary_key=True)
    map_id = UUID()
    file_name = Text()
    sha256 = Bytea()
    """Of its bytes."""
    header = JSONB()
    """What its columns are called."""
    state = Text()
    rows = BigInt()
    """So many are sales or refunds."""
    are_others = Boolean()
    """Whether its sales that are alike to others are not the same."""
    handed_in_by = UUID()
    handed_in_at = Timestamptz()
    finished_at = Timestamptz(null=True)


class CommissionSheetPart(Table, tablename="commission_sheet_part"):
    """Some rows of a sheet, which are recorded in one transaction; refunds stand behind sales."""

    sheet_id = UUID(primary_key=True)
    number = BigInt()
    rows = Bytea(null=True)
    """What is read of them, packed; null once they are recorded."""
    outcomes = JSONB(null=True)
    """What became of each row; null while they wait, and never another thing later."""
    counts = JSONB(null=True)
    """How many rows came to what."""

"""Tables of imports, as facts on disk. Keys and indexes are those of the migrations."""

from piccolo.columns import JSONB, UUID, BigInt, Bytea, Text, Timestamptz
from piccolo.table import Table


class SheetImport(Table, tablename="sheet_import"):
    """A spreadsheet that was handed in, and how far its import has come."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    target = Text()
    """What its rows become."""
    file_name = Text()
    file_sha256 = Text()
    byte_count = BigInt()
    format = Text()
    encoding = Text(null=True)
    delimiter = Text(null=True)
    header = JSONB()
    row_count = BigInt()
    state = Text()
    plan = JSONB(null=True)
    """The mapping of columns and the policy for duplicates; set when it is started."""
    created_by = UUID()
    created_at = Timestamptz()
    started_at = Timestamptz(null=True)
    finished_at = Timestamptz(null=True)


class SheetImportChunk(Table, tablename="sheet_import_chunk"):
    """Up to 1,000 rows of an import: one transaction."""

    tenant_id = UUID()
    import_id = UUID()
    number = BigInt(primary_key=True)
    rows = Bytea()
    """The rows as read: MessagePack, deflated."""
    outcome = Bytea(null=True)
    """What is to be told about its rows: MessagePack; null until the chunk is done."""
    counts = JSONB(null=True)

"""Tables of the log, as facts on disk. All but the first are insert only."""

from piccolo.columns import UUID, BigInt, Bytea, Integer, Text, Timestamptz
from piccolo.table import Table


class LedgerUnsealed(Table, tablename="ledger_unsealed"):
    """A transfer that no block covers yet. Written with it, taken away when it is sealed."""

    transfer_id = UUID(primary_key=True)


class LedgerLeaf(Table, tablename="ledger_leaf"):
    """An entry's place in the log."""

    seq = BigInt(primary_key=True)
    """From 0, without gaps: given when it is sealed, after its commit."""
    transfer_id = UUID()
    account_id = UUID()
    version = BigInt()
    hash = Bytea()


class LedgerNode(Table, tablename="ledger_node"):
    """The hash over a full subtree of 2^level leaves, from `place` * 2^level on."""

    level = Integer(primary_key=True)
    place = BigInt()
    hash = Bytea()


class LedgerBlock(Table, tablename="ledger_block"):
    """What was sealed at once, with the signed head of the log."""

    n = BigInt(primary_key=True)
    first_seq = BigInt()
    size = BigInt()
    """How many leaves the log has with this block; its own are `first_seq` to `size` - 1."""
    block_root = Bytea()
    """Over its own leaves."""
    log_root = Bytea()
    """Over all leaves so far."""
    previous = Bytea()
    """SHA-256 of the head before; zeros for the first."""
    sealed_at = Timestamptz()
    public_key = Text()
    signature = Text()

"""Seal what was written to the books. Joins the platform's transaction; nobody waits for it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from billing.sealing import queries, schemas, tree
from billing.sealing.queries import Leaf
from billing.sealing.schemas import Head
from billing.sealing.tables import LedgerBlock, LedgerLeaf, LedgerNode, LedgerUnsealed

TRANSFERS_MAX: Final = 2_048
"""As many are sealed in one block, two leaves each."""

# `tongsl` in ASCII: one process seals at a time.
_ALONE: Final = "SELECT pg_advisory_xact_lock(128021942465388)"
_WAITING: Final = "SELECT transfer_id FROM ledger_unsealed ORDER BY transfer_id LIMIT {}"
_ADD_LEAVES: Final = """
INSERT INTO ledger_leaf (seq, transfer_id, account_id, version, hash)
SELECT * FROM unnest({}::bigint[], {}::uuid[], {}::uuid[], {}::bigint[], {}::bytea[])
"""
_ADD_NODES: Final = """
INSERT INTO ledger_node (level, place, hash)
SELECT * FROM unnest({}::integer[], {}::bigint[], {}::bytea[])
"""
_ADD_BLOCK: Final = """
INSERT INTO ledger_block (
    n, first_seq, size, block_root, log_root, previous, sealed_at, public_key, signature
) VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {})
"""
_DONE: Final = "DELETE FROM ledger_unsealed WHERE transfer_id = ANY ({}::uuid[])"


async def seal(
    key: Ed25519PrivateKey, *, now: datetime, transfers_max: int = TRANSFERS_MAX
) -> Head | None:
    """Seal a block of what is committed and not sealed, and sign the head; None when nothing waits.

    Called again until it answers None, it catches up. A transfer that commits later, however long
    ago it began, comes into a later block.
    """
    await LedgerUnsealed.raw(_ALONE)
    waiting = await LedgerUnsealed.raw(_WAITING, transfers_max)
    if not waiting:
        return None
    ids = [row["transfer_id"] for row in waiting]
    leaves = await queries.leaves_of(ids)
    last = await queries.last_head()
    size = last.size if last else 0
    growth = tree.Growth(size, await queries.hashes(tree.places((0, size))))
    grown = [made for leaf in leaves for made in growth.add(leaf.hash)]
    await _keep(leaves, grown, size)
    head = _signed(key, leaves, growth, last, now=now)
    await LedgerBlock.raw(
        _ADD_BLOCK,
        *(head.n, head.first_seq, head.size, head.block_root, head.log_root, head.previous),
        *(head.sealed_at, head.public_key, head.signature),
    )
    await LedgerUnsealed.raw(_DONE, ids)
    return head


async def _keep(
    leaves: Sequence[Leaf], grown: Sequence[tuple[tree.Place, bytes]], size: int
) -> None:
    """Write the leaves and the subtrees that they complete."""
    await LedgerLeaf.raw(
        _ADD_LEAVES,
        list(range(size, size + len(leaves))),
        [leaf.transfer_id for leaf in leaves],
        [leaf.account_id for leaf in leaves],
        [leaf.fields["version"] for leaf in leaves],
        [leaf.hash for leaf in leaves],
    )
    await LedgerNode.raw(
        _ADD_NODES,
        [level for (level, _), _ in grown],
        [place for (_, place), _ in grown],
        [made for _, made in grown],
    )


def _signed(
    key: Ed25519PrivateKey,
    leaves: Sequence[Leaf],
    growth: tree.Growth,
    last: Head | None,
    *,
    now: datetime,
) -> Head:
    """Write the head of the log as it has grown, and sign it."""
    numbers = (last.n + 1 if last else 1, last.size if last else 0, growth.size)
    hashes = (
        tree.root_of(leaf.hash for leaf in leaves),
        growth.root(),
        last.digest() if last else bytes(tree.HASH_BYTES),
    )
    return Head(
        n=numbers[0],
        first_seq=numbers[1],
        size=numbers[2],
        block_root=hashes[0],
        log_root=hashes[1],
        previous=hashes[2],
        sealed_at=now,
        public_key=key.public_key().public_bytes_raw().hex(),
        signature=key.sign(schemas.head_payload(numbers, hashes, now)).hex(),
    )

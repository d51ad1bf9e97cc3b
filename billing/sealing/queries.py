"""Read the log: heads, proofs, proven statements, and whether all is as it was sealed.

Platform's role only.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from billing.ledger.schemas import Finding
from billing.sealing import schemas, tree
from billing.sealing.schemas import Head, NotSealed, ProvenLine, ProvenStatement
from billing.sealing.tables import LedgerBlock, LedgerLeaf, LedgerNode

LINES_MAX: Final = 1_000
"""As many lines a file holds, if it is not said otherwise."""
_PAGE: Final = 4_096
_HEADS: Final = """
SELECT n, first_seq, size, block_root, log_root, previous, sealed_at, public_key, signature
FROM ledger_block
"""
_HASHES: Final = """
SELECT level, place, hash FROM (
    SELECT wanted.level, wanted.place, coalesce(node.hash, leaf.hash) AS hash
    FROM unnest({}::integer[], {}::bigint[]) wanted (level, place)
    LEFT JOIN ledger_node node ON (node.level, node.place) = (wanted.level, wanted.place)
    LEFT JOIN ledger_leaf leaf ON wanted.level = 0 AND leaf.seq = wanted.place
) found WHERE hash IS NOT NULL
"""
_ENTRY: Final = """
SELECT entry.account_id, entry.version, entry.transfer_id, entry.owner_id AS account_owner_id,
    entry.currency, entry.pending_minor, entry.posted_minor, entry.pending_after,
    entry.posted_after, entry.effective_at AS entry_effective_at, entry.effective_until,
    entry.booked_at, entry.recorded_at AS entry_recorded_at,
    transfer.id, transfer.owner_id, transfer.group_id, transfer.position, transfer.kind,
    transfer.debit_id, transfer.credit_id, transfer.currency AS transfer_currency,
    transfer.amount_minor, transfer.released_minor, transfer.pending_id, transfer.reversal_of,
    transfer.event, transfer.effective_at, transfer.recorded_at, transfer.actor_id,
    transfer.reason, transfer.dims, transfer.is_adjustment
"""
_OF_TRANSFERS: Final = f"""
{_ENTRY}
FROM ledger_transfer transfer JOIN ledger_entry entry ON entry.transfer_id = transfer.id
WHERE transfer.id = ANY ({{}}::uuid[])
ORDER BY transfer.recorded_at, transfer.id, entry.account_id
"""
_STATEMENT: Final = f"""
{_ENTRY}, leaf.seq
FROM ledger_entry entry JOIN ledger_transfer transfer ON transfer.id = entry.transfer_id
JOIN ledger_leaf leaf ON (leaf.account_id, leaf.version) = (entry.account_id, entry.version)
WHERE entry.account_id = {{}} AND entry.version > {{}} AND entry.version <= {{}}
ORDER BY entry.version LIMIT {{}}
"""
_SEALED: Final = f"""
{_ENTRY}, leaf.seq, leaf.hash, leaf.account_id AS leaf_account_id, leaf.version AS leaf_version
FROM ledger_leaf leaf
LEFT JOIN ledger_entry entry
ON (entry.account_id, entry.version, entry.transfer_id)
    = (leaf.account_id, leaf.version, leaf.transfer_id)
LEFT JOIN ledger_transfer transfer ON transfer.id = leaf.transfer_id
WHERE leaf.seq >= {{}} ORDER BY leaf.seq LIMIT {{}}
"""
_ASTRAY: Final = """
SELECT entry.account_id || ' ' || entry.version AS subject FROM ledger_entry entry
LEFT JOIN ledger_leaf leaf ON (leaf.account_id, leaf.version) = (entry.account_id, entry.version)
LEFT JOIN ledger_unsealed waiting ON waiting.transfer_id = entry.transfer_id
WHERE (leaf.seq IS NULL) = (waiting.transfer_id IS NULL)
"""


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as it is sealed."""

    transfer_id: UUID
    account_id: UUID
    owner_id: UUID
    currency: str
    fields: dict[str, Any]

    @property
    def hash(self) -> bytes:
        """Give its hash in the log."""
        return tree.leaf_hash(
            schemas.leaf_data(self.account_id, self.owner_id, self.currency, self.fields)
        )


async def last_head() -> Head | None:
    """Give the head of the log, if anything was sealed."""
    rows = await LedgerBlock.raw(_HEADS + " ORDER BY n DESC LIMIT 1")
    return msgspec.convert(rows[0], Head) if rows else None


async def head(n: int) -> Head:
    """Give the head of a block.

    :raises NotSealed: there is no such block.
    """
    rows = await LedgerBlock.raw(_HEADS + " WHERE n = {}", n)
    if not rows:
        raise NotSealed("There is no block of this number yet.")
    return msgspec.convert(rows[0], Head)


async def head_of_size(size: int) -> Head:
    """Give the head of the log when it had so many leaves: what a statement is proven against.

    :raises NotSealed: no head is of this size.
    """
    rows = await LedgerBlock.raw(_HEADS + " WHERE size = {}", size)
    if not rows:
        raise NotSealed("There is no head of this size.")
    return msgspec.convert(rows[0], Head)


async def hashes(wanted: Sequence[tree.Place]) -> list[bytes]:
    """Give the hashes of full subtrees, in their order. One query however many."""
    levels, places = [level for level, _ in wanted], [place for _, place in wanted]
    rows = await LedgerNode.raw(_HASHES, levels, places)
    found = {(row["level"], row["place"]): bytes(row["hash"]) for row in rows}
    return [found[place] for place in wanted]


async def leaves_of(transfer_ids: Sequence[UUID]) -> list[Leaf]:
    """Give the entries of transfers as they are sealed, in the order in which they are."""
    return [_leaf(row) for row in await LedgerLeaf.raw(_OF_TRANSFERS, list(transfer_ids))]


async def statement(
    account_id: UUID, *, after: int = 0, until: int = 2**62, limit: int = LINES_MAX
) -> ProvenStatement:
    """Give an account's sealed lines above a version, each proven against the head of the log.

    :param until: the last version that is wanted.
    :raises NotSealed: none of them is sealed.
    """
    rows = await LedgerLeaf.raw(_STATEMENT, account_id, after, until, limit)
    top = await last_head()
    if not rows or top is None:
        raise NotSealed("No line of this account is sealed yet.")
    proofs = await _inclusions([row["seq"] for row in rows], top.size)
    return ProvenStatement(
        account_id=account_id,
        owner_id=rows[0]["account_owner_id"],
        currency=rows[0]["currency"],
        head=top,
        lines=[
            ProvenLine(fields=_leaf(row).fields, seq=row["seq"], proof=proof)
            for row, proof in zip(rows, proofs, strict=True)
        ],
    )


async def consistency(older: Head, newer: Head) -> list[bytes]:
    """Give what shows that a later log begins with an earlier one."""
    [proof] = await _resolved([tree.consistency_spans(older.size, newer.size)])
    return proof


async def _inclusions(seqs: Sequence[int], size: int) -> list[list[bytes]]:
    """Give the proofs of leaves against a tree of some size."""
    return await _resolved([tree.inclusion_spans(seq, (0, size)) for seq in seqs])


async def _resolved(proofs: Sequence[Sequence[tree.Span]]) -> list[list[bytes]]:
    """Give the hashes of the spans of several proofs, asked for at once."""
    wanted = list({place for proof in proofs for span in proof for place in tree.places(span)})
    known = dict(zip(wanted, await hashes(wanted), strict=True))
    return [tree.resolve(proof, known.__getitem__) for proof in proofs]


def _leaf(row: dict[str, Any]) -> Leaf:
    """Read an entry with its transfer as it is sealed."""
    digest = schemas.transfer_digest(
        {
            **row,
            "currency": row["transfer_currency"],
            "dims": json.dumps(json.loads(row["dims"]), sort_keys=True),
        }
    )
    entry = {
        **row,
        "effective_at": row["entry_effective_at"],
        "recorded_at": row["entry_recorded_at"],
    }
    return Leaf(
        transfer_id=row["transfer_id"],
        account_id=row["account_id"],
        owner_id=row["account_owner_id"],
        currency=row["currency"],
        fields=schemas.line_fields(entry, digest),
    )


# --------------------------------------------------------------------------- is it as it was sealed


async def contradictions(public_keys: frozenset[str]) -> list[Finding]:
    """Hash everything again and list what is not as it was sealed, signed and chained (I15).

    :param public_keys: in hexadecimal digits, those that ever signed heads.
    """
    rows = await LedgerLeaf.raw(_ASTRAY)
    found = [Finding("I15", f"entry {row['subject']}: not in the log") for row in rows]
    heads = msgspec.convert(await LedgerBlock.raw(_HEADS + " ORDER BY n"), list[Head])
    growth, own = tree.Growth(), tree.Growth()
    grown: dict[tree.Place, bytes] = {}
    following = iter(zip([None, *heads], [*heads, None], strict=True))
    last, block = next(following)
    async for seq, subject, kept, made in _sealed():
        if block is None or seq != growth.size or made != kept:
            found.append(Finding("I15", f"entry {subject}: not as it was sealed"))
        if block is None or seq != growth.size:
            break
        grown.update(growth.add(kept))
        list(own.add(kept))
        if growth.size == block.size:
            found += await _differing(grown)
            found += _against(block, last, growth, own, public_keys)
            own, grown = tree.Growth(), {}
            last, block = next(following)
    if block is not None:
        found.append(Finding("I15", f"block {block.n}: its leaves are not there"))
    return found


async def _differing(grown: Mapping[tree.Place, bytes]) -> list[Finding]:
    """Compare the hashes of full subtrees with those that are kept."""
    levels, places = [level for level, _ in grown], [place for _, place in grown]
    rows = await LedgerNode.raw(_HASHES, levels, places)
    kept = {(row["level"], row["place"]): bytes(row["hash"]) for row in rows}
    return [
        Finding("I15", f"node {level} {place}: not what is below it")
        for (level, place), whole in grown.items()
        if kept.get((level, place)) != whole
    ]


async def _sealed() -> AsyncIterator[tuple[int, str, bytes, bytes | None]]:
    """Go through all leaves: place, entry, the hash that is kept, and the hash of what is there."""
    seq = 0
    while rows := await LedgerLeaf.raw(_SEALED, seq, _PAGE):
        for row in rows:
            is_there = row["account_id"] is not None and row["id"] is not None
            made = _leaf(row).hash if is_there else None
            subject = f"{row['leaf_account_id']} {row['leaf_version']}"
            yield row["seq"], subject, bytes(row["hash"]), made
        seq = rows[-1]["seq"] + 1


def _against(
    block: Head,
    last: Head | None,
    growth: tree.Growth,
    own: tree.Growth,
    public_keys: frozenset[str],
) -> list[Finding]:
    """Compare a block with what the log has come to."""
    wrong = {
        "does not follow the one before": (block.n, block.first_seq, block.previous)
        != ((last.n + 1, last.size, last.digest()) if last else (1, 0, bytes(tree.HASH_BYTES))),
        "has another block root": own.root() != block.block_root,
        "has another log root": growth.root() != block.log_root,
        "is not signed": not _is_signed(block, public_keys),
    }
    return [Finding("I15", f"block {block.n}: {what}") for what, is_so in wrong.items() if is_so]


def _is_signed(block: Head, public_keys: frozenset[str]) -> bool:
    """Say whether one of the keys signed a head."""
    if block.public_key not in public_keys:
        return False
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(block.public_key))
    try:
        key.verify(bytes.fromhex(block.signature), block.payload())
    except (InvalidSignature, ValueError):
        return False
    return True

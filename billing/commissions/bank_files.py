"""What banks were told to pay: which file, how much, and to which accounts.

Accounts are not kept: their last digits are, for people, and a keyed hash, which tells another
account that ends alike. Each function joins the platform's transaction.
"""

import hashlib
import hmac
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from billing.commissions.books import Books, as_json
from billing.commissions.rules.payouts import Payee, Payment
from billing.commissions.schemas import BankFileView
from billing.commissions.tables import PayoutFile

_ENDS: Final = 4
_NOTE: Final = """
INSERT INTO payout_file (id, batch_id, n, sha256, sums_minor, payees, written_by, written_at)
VALUES ({}, {}, {}, {}, {}::jsonb, {}::jsonb, {}, {})
"""
_OF_BATCH: Final = """
SELECT written_by, written_at, encode(sha256, 'hex') AS sha256, sums_minor, payees
FROM payout_file WHERE batch_id = {} ORDER BY n
"""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was written."""

    content: bytes
    paid: Sequence[Payment]
    payees: Mapping[UUID, Payee]
    """Of each agent that is paid."""


async def note(
    file_id: UUID, batch_id: UUID, written: Written, macs: Sequence[bytes], books: Books
) -> BankFileView:
    """Note that a batch's file was written; the caller has locked the batch.

    :param macs: keys of hashes: the first one makes them, all are believed.
    """
    before: dict[str, str] = {}
    earlier = await _files(batch_id)
    for row in earlier:
        before |= {each["agent_id"]: each["hash"] for each in row["payees"]}
    payees = []
    for agent_id, payee in written.payees.items():
        hashes = [_hash(mac, agent_id, payee) for mac in macs]
        payees.append(
            {
                "agent_id": str(agent_id),
                "account_ends": payee.account[-_ENDS:],
                "hash": hashes[0],
                "is_other": before.get(str(agent_id), hashes[0]) not in hashes,
            }
        )
    sums: Counter[str] = Counter()
    for each in written.paid:
        sums[each.currency] += each.net_minor
    digest = hashlib.sha256(written.content).digest()
    await PayoutFile.raw(
        *(_NOTE, file_id, batch_id, len(earlier) + 1, digest, as_json(sums), as_json(payees)),
        *(books.actor_id, books.now),
    )
    return (await of_batch(batch_id))[-1]


async def of_batch(batch_id: UUID) -> list[BankFileView]:
    """List the files of a batch, the first one first."""
    return msgspec.convert(await _files(batch_id), list[BankFileView])


async def _files(batch_id: UUID) -> list[dict[str, Any]]:
    """Read the files of a batch with the hashes of the accounts."""
    rows: list[dict[str, Any]] = await PayoutFile.raw(_OF_BATCH, batch_id)
    parsed = ("sums_minor", "payees")
    return [{**row, **{name: msgspec.json.decode(row[name]) for name in parsed}} for row in rows]


def _hash(mac: bytes, agent_id: UUID, payee: Payee) -> str:
    """Hash an account so that only who has the key can try which one it was."""
    said = f"tonglu payee\0{agent_id}\0{payee.account}".encode()
    return hmac.digest(mac, said, "sha256").hex()

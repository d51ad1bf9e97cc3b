"""What banks were told to pay: which file, how much, and to which accounts.

Accounts are not kept: their last digits are, for people, and keyed hashes, which tell another
account that ends alike, and one that another agent was paid to. Each function joins the platform's
transaction.
"""

import hashlib
import hmac
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from billing.commissions.books import Books, as_json
from billing.commissions.rules.payouts import AccountTaken, Payee, Payment
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

_LAST: Final = """
SELECT DISTINCT ON (payee.agent_id) payee.agent_id, payee.hash, account_ends
FROM payout_file file
CROSS JOIN jsonb_to_recordset(payees) AS payee (
    agent_id uuid, hash text, account_ends text
)
WHERE payee.agent_id = ANY ({}::uuid[])
ORDER BY payee.agent_id, written_at DESC, n DESC, file.id DESC
"""
_TAKEN: Final = """
SELECT DISTINCT payee.agent_id, payee.account
FROM payout_file file
CROSS JOIN jsonb_to_recordset(payees) AS payee (agent_id uuid, account text)
WHERE payee.account = ANY ({}::text[]) AND EXISTS (
    SELECT FROM payout_payment payment
    WHERE payment.batch_id = file.batch_id AND payment.agent_id = payee.agent_id
        AND payment.state IN ('ordered', 'paid')
)
ORDER BY payee.agent_id
"""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was written."""

    content: bytes
    paid: Sequence[Payment]
    payees: Mapping[UUID, Payee]
    """Of each agent that is paid."""


async def ensure_not_taken(
    payees: Mapping[UUID, Payee], names: Mapping[UUID, str], macs: Sequence[bytes]
) -> None:
    """Refuse an account that another agent was paid to by a file of any batch, in turn with others.

    Where the bank paid nothing, or it came back, the account is free; so it is of files from before
    hashes of accounts alone were kept.

    :param names: what agents are called; of others the payee's name stands.
    :raises AccountTaken: so it is.
    """
    owner_of = {
        account: agent_id
        for agent_id, payee in payees.items()
        for account in _accounts(payee, macs)
    }
    for row in await PayoutFile.raw(_TAKEN, list(owner_of)):
        agent_id = owner_of[row["account"]]
        if row["agent_id"] != agent_id:
            called = names.get(agent_id, payees[agent_id].name)
            raise AccountTaken(agent_id, called, names.get(row["agent_id"], str(row["agent_id"])))


async def note(
    file_id: UUID, batch_id: UUID, written: Written, macs: Sequence[bytes], books: Books
) -> BankFileView:
    """Note that a batch's file was written; the caller has locked the batch.

    :param macs: keys of hashes: the first one makes them, all are believed.
    """
    last = await PayoutFile.raw(_LAST, list(written.payees))
    before = {row["agent_id"]: row["hash"] for row in last}
    payees = []
    for agent_id, payee in written.payees.items():
        hashes = [_hash(mac, agent_id, payee) for mac in macs]
        payees.append(
            {
                "agent_id": str(agent_id),
                "account_ends": payee.account[-_ENDS:],
                "hash": hashes[0],
                "account": _accounts(payee, macs)[0],
                "is_other": before.get(agent_id, hashes[0]) not in hashes,
            }
        )
    sums: Counter[str] = Counter()
    for each in written.paid:
        sums[each.currency] += each.net_minor
    digest = hashlib.sha256(written.content).digest()
    number = len(await _files(batch_id)) + 1
    await PayoutFile.raw(
        *(_NOTE, file_id, batch_id, number, digest, as_json(sums), as_json(payees)),
        *(books.actor_id, books.now),
    )
    return (await of_batch(batch_id))[-1]


async def last_ends(agent_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Give by agent how the account ends that it was to be paid to last, in whatever batch."""
    rows = await PayoutFile.raw(_LAST, list(agent_ids))
    return {row["agent_id"]: row["account_ends"] for row in rows}


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


def _accounts(payee: Payee, macs: Sequence[bytes]) -> list[str]:
    """Hash an account alone, with each key: agents that are paid to one account share it."""
    said = f"tonglu account\0{payee.account}".encode()
    return [hmac.digest(mac, said, "sha256").hex() for mac in macs]

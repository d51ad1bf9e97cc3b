"""Write a signed statement so that it is verified with no access to us.

The file is text. Its first line is JSON: what was hashed, and the platform's signature over the
hash. Behind an empty line each comes, for each account that moved, its lines with their proofs, as
sealing writes them.
"""

import json
from typing import Final

from billing.errors import BillingRefusal, Sort
from billing.sealing import queries as sealing
from billing.sealing.schemas import Head, ProvenStatement
from billing.statements import rules
from billing.statements.rules import Account
from billing.statements.schemas import Side, StatementView

LINES_MAX: Final = 20_000
"""As many lines one file holds."""


class NotSigned(BillingRefusal):
    """The platform has not signed this statement, so there is nothing to verify."""

    code = "statement_not_signed"
    sort = Sort.ABSENT


class TooLong(BillingRefusal):
    """A statement has more lines than one file holds."""

    code = "statement_too_long"
    sort = Sort.CLASH


async def signed_file(held: StatementView) -> tuple[bytes, Head | None]:
    """Write a statement as `tonglu-verify signed` reads it. Platform's role only.

    :returns: the file, and the head that its lines are proven against; none where it has no lines.
    :raises NotSigned: the platform signs first.
    :raises TooLong: its accounts are to be fetched one by one.
    """
    by_platform = held.signature(Side.PLATFORM)
    if by_platform is None or by_platform.signature is None:
        raise NotSigned("The platform has not signed this statement yet.")
    if held.lines > LINES_MAX:
        raise TooLong(f"It has more than {LINES_MAX} lines; fetch its accounts one by one.")
    blocks = [await _block(account) for account in rules.in_order(held.accounts) if account.lines]
    told = rules.told(held.agent_id, held.period, held.currency, held.accounts)
    names = ("format", "agent_id", "period", "currency", "accounts", "signature")
    first = dict(zip(names, [*told, by_platform.signature], strict=True))
    top = json.dumps(first, separators=(",", ":")).encode()
    file = b"\n\n".join([top, *(each.published().rstrip(b"\n") for each in blocks)])
    return file, blocks[0].head if blocks else None


async def _block(account: Account) -> ProvenStatement:
    """Give the lines of one account."""
    return await sealing.statement(
        account.account_id,
        after=account.after_version,
        until=account.last_version,
        limit=LINES_MAX,
    )

"""Write a journal for hledger, which checks it with `hledger check --strict`."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final
from uuid import UUID

from billing.journal import rules
from billing.journal.schemas import Journal, JournalAccount

_OPENING: Final = "Equity:Opening"


def write(journal: Journal) -> bytes:
    """Write it, in the same bytes each time."""
    return "".join(f"{line}\n" for line in _lines(journal)).encode()


def _lines(journal: Journal) -> Iterator[str]:
    """Write commodities, accounts, what stood before, and each day between its balances."""
    accounts = {account.id: account for account in journal.accounts}
    names = {account.id: rules.account_name(account) for account in journal.accounts}
    currencies = sorted({account.currency for account in journal.accounts})
    eve = journal.begins_on - timedelta(days=1)
    for currency in currencies:
        # A point is wanted here, also where there are no decimals.
        sample = rules.amount(1000, currency)
        yield f"commodity {sample if '.' in sample else f'{sample}.'} {currency}"
    yield from (f"account {_OPENING}:{currency}" for currency in currencies)
    yield from (f"account {name}" for name in names.values())
    for account in journal.accounts:
        if account.opening_minor:
            yield ""
            yield f"{eve} * opening"
            yield _leg(names[account.id], account.opening_minor, account.currency)
            yield _leg(f"{_OPENING}:{account.currency}", -account.opening_minor, account.currency)
    # Within a day, hledger goes by the order of the file.
    for day in rules.days(journal):
        yield from _balances(f"{day.on} * before", day.before, accounts, names)
        for one in day.transactions:
            yield ""
            yield f"{one.booked_on} * ({one.group_id}) {one.event}"
            yield f"    ; id: {one.id}, effective: {one.effective_on}"
            yield _leg(names[one.debit_id], one.amount_minor, one.currency)
            yield _leg(names[one.credit_id], -one.amount_minor, one.currency)
        yield from _balances(f"{day.on} * after", day.after, accounts, names)


def _balances(
    header: str,
    balances: rules.Balances,
    accounts: dict[UUID, JournalAccount],
    names: dict[UUID, str],
) -> Iterator[str]:
    """Write a transaction that moves nothing and asserts what stands."""
    yield ""
    yield header
    for account_id, minor in balances:
        currency = accounts[account_id].currency
        nothing, told = (rules.amount(each, currency) for each in (0, minor))
        yield f"    {names[account_id]}  {nothing} {currency} = {told} {currency}"


def _leg(name: str, minor: int, currency: str) -> str:
    """Write a posting."""
    return f"    {name}  {rules.amount(minor, currency)} {currency}"

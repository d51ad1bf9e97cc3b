"""Write a journal for beancount, which checks it with `bean-check`.

Its own tolerance is turned off, since with it an assertion that is a fen off would pass.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from billing.journal import rules
from billing.journal.schemas import Journal

_OPENING: Final = "Equity:Opening"


def write(journal: Journal) -> bytes:
    """Write it, in the same bytes each time."""
    return "".join(f"{line}\n" for line in _lines(journal)).encode()


def _lines(journal: Journal) -> Iterator[str]:
    """Write options, accounts, what stood before, and each day between its balances."""
    accounts = {account.id: account for account in journal.accounts}
    names = {account.id: rules.account_name(account) for account in journal.accounts}
    currencies = sorted({account.currency for account in journal.accounts})
    eve = journal.begins_on - timedelta(days=1)
    yield 'option "title" "Tonglu"'
    yield 'option "tolerance_multiplier" "0"'
    yield from (f'option "operating_currency" "{currency}"' for currency in currencies)
    yield ""
    yield from (f"{eve} open {_OPENING}:{currency} {currency}" for currency in currencies)
    for account in journal.accounts:
        yield f"{eve} open {names[account.id]} {account.currency}"
    for account in journal.accounts:
        if account.opening_minor:
            yield ""
            yield f'{eve} * "opening"'
            yield _leg(names[account.id], account.opening_minor, account.currency)
            yield _leg(f"{_OPENING}:{account.currency}", -account.opening_minor, account.currency)
    # Beancount looks at a balance before the day's transactions.
    asserted: set[tuple[date, str]] = set()
    for day in rules.days(journal):
        for on, balances in ((day.on, day.before), (day.on + timedelta(days=1), day.after)):
            for account_id, minor in balances:
                if (on, names[account_id]) not in asserted:
                    currency = accounts[account_id].currency
                    told = rules.amount(minor, currency)
                    yield ""
                    yield f"{on} balance {names[account_id]} {told} {currency}"
                    asserted.add((on, names[account_id]))
        for one in day.transactions:
            yield ""
            yield f'{one.booked_on} * "{one.event}" ^{one.group_id}'
            yield f'  id: "{one.id}"'
            yield f"  effective: {one.effective_on}"
            yield _leg(names[one.debit_id], one.amount_minor, one.currency)
            yield _leg(names[one.credit_id], -one.amount_minor, one.currency)


def _leg(name: str, minor: int, currency: str) -> str:
    """Write a posting."""
    return f"  {name}  {rules.amount(minor, currency)} {currency}"

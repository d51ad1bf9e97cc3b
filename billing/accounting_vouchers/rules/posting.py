"""Where a leg of a transfer is posted: the rule that says most of it decides."""

from collections.abc import Mapping, Sequence
from datetime import date

from billing.accounting_vouchers.rules.charts import Chart, ensure_posted_to
from billing.accounting_vouchers.schemas import ChartAccount, PostingRule
from billing.errors import BillingRefusal, Sort
from billing.ledger.schemas import AccountKind, Dimension


class PostingUnmapped(BillingRefusal):
    """No rule says where some legs are posted; nothing is made."""

    code = "posting_unmapped"
    sort = Sort.CLASH


class AuxiliaryMissing(BillingRefusal):
    """A chart account wants a dimension that a leg does not have; nothing is made."""

    code = "auxiliary_missing"
    sort = Sort.CLASH


class Postings:
    """All rules and the chart, asked for one leg after the other."""

    def __init__(self, rules: Sequence[PostingRule], chart: Chart) -> None:
        self._chart = chart
        self._by_kind: dict[AccountKind, list[PostingRule]] = {}
        for rule in sorted(rules, key=_weight, reverse=True):
            self._by_kind.setdefault(rule.kind, []).append(rule)

    def account(
        self, kind: AccountKind, event: str, dims: Mapping[Dimension, str], on: date
    ) -> ChartAccount:
        """Give the account that a leg is posted to.

        :raises PostingUnmapped: no rule speaks of it, saying what to add.
        :raises ChartAccountNotLeaf: others are below the account by now.
        """
        for rule in self._by_kind.get(kind, ()):
            if (
                rule.begins_on <= on
                and rule.event in {None, event}
                and rule.dims.items() <= dims.items()
            ):
                ensure_posted_to(rule.account_code, self._chart)
                return self._chart[rule.account_code]
        raise PostingUnmapped(
            f"No posting rule says where {kind} goes for {event} on {on}: add a posting rule for "
            f"{kind} that begins by then.",
            about=f"{kind} · {event} · {on}",
        )


def auxiliary(account: ChartAccount, dims: Mapping[Dimension, str]) -> dict[Dimension, str]:
    """Give what a line on an account is counted for.

    :raises AuxiliaryMissing: the account wants more than the leg has.
    """
    missing = [wanted for wanted in account.wants if wanted not in dims]
    if missing:
        raise AuxiliaryMissing(
            f"Account {account.code} {account.name} is counted by {', '.join(missing)}, which the "
            "transfer does not say: post it to another account.",
            about=f"{account.code} {account.name}",
        )
    return {wanted: dims[wanted] for wanted in account.wants}


def _weight(rule: PostingRule) -> tuple[bool, int, date, list[tuple[str, str]]]:
    """Say how much a rule says of a leg."""
    return rule.event is not None, len(rule.dims), rule.begins_on, sorted(rule.dims.items())

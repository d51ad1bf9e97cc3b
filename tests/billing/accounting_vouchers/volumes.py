"""Made-up vouchers, the same for the same seed."""

import random
from datetime import date, timedelta
from uuid import UUID

from billing.accounting_vouchers.rules import charts
from billing.accounting_vouchers.schemas import (
    ChartBalance,
    Line,
    Side,
    Standard,
    Volume,
    Voucher,
)
from billing.ledger.schemas import Dimension

BEGINS_ON, ENDS_ON = date(2026, 3, 1), date(2026, 3, 31)
_LEAVES = ("660101", "660102", "224101", "224102", "100201", "220501")
_TEXTS = ("客户权益核销", "支付佣金,两笔", '退款"追回"', "镕屋代理 𠮷野家", "a<b>&c")


def make_volume(seed: int, lines: int) -> Volume:
    """Make up a volume of at least some lines, some in red, in one of a few words."""
    fortune = random.Random(seed)
    chart = {account.code: account for account in charts.accounts(Standard.ENTERPRISE)}
    vouchers: list[Voucher] = []
    numbers: dict[str, int] = {}
    left = lines
    while left > 0:
        word = fortune.choice("记收付转")
        numbers[word] = numbers.get(word, 0) + 1
        vouchers.append(_voucher(fortune, word, numbers[word], chart))
        left -= len(vouchers[-1].lines)
    vouchers.sort(key=lambda each: (each.word, each.no))
    balances: dict[tuple[str, tuple[tuple[Dimension, str], ...]], list[int]] = {}
    for each in vouchers:
        for line in each.lines:
            key = line.account_code, tuple(line.dims.items())
            debit, credit = balances.get(key, [0, 0])
            balances[key] = [debit + line.debit_minor, credit + line.credit_minor]
    return Volume(
        begins_on=BEGINS_ON,
        ends_on=ENDS_ON,
        currency="CNY",
        account_book="001",
        vouchers=vouchers,
        chart=charts.part(chart, chart),
        balances=[
            ChartBalance(
                account_code=code,
                currency="CNY",
                dims=dict(dims),
                opening_minor=fortune.randint(-500, 500),
                debits_minor=debit,
                credits_minor=credit,
            )
            for (code, dims), (debit, credit) in sorted(balances.items())
        ],
    )


def _voucher(fortune: random.Random, word: str, no: int, chart: charts.Chart) -> Voucher:
    """Make up a voucher that balances."""
    is_red = fortune.random() < 0.1
    parts = [
        fortune.randint(1, 10**10) * (-1 if is_red else 1) for _ in range(fortune.randint(1, 4))
    ]
    text = fortune.choice(_TEXTS)
    lines = [_line(fortune, n, text, chart, part, Side.DEBIT) for n, part in enumerate(parts, 1)]
    lines.append(_line(fortune, len(lines) + 1, text, chart, sum(parts), Side.CREDIT))
    return Voucher(
        id=UUID(int=fortune.getrandbits(128), version=4),
        run_id=UUID(int=1),
        period_id=UUID(int=2),
        word=word,
        no=no,
        on=BEGINS_ON + timedelta(days=fortune.randint(0, 30)),
        currency="CNY",
        maker_name="王会计",
        checker_name="李主管",
        reversal_of=None,
        reversed_by=None,
        lines=lines,
    )


def _line(
    fortune: random.Random, n: int, text: str, chart: charts.Chart, minor: int, side: Side
) -> Line:
    """Make up a line on one of some accounts."""
    account = chart[fortune.choice(_LEAVES)]
    return Line(
        n=n,
        summary=text,
        account_code=account.code,
        debit_minor=minor if side is Side.DEBIT else 0,
        credit_minor=minor if side is Side.CREDIT else 0,
        dims={
            wanted: f"{wanted.value[0].upper()}{fortune.randint(1, 99):04}"
            for wanted in account.wants
        },
    )

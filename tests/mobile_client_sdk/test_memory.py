"""A phone with many customers stays small."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random
from uuid import UUID

import pytest

from mobile_client_sdk.testing import FakeServer
from sync_protocol.messages import Create

BIG_REP = Path(__file__).with_name("big_rep.py")
ROOT = BIG_REP.parents[2]
CUSTOMERS = 50_000
MOST_MIB = 80


@pytest.mark.slow
def test_fifty_thousand_customers_fit_into_eighty_mebibytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server, rng = FakeServer(), Random(3)
    server.write(*(customer(rng, number) for number in range(CUSTOMERS)))

    with server.serve() as url:
        done = subprocess.run(
            [
                sys.executable,
                str(BIG_REP),
                str(tmp_path / "rep.db"),
                url,
                server.enrolment_code("王"),
            ],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    count, peak_kib, pss_kib = map(int, done.stdout.split())
    with capsys.disabled():
        print(f"\n{count} customers: PSS {pss_kib / 1024:.0f} MiB, peak RSS {peak_kib / 1024:.0f}")  # noqa: T201 - the figure is the result
    assert count == CUSTOMERS
    assert peak_kib / 1024 < MOST_MIB


def customer(rng: Random, number: int) -> Create:
    """Make a customer with about 350 bytes of content."""
    record_id = str(UUID(int=number << 80 | 7 << 76 | 2 << 62 | rng.getrandbits(60)))
    fields = {
        "name": f"客户{rng.randrange(10**8)}有限公司",
        "phone": f"+861{rng.randrange(3 * 10**9, 10**10)}",
        "city": rng.choice(["杭州", "宁波", "温州"]),
        "industry": rng.choice(["餐饮", "零售", "物流"]),
        "status": rng.choice(["potential", "need", "signed"]),
        "remark": "".join(rng.choices("常来往老客户要新货送到店里", k=60)),
    }
    return Create(number=1, kind="customer", id=record_id, fields=fields, at_ms=1, base=0)

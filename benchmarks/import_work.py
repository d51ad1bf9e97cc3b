"""P12: a spreadsheet as people have it, from upload to the last row committed by the worker."""

import asyncio
import csv
import io
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from benchmarks import channel
from benchmarks.channel import Company
from benchmarks.machine import Machine
from benchmarks.wire import Wire

_HEADER: Final = {
    "客户名称": "name",
    "联系电话": "phone",
    "城市": "city",
    "行业": "industry",
    "备注": "remark",
}
_POLL_S: Final = 0.02
_LIMIT_S: Final = 900.0


def spreadsheet(made: Sequence[dict[str, Any]], header: Mapping[str, str] = _HEADER) -> bytes:
    """Write records as a GB18030 sheet with Chinese headers."""
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(header)
    rows.writerows([each[key] for key in header.values()] for each in made)
    return written.getvalue().encode("gb18030")


async def run(
    machine: Machine, owner: Company, content: bytes, *, target: str = "customers"
) -> None:
    """Hand a sheet in, start the import with the guessed columns, wait until it is done."""
    token = await channel.sign_in(machine, owner.login)
    async with Wire(machine.tonglu_url, token) as wire:
        address = f"/v1/imports?file_name=bench.csv&target={target}"
        answer = await wire.post(address, content, "text/csv")
        path = f"/v1/imports/{msgspec.json.decode(answer.ensure().body)['id']}"
        (await wire.post(f"{path}/start", b"{}")).ensure()
        ends_s = time.monotonic() + _LIMIT_S
        while True:
            assert time.monotonic() < ends_s, "the worker does not come to an end"
            found = msgspec.json.decode((await wire.get(path)).ensure().body)
            if found["finished_at"] is not None:
                break
            await asyncio.sleep(_POLL_S)
    counts = found["counts"]
    assert counts["refused"] == 0, counts
    assert counts["created"] + counts["skipped"] == counts["rows"], counts

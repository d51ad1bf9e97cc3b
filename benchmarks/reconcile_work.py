"""B5: two files of many lines with planted breaks are compared, beside reading them raw."""

import asyncio
import csv
import os
import random
import sys
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

import msgspec
import python_calamine
import xlsxwriter

from benchmarks.figures import Figure, Spread
from benchmarks.machine import Machine
from benchmarks.reconcile_files import Told
from billing.reconciliation.rules.findings import Kind
from billing.reconciliation.rules.lines import Line
from world.breaks import Planted, Truth, plant

HEADER: Final = ("权益编号", "客户标识", "客户名称", "活动", "金额", "币种", "日期", "状态")
_MEMORY_MIB: Final = 400.0
_OF_EACH: Final = 500
_LEAST: Final = 40


async def measure(machine: Machine, rng: random.Random, lines: int) -> list[Figure]:
    """Compare two CSV files, then the same with the other side's as a workbook."""
    of_each = min(_OF_EACH, lines // _LEAST)
    planted = plant(rng.getrandbits(32), lines=lines, of_each=of_each)
    here, there = machine.folder / "here.csv", machine.folder / "there.csv"
    book = machine.folder / "there.xlsx"
    for file, side in ((here, planted.here), (there, planted.there)):
        write_csv(file, side)
    write_xlsx(book, planted.there)
    return [
        *await _figures("csv", planted, here, there),
        *await _figures("xlsx", planted, here, book),
    ]


async def _figures(kind: str, planted: Planted, here: Path, there: Path) -> list[Figure]:
    """Run it in a process of its own, and read the same files raw in this one."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.reconcile_files", str(here), str(there)),
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await process.communicate()
    told = msgspec.json.decode(answer, type=Told)
    raw_s = raw(here) + raw(there)
    found = {(each.kind, _numbers(each.here), _numbers(each.there)) for each in told.breaks}
    wrong = len(found ^ planted.truth)
    total = f"{told.lines:,} lines, {len(planted.truth):,} breaks, {kind}"
    notes = [
        f"reading {told.read_s:.2f} s, comparing {told.matched_s:.2f} s, CPU {told.cpu_s:.2f} s",
        f"{told.matches:,} matches",
        by_kind(found, planted.truth),
        f"the machine's load {os.getloadavg()[0]:.1f}",
    ]
    return [
        Figure(
            goal="B5",
            what=f"reconcile {total}; floor: read raw",
            unit="s",
            ours=Spread.of([told.read_s + told.matched_s]),
            floor=Spread.of([raw_s]),
            notes=notes,
        ),
        _bounded(f"breaks missed or false, {kind}", "", wrong, 0.0),
        _bounded(f"peak memory, {kind}", "MiB", told.peak_mib, _MEMORY_MIB),
        _bounded(f"peak memory of the reader, {kind}", "MiB", told.reader_mib, _MEMORY_MIB),
    ]


def by_kind(found: AbstractSet[Truth], truth: AbstractSet[Truth]) -> str:
    """Say of each kind how many breaks were found of how many that were planted, and false ones."""
    told = [
        f"{kind} {sum(each[0] is kind for each in found & truth)}"
        f"/{sum(each[0] is kind for each in truth)}"
        f"/{sum(each[0] is kind for each in found - truth)}"
        for kind in Kind
    ]
    return f"found/planted/false: {', '.join(told)}"


def _numbers(rows: Sequence[int]) -> frozenset[int]:
    """Give the numbers of lines by their rows: the first row has the columns' names."""
    return frozenset(row - 1 for row in rows)


def _bounded(what: str, unit: str, value: float, limit: float) -> Figure:
    """Make a figure with an absolute bound."""
    return Figure(goal="B5", what=what, unit=unit, ours=Spread.of([value]), limit=limit)


def _rows(lines: Sequence[Line]) -> list[list[str]]:
    """Write lines as a spreadsheet has them."""
    return [
        [
            *(line.id, line.customer, line.name, line.program),
            *(f"{line.amount_minor / 100:,.2f}", line.currency, line.on.isoformat(), line.state),
        ]
        for line in lines
    ]


def write_csv(file: Path, lines: Sequence[Line]) -> None:
    """Write a row for each line, in order."""
    with file.open("w", newline="", encoding="utf-8-sig") as sheet:
        rows = csv.writer(sheet)
        rows.writerow(HEADER)
        rows.writerows(_rows(lines))


def write_xlsx(file: Path, lines: Sequence[Line]) -> None:
    """Write the same as a workbook, the amounts as the floats that they are there."""
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("流水")
        sheet.write_row(0, 0, HEADER)
        for at, (row, line) in enumerate(zip(_rows(lines), lines, strict=True), 1):
            sheet.write_row(at, 0, row)
            sheet.write_number(at, 4, line.amount_minor / 100)


def raw(file: Path) -> float:
    """Read a file's cells and do nothing with them."""
    begun = time.perf_counter()
    if file.suffix == ".csv":
        with file.open(newline="", encoding="utf-8-sig") as sheet:
            count = sum(1 for _ in csv.reader(sheet))
    else:
        count = len(python_calamine.load_workbook(str(file)).get_sheet_by_index(0).to_python())
    assert count > 1, "there are rows"
    return time.perf_counter() - begun

"""The READMEs' tables are short, say the same in both languages, and name tests that are there."""

import re
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
LONGEST: Final = 90
"""So many characters of a row are read at a glance; the rest stands in docs/features.md."""
STATES: Final = {"可用": "works", "精简": "thin", "计划": "planned"}
ID: Final = re.compile(r"[SM]\d+")


class Row(NamedTuple):
    """A line of a table: what there is, who asks for it, how far it is, and what holds it."""

    what: str
    ids: tuple[str, ...]
    state: str
    held: str


def _rows(name: str) -> list[Row]:
    """Read the table of a README."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    cells = [[*map(str.strip, line.strip("|").split("|"))] for line in lines if line[:2] == "| "]
    return [
        Row(what, tuple(ID.findall(wanted)), STATES.get(state, state), "".join(held))
        for what, wanted, state, *held in cells[1:]
    ]


def _sections() -> list[tuple[tuple[str, ...], str, str]]:
    """Read of what is told in full how far it is, who asks for it, and what holds it."""
    text = (ROOT / "docs/features.md").read_text(encoding="utf-8")
    told = [part.strip().splitlines()[-1] for part in text.split("\n## ")[1:]]
    found = []
    for line in told:
        state, held = line.split("*")[1], line[line.index("`") :] if "`" in line else ""
        found.append((tuple(ID.findall(line.partition("`")[0])), state, held))
    return found


def test_a_row_is_read_at_a_glance() -> None:
    assert [row.what for row in _rows("README.md") if len(row.what) > LONGEST] == []


def test_both_readmes_say_of_the_same_things_how_far_they_are() -> None:
    english, chinese = _rows("README.md"), _rows("README.zh-CN.md")

    assert [row[1:3] for row in chinese] == [row[1:3] for row in english]


def test_what_a_row_says_is_told_in_full() -> None:
    assert _sections() == [row[1:] for row in _rows("README.md")]


def test_what_holds_a_row_is_there() -> None:
    named = {path for row in _rows("README.md") for path in re.findall(r"`(.+?)`", row.held)}

    assert named, "tests hold what works"
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []

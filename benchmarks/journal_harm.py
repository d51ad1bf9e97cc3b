"""Harm done to an exported journal, by name, which an outside checker has to find."""

import random
import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Final

Blocks = list[str]
Harm = Callable[[Blocks, int, random.Random], Blocks]

_TRANSACTION: Final = re.compile(r"^\d{4}-\d\d-\d\d \* (?!before|after|\"?opening)")
_LEG: Final = re.compile(r"^( {2,4})([A-Z][\w:-]+)  (-?[\d.]+) ([A-Z]+)$", re.MULTILINE)


def transactions(blocks: Blocks) -> list[int]:
    """Say which parts of a journal are transactions, and no options, openings or assertions."""
    return [place for place, block in enumerate(blocks) if _TRANSACTION.match(block)]


def blocks_of(text: str) -> Blocks:
    """Cut a journal at its empty lines."""
    return text.split("\n\n")


def harmed(text: str, name: str, fortune: random.Random) -> str:
    """Do one harm of a name to one transaction of a journal."""
    blocks = blocks_of(text.rstrip("\n"))
    place = fortune.choice(transactions(blocks))
    return "\n\n".join(HARMS[name](blocks, place, fortune)) + "\n"


def _with(blocks: Blocks, place: int, *new: str) -> Blocks:
    """Put other parts in the place of one."""
    return [*blocks[:place], *new, *blocks[place + 1 :]]


def _legs(block: str, change: Callable[[int, re.Match[str]], str]) -> str:
    """Write the legs of a transaction anew."""
    numbers = iter(range(2))
    return _LEG.sub(lambda leg: change(next(numbers), leg), block)


def _off(by: str) -> Callable[[int, re.Match[str]], str]:
    """Add the least unit to the first leg, or add it there and take it from the second."""

    def change(number: int, leg: re.Match[str]) -> str:
        indent, name, told, currency = leg.groups()
        steps = {"one": (1, 0), "both": (1, -1)}[by][number]
        scale = len(told.partition(".")[2])
        minor = int(told.replace(".", "")) + steps
        sign, digits = "-" if minor < 0 else "", str(abs(minor)).rjust(scale + 1, "0")
        whole, part = digits[: len(digits) - scale], digits[len(digits) - scale :]
        return f"{indent}{name}  {sign}{whole}{'.' if scale else ''}{part} {currency}"

    return change


def _another_account(blocks: Blocks, place: int, fortune: random.Random) -> Blocks:
    """Book one leg on another account of the same currency."""
    legs = [leg for block in blocks for leg in _LEG.finditer(block)]
    mine = list(_LEG.finditer(blocks[place]))
    held = {leg[2] for leg in mine}
    others = sorted({leg[2] for leg in legs if leg[4] == mine[0][4]} - held)
    chosen, other = fortune.choice(mine)[2], fortune.choice(others)
    return _with(blocks, place, blocks[place].replace(f" {chosen} ", f" {other} "))


def _on_another_day(days: int) -> Harm:
    """Book a transaction some days later, or earlier."""

    def change(blocks: Blocks, place: int, _: random.Random) -> Blocks:
        on = date.fromisoformat(blocks[place][:10]) + timedelta(days=days)
        return _with(blocks, place, on.isoformat() + blocks[place][10:])

    return change


def _without_leg(blocks: Blocks, place: int, fortune: random.Random) -> Blocks:
    """Leave one leg out."""
    gone = fortune.choice(list(_LEG.finditer(blocks[place])))[0]
    return _with(blocks, place, blocks[place].replace(f"\n{gone}", ""))


def _sides_swapped(_: int, leg: re.Match[str]) -> str:
    """Book a leg on the other side."""
    indent, name, told, currency = leg.groups()
    other = told[1:] if told.startswith("-") else f"-{told}"
    return f"{indent}{name}  {other} {currency}"


HARMS: Final[Mapping[str, Harm]] = {
    "dropped": lambda blocks, place, _: _with(blocks, place),
    "doubled": lambda blocks, place, _: _with(blocks, place, blocks[place], blocks[place]),
    "a fen on one leg": lambda blocks, place, _: _with(
        blocks, place, _legs(blocks[place], _off("one"))
    ),
    "a fen on both legs": lambda blocks, place, _: _with(
        blocks, place, _legs(blocks[place], _off("both"))
    ),
    "a leg left out": _without_leg,
    "another account": _another_account,
    "sides swapped": lambda blocks, place, _: _with(
        blocks, place, _legs(blocks[place], _sides_swapped)
    ),
    "a day later": _on_another_day(1),
    "a day earlier": _on_another_day(-1),
    "a month later": _on_another_day(30),
}
"""By name, what is done to a transaction."""

"""Read Chinese as pinyin, for sorting and for search by letters.

The table is made by tools/make_pinyin_table.py out of pypinyin; it takes 10 MiB instead of 58.
"""

from functools import cache
from importlib.resources import files
from typing import Final

_CHINESE_FROM: Final = "⺀"
"""Characters below this one are of other scripts and stay together as words."""

_Phrases = dict[str, tuple[str, ...]]


@cache
def _table() -> tuple[dict[str, str], _Phrases]:
    """Read the table once for a process, when it is first needed."""
    text = files("server.customers.rules").joinpath("pinyin_table.txt").read_text("utf-8")
    singles, _, irregular = text.partition("\n\n")
    single: dict[str, str] = {}
    for line in singles.splitlines():
        syllable, characters = line.split(" ", 1)
        single.update(dict.fromkeys(characters, syllable))
    phrases: _Phrases = {}
    for line in irregular.splitlines():
        phrase, *reading = line.split(" ")
        phrases[phrase] = tuple(reading)
    return single, phrases


@cache
def _phrase_starts() -> dict[str, tuple[int, ...]]:
    """Give, for a first character, the lengths of the phrases that begin with it, longest first."""
    starts: dict[str, set[int]] = {}
    for phrase in _table()[1]:
        starts.setdefault(phrase[0], set()).add(len(phrase))
    return {first: tuple(sorted(lengths, reverse=True)) for first, lengths in starts.items()}


def syllables(text: str) -> list[str]:
    """Read a text: one syllable for each Chinese character, other characters as they are, in order.

    The longest known phrase wins, so 重庆 is ``chong qing`` and 银行行长 ``yin hang hang zhang``.
    """
    single, phrases = _table()
    starts = _phrase_starts()
    read: list[str] = []
    at = 0
    while at < len(text):
        first = text[at]
        for length in starts.get(first, ()):
            if (phrase := phrases.get(text[at : at + length])) is not None:
                read += phrase
                at += length
                break
        else:
            read.append(single.get(first, first))
            at += 1
    return read


def sort_key(name: str) -> str:
    """Give the text by which names sort under COLLATE "C": syllables apart, Latin words whole."""
    words: list[str] = []
    latin = ""
    for syllable, character in zip(syllables(name), name, strict=True):
        if character < _CHINESE_FROM:
            latin += character
            continue
        if latin:
            words.append(latin)
            latin = ""
        words.append(syllable)
    if latin:
        words.append(latin)
    return " ".join(" ".join(words).casefold().split())

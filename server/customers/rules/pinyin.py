"""Read Chinese as pinyin, for sorting and for search by letters.

The table is made by tools/make_pinyin_table.py out of pypinyin; read, it
takes 2 MiB where pypinyin takes 58.
"""

from array import array
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from operator import add
from typing import Final

from server.kit.text import clean

_CHINESE_FROM: Final = "⺀"
"""Characters below this one are of other scripts and stay together as words."""

_FIRST: Final = ord(_CHINESE_FROM)
_PLANE_END: Final = 0x10000
_Phrases = dict[str, tuple[str, ...]]


class _Singles:
    """The reading of single characters: two bytes for each of the plane, a dict for the few beyond.

    A dict of all of them would take 5 MiB in every process.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self.syllables = [""]
        self.places = array("H", bytes(2 * (_PLANE_END - _FIRST)))
        self.beyond: dict[str, str] = {}
        for line in lines:
            syllable, characters = line.split(" ", 1)
            self.syllables.append(syllable)
            for character in characters:
                self._add(character, syllable)

    def _add(self, character: str, syllable: str) -> None:
        """Note a reading; the syllable is the last of the list."""
        if _FIRST <= ord(character) < _PLANE_END:
            self.places[ord(character) - _FIRST] = len(self.syllables) - 1
        else:
            self.beyond[character] = syllable

    def read(self, character: str) -> str:
        """Give the reading of a character, or the character itself."""
        code = ord(character)
        if code < _FIRST:
            return character
        if code < _PLANE_END:
            return self.syllables[self.places[code - _FIRST]] or character
        return self.beyond.get(character, character)


@cache
def _table() -> tuple[_Singles, _Phrases]:
    """Read the table once for a process."""
    text = files("server.customers.rules").joinpath("pinyin_table.txt").read_text("utf-8")
    singles, _, irregular = text.partition("\n\n")
    phrases: _Phrases = {}
    for line in irregular.splitlines():
        phrase, *reading = line.split(" ")
        phrases[phrase] = tuple(reading)
    return _Singles(singles.splitlines()), phrases


@cache
def _phrase_starts() -> dict[str, tuple[int, ...]]:
    """Give, for two characters, the lengths of the phrases that begin with them, longest first."""
    starts: dict[str, set[int]] = {}
    for phrase in _table()[1]:
        starts.setdefault(phrase[:2], set()).add(len(phrase))
    return {first: tuple(sorted(lengths, reverse=True)) for first, lengths in starts.items()}


@lru_cache(4096)
def _read(character: str) -> str:
    """Read one character by itself; those of names are few."""
    return _table()[0].read(character)


def syllables(text: str) -> list[str]:
    """Read a text: one syllable for each Chinese character, other characters as they are, in order.

    The longest known phrase wins, so 重庆 is ``chong qing`` and 银行行长 ``yin hang hang zhang``.
    """
    return [*_syllables(text)]


@lru_cache(1024)
def _syllables(text: str) -> Sequence[str]:
    """Do as `syllables`; a name is read for its search keys, and then for its place in lists."""
    starts = _phrase_starts()
    if starts.keys().isdisjoint(map(add, text, text[1:])):
        # No phrase begins anywhere: so it is with most names.
        return [*map(_read, text)]
    phrases = _table()[1]
    read: list[str] = []
    at = 0
    while at < len(text):
        for length in starts.get(text[at : at + 2], ()):
            if (phrase := phrases.get(text[at : at + length])) is not None:
                read += phrase
                at += length
                break
        else:
            read.append(_read(text[at]))
            at += 1
    return read


def sort_key(name: str) -> str:
    """Give the text by which names sort under COLLATE "C": syllables apart, Latin words whole."""
    name = clean(name)
    if name and min(name) >= _CHINESE_FROM:
        return " ".join(syllables(name)).casefold()
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


# Read while the module is: web processes are forked from one that has it, and share it.
_phrase_starts()

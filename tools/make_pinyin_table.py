"""Make server/customers/rules/pinyin_table.txt out of pypinyin.

pypinyin's own tables take 58 MiB in every process. Run this again when pypinyin is raised; a test
compares the result with it. First come lines ``syllable characters``, then, after an empty line,
``phrase syllables`` for phrases whose reading is not that of their characters one by one.
"""

import unicodedata
from pathlib import Path
from typing import Final

from pypinyin.phrases_dict import phrases_dict
from pypinyin.pinyin_dict import pinyin_dict

TABLE: Final = Path(__file__).parents[1] / "server/customers/rules/pinyin_table.txt"
_FIRST, _LAST, _ZERO = "㐀", "鿿", "〇"
_DIAERESIS = "\u0308"


def plain(syllable: str) -> str:
    """Take the tone marks off and write ü as v."""
    kept = (
        character
        for character in unicodedata.normalize("NFD", syllable)
        if character == _DIAERESIS or not unicodedata.combining(character)
    )
    return unicodedata.normalize("NFC", "".join(kept)).replace("ü", "v").replace("ê", "e")


def characters() -> dict[str, str]:
    """Give each character its first, most usual reading."""
    readings = {chr(code): plain(all_.split(",")[0]) for code, all_ in pinyin_dict.items()}
    return {
        character: reading
        for character, reading in readings.items()
        if _FIRST <= character <= _LAST or character == _ZERO
    }


def read(text: str, single: dict[str, str], phrases: dict[str, list[str]]) -> list[str]:
    """Read a text by the longest phrase first, as the product does."""
    syllables: list[str] = []
    at = 0
    while at < len(text):
        for length in range(min(12, len(text) - at), 1, -1):
            if (found := phrases.get(text[at : at + length])) is not None:
                syllables += found
                at += length
                break
        else:
            syllables.append(single.get(text[at], text[at]))
            at += 1
    return syllables


def irregular(single: dict[str, str]) -> dict[str, list[str]]:
    """Keep the phrases that shorter ones do not already read right, shortest first."""
    kept: dict[str, list[str]] = {}
    for phrase in sorted(phrases_dict, key=lambda text: (len(text), text)):
        reading = [plain(syllable[0]) for syllable in phrases_dict[phrase]]
        if len(reading) == len(phrase) and read(phrase, single, kept) != reading:
            kept[phrase] = reading
    return kept


def main() -> None:
    """Write the table."""
    single = characters()
    by_syllable: dict[str, list[str]] = {}
    for character, syllable in sorted(single.items()):
        by_syllable.setdefault(syllable, []).append(character)
    phrases = irregular(single)
    lines = [f"{syllable} {''.join(found)}" for syllable, found in sorted(by_syllable.items())]
    lines += ["", *(f"{phrase} {' '.join(reading)}" for phrase, reading in sorted(phrases.items()))]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(single)} characters, {len(phrases)} phrases -> {TABLE.name}")


if __name__ == "__main__":
    main()

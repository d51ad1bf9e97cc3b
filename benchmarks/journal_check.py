"""Have the exported journal checked by beancount and hledger, as commands of their own."""

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks import journal_harm

_ROOTS: Final = re.compile(r"\b(Equity|Liabilities|Income|Expenses|Assets):")
_OPTION: Final = re.compile(r"^option .*\n", re.MULTILINE)
_STRICT: Final = 'option "tolerance_multiplier" "0"\n'
_UNHARMED: Final = ""
_ERROR: Final = re.compile(r":(\d+):")


def bean_check(file: Path) -> list[int]:
    """Let beancount check a file; give the lines that it complains about."""
    command = Path(sys.executable).parent / "bean-check"
    done = subprocess.run(  # noqa: S603 - our own environment's command
        [command, "--no-cache", file], capture_output=True, text=True, check=False
    )
    found = [int(line) for line in _ERROR.findall(done.stderr + done.stdout)]
    assert (done.returncode == 0) == (not found), done.stderr
    return found


def hledger() -> str | None:
    """Find hledger, where it is installed."""
    return shutil.which("hledger")


def hledger_accepts(command: str, file: Path) -> bool:
    """Let hledger check a file strictly."""
    done = subprocess.run(  # noqa: S603 - what was found above
        [command, "-f", file, "check", "--strict"], capture_output=True, check=False
    )
    return done.returncode == 0


def missed(
    journals: Sequence[str], file: Path, *, each: int, fortune: random.Random
) -> Mapping[str, int]:
    """Do every harm to beancount journals, and count by name what bean-check does not find.

    All of it is one file, since a command takes half a second to begin: each harmed journal has
    accounts of its own there, and what is complained about within its lines is found.

    :param each: how often each harm is done.
    :raises AssertionError: a journal that nothing was done to is complained about.
    """
    texts, line = [_STRICT], 2
    spans: list[tuple[str, int, int]] = []
    for name in [_UNHARMED, *[*journal_harm.HARMS] * each]:
        harmed = fortune.choice(journals)
        if name is not _UNHARMED:
            harmed = journal_harm.harmed(harmed, name, fortune)
        text = _ROOTS.sub(rf"\1:M{len(spans)}:", _OPTION.sub("", harmed)) + "\n"
        spans.append((name, line, line + text.count("\n")))
        texts.append(text)
        line += text.count("\n")
    file.write_text("".join(texts))
    found = bean_check(file)
    lost = dict.fromkeys([_UNHARMED, *journal_harm.HARMS], 0)
    for name, first, end in spans:
        lost[name] += not any(first <= one < end for one in found)
    assert lost.pop(_UNHARMED), "what nothing was done to passes"
    return lost

"""Typeset a paper as PDF, in a process of its own: `python -m server.kit.typesetter TEMPLATE`.

The typesetter and its fonts take some eighty megabytes, which go back when the process ends. It
reads the paper's content as JSON and writes the PDF; without a Chinese font it ends with
`NO_FONT`. It imports nothing of the product but this file.
"""

import sys
from pathlib import Path
from typing import Final

import typst

NO_FONT: Final = 3
"""The exit code where no Chinese font is installed."""
FAMILIES: Final = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "PingFang SC",
    "HarmonyOS Sans SC",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
)
"""Chinese fonts, the best first."""


def chosen(installed: list[str]) -> str | None:
    """Give the best Chinese font that is installed; None without one."""
    return next((family for family in FAMILIES if family in installed), None)


def main() -> int:
    """Typeset what comes in."""
    content = sys.stdin.buffer.read().decode()
    fonts = typst.Fonts(include_system_fonts="--no-system-fonts" not in sys.argv)
    family = chosen(fonts.families())
    if family is None:
        return NO_FONT
    # Nothing of what people wrote is ever part of the template: it comes in as data.
    paper = typst.compile(
        Path(sys.argv[1]).read_bytes(),
        format="pdf",
        font_paths=fonts,
        sys_inputs={"paper": content, "family": family},
    )
    sys.stdout.buffer.write(paper)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

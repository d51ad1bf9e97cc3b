"""The scripts of the pages mean what their types say.

TypeScript is a tool of developers: `npm ci --prefix tests/partner_portal/typecheck` fetches the
version that the lock pins, from whatever registry npm is told to use.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "typecheck"
TSC = HERE / "node_modules" / "typescript" / "bin" / "tsc"


@pytest.mark.skipif(
    shutil.which("node") is None or not TSC.exists(),
    reason="TypeScript is not fetched: npm ci --prefix tests/partner_portal/typecheck",
)
def test_the_types_of_the_scripts_hold() -> None:
    node = shutil.which("node") or ""

    checked = subprocess.run(
        [node, str(TSC), "-p", str(HERE)], check=False, capture_output=True, text=True
    )

    assert checked.stdout == ""
    assert checked.returncode == 0


def test_the_lock_names_no_registry() -> None:
    lock = (HERE / "package-lock.json").read_text(encoding="utf-8")

    assert '"integrity": "sha512-' in lock
    assert "http" not in lock

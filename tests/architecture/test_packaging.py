"""What the distributions say that they need is what their code imports, and it is pinned."""

import ast
import re
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.postgres import ROOT

MEMBERS = {
    "pyproject.toml": ("server", "billing", "partner_portal", "world", "benchmarks"),
    "sync_protocol/pyproject.toml": ("sync_protocol",),
    "mobile_client_sdk/pyproject.toml": ("mobile_client_sdk",),
}
OWN = {"server", "billing", "partner_portal", "world", "benchmarks"}
OWN_DISTRIBUTIONS = {
    "sync_protocol": "tonglu-sync-protocol",
    "mobile_client_sdk": "tonglu-mobile-client-sdk",
}


@pytest.mark.parametrize("pyproject", MEMBERS)
def test_every_import_is_a_declared_dependency(pyproject: str) -> None:
    project = tomllib.loads((ROOT / pyproject).read_text())["project"]
    declared = {_name(line) for line in project["dependencies"]}
    for more in project.get("optional-dependencies", {}).values():
        declared |= {_name(line) for line in more}

    missing = {
        f"{file.relative_to(ROOT)} imports {module}"
        for package in MEMBERS[pyproject]
        for file, module in _imports(ROOT / package)
        if module != package and not _distributions(module) & declared
    }

    assert sorted(missing) == []


def test_every_dependency_is_pinned_with_hashes_and_without_a_host() -> None:
    constraints = (ROOT / "constraints.txt").read_text()
    pinned = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", constraints, re.MULTILINE))
    wanted = dict(
        re.findall(r"^([a-z0-9.-]+)==(\S+)", (ROOT / "requirements.in").read_text(), re.MULTILINE)
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {_name(line) for line in project["dependencies"]} - set(OWN_DISTRIBUTIONS.values())

    assert {name: pinned.get(name) for name in wanted} == wanted
    assert sorted(declared - pinned.keys()) == []
    assert constraints.count("--hash=sha256:") > len(pinned)
    assert "://" not in constraints
    assert "index" not in re.sub(r"^\S+==.*$", "", constraints, flags=re.MULTILINE)


def _imports(package: Path) -> list[tuple[Path, str]]:
    """List the foreign packages that a package imports, wherever in a file."""
    found: list[tuple[Path, str]] = []
    for file in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            tops = {name.split(".")[0] for name in names}
            found += [(file, top) for top in tops - OWN if top not in sys.stdlib_module_names]
    return found


@cache
def _installed() -> Mapping[str, list[str]]:
    """Answer which distributions bring which modules: read once, as it opens every one of them."""
    return packages_distributions()


def _distributions(module: str) -> set[str]:
    """Name the distributions that bring a module."""
    if module in OWN_DISTRIBUTIONS:
        return {OWN_DISTRIBUTIONS[module]}
    return {_name(name) for name in _installed().get(module, ())}


def _name(requirement: str) -> str:
    """Read the name of a requirement, in the one spelling."""
    matched = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert matched is not None, requirement
    return re.sub(r"[-_.]+", "-", matched[0]).lower()

"""Who may import what, in finer grain than the contracts of pyproject.toml."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Final

import grimp
import pytest

from tests.postgres import ROOT

PACKAGES = (
    "server",
    "billing",
    "sync_protocol",
    "partner_portal",
    "mobile_client_sdk",
    "world",
    "benchmarks",
)
TECHNICAL = {"kit", "access", "problems", "settings", "embedded"}
"""Below every room: any of their modules may be met."""
ASSEMBLING = {
    *("app", "cli", "serve", "worker", "migrate", "supervisor", "piccolo_conf", "openapi"),
    *("restored", "collect"),
}
"""They put rooms together and may meet any file of them."""
PUBLIC_FILES = {"service", "queries", "schemas", "exports"}
"""What a room shows to other rooms and to the portal."""
PURE_FILES = {"rules"}
"""What rooms may also name: the statuses and refusals that the shown structs are made of."""
SHOWN = {
    # Values of custom fields are read and written on pages as in cells of a file.
    "server.customers.custom.texts",
    "server.customers.custom",
    "server.imports.reasons",
}
"""What pages may use besides: the sentences of an import, which its file of errors says as well."""
MORE_PUBLIC = {
    # The one write path: rooms declare their kinds to it, and read rows with their versions.
    ("changelog", "kinds"),
    ("changelog", "storage"),
    # The normal form of texts, for rooms whose fields ask for no more.
    ("changelog", "texts"),
    # What the server finds out by itself about records goes the same way.
    ("changelog", "facts"),
    # What two records of a company may not share is asked where all of them are written.
    ("changelog", "custom"),
    # A company's contents lie where attachments say, also when all of it is taken along.
    ("attachments", "place"),
    # What a device asks for is read in one way, and refused in one.
    ("changelog", "intents"),
    # What somebody is in charge of is registered with who changes roles.
    ("identity", "charges"),
    # A child of a customer is locked in one order, whichever room decides about it.
    ("customers", "holding"),
    # What became of a write is said in one way, whichever room's record it was.
    ("customers", "saving"),
    # A room whose records have custom fields keeps their search keys as customers do.
    ("customers", "index"),
    # What a new record must have is asked by every room whose records have custom fields.
    ("customers", "custom"),
    # Conflicts travel like a room's records, though no room of customers owns them.
    ("changelog", "conflicts"),
    # Which customers an actor sees is said in one place, also for lists of what belongs to them.
    ("customers", "sight"),
    # The one condition that says which customers a person sees, for queries that join them.
    ("customers", "sight"),
    # The port of the one write path, and what is behind it: sync's own store continues it.
    ("changelog", "store"),
    ("changelog", "postgres"),
    # Upper rooms say as data which of their columns name customers.
    ("customers", "references"),
    # Upper rooms say as data what the rows of a file become.
    ("imports", "targets"),
    # Upper rooms say as data which of a customer's records hold numbers.
    ("customers", "reveals"),
    # Whose a row of a file is, and which of the customer's records, is judged in one place.
    ("customers", "imports"),
    # Who is not to be called is asked wherever a phone would be shown or handed on.
    ("customers", "opt_outs"),
    # An epoch is begun where the clock is kept, and said where devices are spoken to.
    ("changelog", "restoration"),
    # Keys derived from the root secret; the cursor's seal is one of them.
    ("identity", "keys"),
    # What the platform is answered with, in rooms inside the room, stands in the list of its looks.
    ("benefits", "batches"),
    ("benefits", "vouchers"),
    ("benefits", "reviews"),
    ("commissions", "sheets"),
}
"""What a room shows besides, each with its reason."""


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Everything that imports anything."""
    return grimp.build_graph(*PACKAGES, include_external_packages=True)


def test_the_contracts_of_pyproject_hold() -> None:
    checked = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout[-4000:]


_KNOWN: Final = """
from server.imports import targets
{}
print(*sorted(each.name for each in targets.registered()))
"""


def test_the_worker_and_the_pages_know_the_same_that_rows_may_become() -> None:
    processes = {
        "pages": "import partner_portal.app",
        "worker": "from server import worker; worker.collect_handlers()",
    }

    known = {
        name: subprocess.run(
            [sys.executable, "-c", _KNOWN.format(beginning)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for name, beginning in processes.items()
    }

    assert known["pages"] == known["worker"]
    assert {"customers", "custom_records", "deals", "leads", "prices"} <= set(known["pages"])


def test_rooms_meet_at_their_public_files(graph: grimp.ImportGraph) -> None:
    refused = [
        f"{importer} -> {imported}"
        for importer, imported in _imports(graph)
        if importer.startswith("server.")
        and imported.startswith("server.")
        and not _may_meet(importer.split("."), imported.split("."))
    ]

    assert refused == []


def test_the_portal_imports_only_what_rooms_show(graph: grimp.ImportGraph) -> None:
    refused = [
        f"{importer} -> {imported}"
        for importer, imported in _imports(graph)
        if importer.split(".")[0] == "partner_portal" and not _portal_may_import(imported)
    ]

    assert refused == []


@pytest.mark.parametrize("package", ["sync_protocol", "billing"])
def test_time_and_chance_come_in_as_arguments(package: str) -> None:
    assert _impure_calls(ROOT / package) == []


def test_the_server_reads_the_clock_in_one_place() -> None:
    allowed = {"server/kit/clock.py", "server/kit/ids.py"}

    found = [call for call in _impure_calls(ROOT / "server") if call.split(":")[0] not in allowed]

    assert found == []


def _imports(graph: grimp.ImportGraph) -> list[tuple[str, str]]:
    """List every direct import, sorted."""
    return sorted(
        (importer, imported)
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    )


def _may_meet(importer: list[str], imported: list[str]) -> bool:
    """Say whether a module of one room may import a module of another one."""
    if len(imported) == 1 or importer[1] == imported[1]:
        return True
    if imported[1] in TECHNICAL or importer[1] in ASSEMBLING:
        return True
    file = imported[2] if len(imported) > 2 else "__init__"
    if file == "tables":
        # A foreign key names the other room's table.
        return importer[2:3] == ["tables"]
    if "sync" in imported[2:]:
        # The registry of what travels is the one reader, also of a room inside a room, and where
        # the file has grown to a folder.
        return importer[1:3] == ["sync", "registry"]
    return file in PUBLIC_FILES | PURE_FILES | {"__init__"} or (imported[1], file) in MORE_PUBLIC


def _portal_may_import(imported: str) -> bool:
    """Say whether the pages may use this module."""
    parts = imported.split(".")
    match parts[0]:
        case "partner_portal" | "sync_protocol":
            return True
        case "server":
            technical = {"app", "access", "kit", "problems", "settings"}
            return (
                len(parts) == 1
                or parts[1] in technical
                or parts[2:3] in ([], ["service"])
                or (len(parts) > 2 and parts[2] in PUBLIC_FILES)
                or imported in SHOWN
                # A room inside a room shows the same files.
                or (len(parts) > 3 and parts[3] in PUBLIC_FILES)
            )
        case package:
            return package not in {"billing", "piccolo", "asyncpg", "world", "mobile_client_sdk"}


def _impure_calls(folder: Path) -> list[str]:
    """Find reads of the clock and of chance: `datetime.now()`, `time.time()`, `uuid4()` and kin."""
    names = {
        "datetime.now",
        "datetime.utcnow",
        "datetime.today",
        "date.today",
        "time.time",
        "time.time_ns",
        "uuid4",
        "uuid.uuid4",
        "uuid1",
        "uuid.uuid1",
        "random.random",
    }
    return [
        f"{file.relative_to(ROOT)}:{node.lineno} {ast.unparse(node.func)}"
        for file in sorted(folder.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names
    ]

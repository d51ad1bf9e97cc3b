"""Pack a company's data for its owner, and rebuild the company from it in a fresh install.

Packing is one snapshot; rebuilding is one transaction, which ends by reading back what it wrote:
counts and digests are those of the manifest, or nothing is kept.
"""

import asyncio
import hashlib
import json
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.attachments.place import place
from server.audit import service as audit
from server.customers.opt_outs import queries as opt_outs
from server.customers.opt_outs import service as opting_out
from server.customers.opt_outs.rules import OptOutReason
from server.kit import db, version
from server.takeout import queries, rules
from server.takeout.guide import guide
from server.takeout.queries import Sink
from server.takeout.rules import CompanyExists, File, Manifest, TakeoutDamaged

MANIFEST: Final = "manifest.json"
LOGINS: Final = "logins.jsonl"
OPTED_OUT: Final = "opted_out.jsonl"
_PIECE: Final = 1_000
"""Rows of one statement."""
_BYTES: Final = 1 << 18
"""Of a piece that is sent."""
_WHOLE: Final = frozenset({"lead_source"})
"""Tables whose rows refer to each other: they are written at once."""
_LOGINS: Final = """
SELECT login, user_id FROM login_name WHERE tenant_id = $1 ORDER BY login COLLATE "C"
"""
_INSERT: Final = """
INSERT INTO "{table}" SELECT * FROM jsonb_populate_recordset(NULL::"{table}", $1::jsonb)
"""
_ADD_LOGIN: Final = """
INSERT INTO login_name (login, tenant_id, user_id, changed_at)
VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""
# The rows come as they were, and no statement waits for another.
_AT_LENGTH: Final = "SET LOCAL statement_timeout = 0; SET LOCAL timezone = 'UTC'"


# ------------------------------------------------------------------------------------- packing


async def pack(actor: Actor, into: Path, *, now: datetime) -> Manifest:
    """Write all of the actor's company into a file, as of one moment; its trail says so.

    Everything is in it that the company wrote, and what the platform keeps of it. Passwords and
    keys are not: people choose a password anew. Of phones that are not to be called it says so.
    """
    actor.ensure_agent()
    ensure(actor, Permission.USERS_MANAGE)
    tenant_id = actor.tenant_id
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        async with db.tenant_transaction(tenant_id, snapshot=True):
            await db.connection().execute(_AT_LENGTH)
            columns = await queries.columns()
            tables = []
            for name in columns:
                with _file(packed, f"tables/{name}.jsonl") as sink:
                    tables.append(await queries.table(name, sink))
            kept = []
            for name in queries.KEPT:
                with _file(packed, f"kept/{name}.jsonl") as sink:
                    kept.append(await queries.kept(name, sink))
            company = await db.connection().fetchval("SELECT name FROM tenant")
            kept.append(_lines(packed, LOGINS, await _logins(tenant_id)))
            phones = await queries.phones(tenant_id, columns)
            banned = await opt_outs.among(phones)
            rows = [{"phone": phone, "reason": str(banned[phone])} for phone in sorted(banned)]
            kept.append(_lines(packed, OPTED_OUT, rows))
            keys = await queries.contents(tenant_id)
            # Behind all that was read, so that what is rebuilt and taken out again is the same.
            await audit.record(actor, "company.taken_out", subject_id=None, now=now)
        contents = []
        for key in keys:
            with _file(packed, f"contents/{key}") as sink:
                path = f"contents/{key}"
                contents.append(await queries.hashed(path, place().storage.read(key), sink))
        manifest = Manifest(
            format=rules.FORMAT,
            tenant_id=tenant_id,
            company=company,
            made_at=now,
            product=version.installed(),
            columns=columns,
            tables=tables,
            contents=contents,
            kept=kept,
        )
        packed.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        packed.writestr("README.md", guide(manifest))
    return manifest


class Packed:
    """A takeout on its way to the owner; its folder is let go of behind the last piece."""

    def __init__(self, folder: "TemporaryDirectory[str]", made_at: datetime) -> None:
        self._folder = folder
        self.headers = {
            "Content-Disposition": f'attachment; filename="tonglu-{made_at:%Y%m%d}.zip"'
        }

    @property
    def file(self) -> Path:
        """Where it lies."""
        return Path(self._folder.name) / "takeout.zip"

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give it piece by piece."""
        with self._folder, self.file.open("rb") as opened:
            while piece := await asyncio.to_thread(opened.read, _BYTES):
                yield piece


async def packed(actor: Actor, *, now: datetime) -> Packed:
    """Pack the actor's company to be sent."""
    folder = TemporaryDirectory(prefix="tonglu-takeout-")
    try:
        made = Packed(folder, now)
        await pack(actor, made.file, now=now)
    except BaseException:
        folder.cleanup()
        raise
    return made


@contextmanager
def _file(packed: zipfile.ZipFile, path: str) -> Iterator[Sink]:
    """Open a file of the takeout to be written piece by piece."""
    with packed.open(path, "w", force_zip64=True) as file:

        async def sink(piece: bytes) -> None:
            file.write(piece)

        yield sink


def _lines(packed: zipfile.ZipFile, path: str, rows: list[dict[str, str]]) -> File:
    """Write rows as lines."""
    text = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
    packed.writestr(path, text)
    return File(path, len(rows), hashlib.sha256(text).hexdigest())


async def _logins(tenant_id: UUID) -> list[dict[str, str]]:
    """Give who signs in under which name."""
    rows = await db.connection().fetch(_LOGINS, tenant_id)
    return [{"login": row["login"], "user_id": str(row["user_id"])} for row in rows]


# ---------------------------------------------------------------------------------- rebuilding


async def rebuild(source: Path, *, now: datetime) -> Manifest:
    """Rebuild a company from its takeout: all of it, row by row the same, or nothing.

    Nobody can sign in yet: an operator invites its owner.

    :raises TakeoutDamaged: a file is not what the manifest says.
    :raises TakeoutOfAnotherSchema: this version keeps other tables.
    :raises CompanyExists: it is here already.
    """
    try:
        with zipfile.ZipFile(source) as packed:
            return await _rebuild(packed, now=now)
    except (zipfile.BadZipFile, KeyError, msgspec.ValidationError, msgspec.DecodeError) as error:
        raise TakeoutDamaged("This is no whole takeout; take the data out again.") from error


async def _rebuild(packed: zipfile.ZipFile, *, now: datetime) -> Manifest:
    """Rebuild a company from an open takeout."""
    manifest = msgspec.json.decode(packed.read(MANIFEST), type=Manifest)
    for told in (*manifest.tables, *manifest.contents, *manifest.kept):
        rules.ensure_same(told, _found(packed, told))
    async with db.tenant_transaction(manifest.tenant_id):
        await db.connection().execute(_AT_LENGTH)
        if await db.connection().fetchval("SELECT true FROM tenant"):
            raise CompanyExists("Rebuild it in an install that does not have it.")
        columns = await queries.columns()
        rules.ensure_fits(manifest, columns)
        for name in columns:
            await _write(packed, name)
        for told in manifest.tables:
            name = Path(told.path).stem
            rules.ensure_same(told, await queries.table(name))
        for row in _rows(packed, LOGINS):
            values = (row["login"], manifest.tenant_id, UUID(row["user_id"]), now)
            await db.connection().execute(_ADD_LOGIN, *values)
        for row in _rows(packed, OPTED_OUT):
            reason = OptOutReason(row["reason"])
            await opting_out.carry(manifest.tenant_id, row["phone"], reason, now=now)
    for told in manifest.contents:
        await place().storage.put(told.path.removeprefix("contents/"), packed.read(told.path))
    return manifest


def _found(packed: zipfile.ZipFile, told: File) -> File:
    """Count and hash a file of the takeout."""
    digest, rows = hashlib.sha256(), 0
    with packed.open(told.path) as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
            rows += piece.count(b"\n")
    return File(told.path, 1 if told.path.startswith("contents/") else rows, digest.hexdigest())


async def _write(packed: zipfile.ZipFile, name: str) -> None:
    """Write the rows of a table, as they were."""
    with packed.open(f"tables/{name}.jsonl") as file:
        lines = file.read().decode().splitlines()
    size = len(lines) if name in _WHOLE else _PIECE
    # The platform's looks alone are written by the platform's role, under the company's policy.
    by_platform = name == "platform_read"
    if by_platform:
        await db.connection().execute("SET LOCAL ROLE tonglu_platform")
    for start in range(0, len(lines), size or 1):
        rows = f"[{','.join(lines[start : start + size])}]"
        await db.connection().execute(_INSERT.format(table=name), rows)
    if by_platform:
        await db.connection().execute("RESET ROLE")


def _rows(packed: zipfile.ZipFile, path: str) -> list[dict[str, str]]:
    """Read the lines of a file."""
    return [json.loads(line) for line in packed.read(path).splitlines()]

"""Copy what the product takes from npm into the repository, locked by hash.

`vendor.toml` says what and why, `vendor.lock` what it hashed to, THIRD_PARTY_NOTICES whose it is.
The product itself never needs npm: run this only to move to other versions.

    python -m partner_portal.vendor           pack, copy, build the icon sprite, write the lock
    python -m partner_portal.vendor --check   only compare the committed files with the lock
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec

HERE = Path(__file__).parent
ROOT = HERE.parent
LOCK = HERE / "vendor.lock"
NOTICES = HERE / "THIRD_PARTY_NOTICES"
SPRITE = HERE / "static" / "icons.svg"
_SVG = "{http://www.w3.org/2000/svg}"
_CODE = re.compile(r'(\d{6}): ("(?:[^"\\]|\\.)*")')


class Package(msgspec.Struct, frozen=True):
    """One npm package and what of it is kept."""

    name: str
    version: str
    licence: str
    licence_file: str
    source: str
    into: str
    files: list[str]
    icons: list[str] = []
    """What the sprite is built from."""
    codes: str = ""
    """Where the codes and names that its script lists are written as JSON, in the repository."""

    @property
    def folder(self) -> Path:
        """The folder of this version, inside the repository."""
        return ROOT / self.into / f"{self.name.replace('/', '__').lstrip('@')}@{self.version}"


class Locked(msgspec.Struct, frozen=True):
    """What a package hashed to when it was taken."""

    name: str
    version: str
    licence: str
    tarball_sha256: str
    files: dict[str, str]


def read_packages() -> list[Package]:
    """Read vendor.toml."""
    document = tomllib.loads((HERE / "vendor.toml").read_text(encoding="utf-8"))
    return msgspec.convert(document["package"], list[Package])


def read_lock() -> list[Locked]:
    """Read vendor.lock."""
    return msgspec.json.decode(LOCK.read_bytes(), type=list[Locked])


def differences() -> list[str]:
    """Name each committed file that is not what the lock says, and each package without a lock."""
    locked = read_lock()
    wanted = {(package.name, package.version) for package in read_packages()}
    found = [
        f"{name}@{version} is in only one of vendor.toml and vendor.lock"
        for name, version in sorted(wanted ^ {(lock.name, lock.version) for lock in locked})
    ]
    for lock in locked:
        for path, digest in lock.files.items():
            file = ROOT / path
            if not file.is_file():
                found.append(f"{path} is missing")
            elif _sha256(file.read_bytes()) != digest:
                found.append(f"{path} was changed by hand")
    return found


def take() -> None:
    """Pack every package again, copy what is kept, and write the lock and the notices."""
    locks: list[Locked] = []
    notices = ["Third-party files inside this repository, and their licences.\n"]
    with tempfile.TemporaryDirectory() as scratch:
        for package in read_packages():
            tarball = _pack(package, Path(scratch))
            unpacked = Path(scratch) / tarball.stem
            with tarfile.open(tarball) as archive:
                archive.extractall(unpacked, filter="data")
            files = _copy(package, unpacked / "package")
            locks.append(
                Locked(
                    package.name,
                    package.version,
                    package.licence,
                    _sha256(tarball.read_bytes()),
                    {
                        str(path.relative_to(ROOT)): _sha256(path.read_bytes())
                        for path in sorted(files)
                    },
                )
            )
            licence = (unpacked / "package" / package.licence_file).read_text(encoding="utf-8")
            notices.append(
                f"{'=' * 78}\n{package.name} {package.version} · {package.licence}\n"
                f"{package.source}\n{'=' * 78}\n\n{licence.strip()}\n"
            )
    LOCK.write_bytes(msgspec.json.format(msgspec.json.encode(locks), indent=2) + b"\n")
    NOTICES.write_text("\n".join(notices), encoding="utf-8")


def _pack(package: Package, scratch: Path) -> Path:
    """Fetch one package as a tarball with the ordinary npm client."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is not installed: it is needed only to take packages again.")
    answer = subprocess.run(  # noqa: S603 -- the names come from our own vendor.toml
        [npm, "pack", f"{package.name}@{package.version}", "--json", "--pack-destination", scratch],
        check=True,
        capture_output=True,
        cwd=scratch,
    )
    described: list[dict[str, Any]] = json.loads(answer.stdout)
    return scratch / str(described[0]["filename"]).replace("@", "").replace("/", "-")


def _copy(package: Package, unpacked: Path) -> list[Path]:
    """Copy the files that are kept, with the licence beside them, and build the sprite."""
    shutil.rmtree(package.folder, ignore_errors=True)
    package.folder.mkdir(parents=True)
    kept: list[Path] = []
    for name in [*package.files, package.licence_file]:
        target = package.folder / Path(name).name
        shutil.copyfile(unpacked / name, target)
        kept.append(target)
    if package.icons:
        SPRITE.write_text(_sprite(package, unpacked / "icons"), encoding="utf-8")
        kept.append(SPRITE)
    if package.codes:
        target = ROOT / package.codes
        target.write_text(_codes(unpacked / "dist" / "index.js"), encoding="utf-8")
        kept.append(target)
    return kept


def _codes(script: Path) -> str:
    """Read ``330700: "..."`` of a script, all of them, as JSON: a line each, in their order."""
    found = dict(_CODE.findall(script.read_text(encoding="utf-8")))
    named = {code: json.loads(name) for code, name in sorted(found.items())}
    return json.dumps(named, ensure_ascii=False, indent=0) + "\n"


def _sprite(package: Package, icons: Path) -> str:
    """Put the wanted icons into one SVG whose symbols take stroke and colour from the page."""
    symbols = []
    for name in sorted(package.icons):
        text = (icons / f"{name}.svg").read_text(encoding="utf-8")
        drawing = ET.fromstring(text)  # noqa: S314 - the file is of a pinned, hashed tarball
        shapes = []
        for shape in drawing:
            attributes = " ".join(f'{key}="{value}"' for key, value in shape.attrib.items())
            shapes.append(f"<{shape.tag.removeprefix(_SVG)} {attributes}/>")
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{"".join(shapes)}</symbol>')
    note = f"<!-- lucide-static {package.version}, {package.licence} -->"
    body = "\n".join(symbols)
    return f'{note}\n<svg xmlns="http://www.w3.org/2000/svg">\n{body}\n</svg>\n'


def _sha256(content: bytes) -> str:
    """Hash a file's content."""
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only")
    if not parser.parse_args().check:
        take()
    found = differences()
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()

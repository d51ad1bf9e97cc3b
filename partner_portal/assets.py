"""Give every static file an address that names its content, so that browsers keep it for ever.

Computed once at start-up: no build step and no bundler. Scripts find each other through an import
map.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import mimetypes
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import msgspec

STATIC = Path(__file__).parent / "static"
PREFIX = "/static"

_STYLES = (
    "css/scale.css",
    "css/tokens.css",
    "css/base.css",
    "css/layout.css",
    "css/components.css",
    "css/deals.css",
)
"""The style sheets, in the order of their layers; served as one file."""

_PACKAGES = {"htmx": "vendor/htmx.org@4.0.1/htmx.esm.min.js"}
"""Bare names under which scripts import what others wrote."""

_URL = re.compile(r'url\("(?P<path>[^")]+)"\)')
_SPRITE = "icons.svg"
_SYMBOL = re.compile(r'<symbol id="([\w-]+)"')
_HASH_LENGTH = 10
_COMPRESSIBLE = (".css", ".js", ".svg", ".json")


class Asset(msgspec.Struct, frozen=True):
    """One file as it is sent."""

    address: str
    content: bytes
    media_type: str
    gzipped: bytes | None


class Assets(msgspec.Struct, frozen=True):
    """All static files: by name for templates, by address for browsers."""

    by_name: Mapping[str, Asset]
    by_address: Mapping[str, Asset]
    import_map: str
    icons: frozenset[str]

    def address(self, name: str) -> str:
        """Give the address of a static file.

        :raises KeyError: when there is no such file, which is a mistake in a template.
        """
        return self.by_name[name].address

    def icon(self, name: str) -> str:
        """Give the address of one icon inside the sprite.

        :raises KeyError: when the sprite has none of this name; add it to vendor.toml.
        """
        if name not in self.icons:
            raise KeyError(name)
        return f"{self.address(_SPRITE)}#{name}"


def load(root: Path = STATIC) -> Assets:
    """Read, hash and compress every static file."""
    named: dict[str, Asset] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and path.suffix != ".css" and path.name != "LICENSE":
            named[name] = _asset(name, path.read_bytes())
    named["app.css"] = _asset("app.css", _stylesheet(root, named))
    modules = {bare: named[name].address for bare, name in _PACKAGES.items()}
    modules |= {
        f"portal/{PurePosixPath(name).stem}": asset.address
        for name, asset in named.items()
        if name.startswith("js/")
    }
    return Assets(
        by_name=named,
        by_address={asset.address: asset for asset in named.values()},
        import_map=json.dumps({"imports": modules}, separators=(",", ":")),
        icons=frozenset(_SYMBOL.findall(named[_SPRITE].content.decode())),
    )


def _asset(name: str, content: bytes) -> Asset:
    """Name one file by its content."""
    path = PurePosixPath(name)
    digest = hashlib.sha256(content).hexdigest()[:_HASH_LENGTH]
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if path.suffix == ".js":
        media_type = "text/javascript"
    if path.suffix in _COMPRESSIBLE:
        media_type += "; charset=utf-8"
    gzipped = gzip.compress(content, mtime=0) if path.suffix in _COMPRESSIBLE else None
    return Asset(
        f"{PREFIX}/{path.parent / path.stem}.{digest}{path.suffix}", content, media_type, gzipped
    )


def _stylesheet(root: Path, named: Mapping[str, Asset]) -> bytes:
    """Join the style sheets and point them to the hashed addresses of what they use."""

    def hashed(match: re.Match[str]) -> str:
        return f'url("{named[match["path"].removeprefix("../")].address}")'

    text = "\n".join((root / name).read_text(encoding="utf-8") for name in _STYLES)
    return _URL.sub(hashed, text).encode()

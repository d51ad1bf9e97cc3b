"""One-time codes under the keys of this process: make one, find a typed one again."""

import secrets

import msgspec

from server.identity import keys
from server.identity.rules.codes import Kind
from server.identity.service import qr


class Made(msgspec.Struct, frozen=True):
    """A new code as it is shown, this once, and what is stored in its place."""

    shown: str
    uri: str
    qr_svg: str
    code_hash: bytes


def make(kind: Kind) -> Made:
    """Make a code at random."""
    code, held = kind.new(secrets.choice), keys.current()
    uri = kind.uri(code, public_url=held.public_url)
    return Made(kind.shown(code), uri, qr.svg(uri), kind.fingerprint(code, key=held.mac))


def hashes(kind: Kind, text: str) -> list[bytes]:
    """Give what may be stored for a typed code: the key may have been turned since it was made.

    :raises Invalid: the kind's `mistyped`.
    """
    code = kind.read(text)
    return [kind.fingerprint(code, key=key) for key in keys.current().macs]

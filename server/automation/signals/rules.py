"""How a system outside proves that it is one: the signature of Standard Webhooks. Pure.

The secret of a source is derived from the server's root secret, the company and the source, so it
lies in no database and no backup, and a signature is looked at before anything is read. When the
root secret is turned over, sources signed with the old one are believed until it is taken away.
"""

import hmac
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from server.kit import clock
from server.kit.errors import Invalid, Unauthenticated

PREFIX: Final = "whsec_"
TOLERANCE: Final = timedelta(minutes=5)
"""How far the sender's clock may be off, and how long somebody could send a message again."""
_VERSION: Final = "v1,"


class SignatureRefused(Unauthenticated):
    """A message from outside is not signed by its source, or was signed too long ago."""

    code = "signature_refused"


class AccountFieldUnfit(Invalid):
    """Customers are named by a custom field of theirs in which no value comes twice."""

    code = "account_field_unfit"


class CustomerUnnamed(Invalid):
    """A signal names its customer by id or by account, not by both, and not by neither."""

    code = "customer_unnamed"


def secret(tenant_id: UUID, source_id: UUID, *, key: bytes) -> bytes:
    """Derive the secret of a source."""
    return hmac.digest(key, f"tonglu signals\0{tenant_id}\0{source_id}".encode(), "sha256")


def shown(secret: bytes) -> str:
    """Spell a secret as senders' libraries take it."""
    return PREFIX + b64encode(secret).decode()


def sign(secret: bytes, event_id: str, sent_s: str, body: bytes) -> str:
    """Sign a message as its sender does.

    :param sent_s: when it is sent, in seconds since 1970.
    """
    message = f"{event_id}.{sent_s}.".encode() + body
    return _VERSION + b64encode(hmac.digest(secret, message, "sha256")).decode()


def ensure_signed(
    secrets: Sequence[bytes],
    *,
    event_id: str,
    sent_s: str,
    signatures: str,
    body: bytes,
    now: datetime,
) -> None:
    """Refuse what its source did not sign just now.

    :param signatures: as they were sent, several with spaces between.
    :raises SignatureRefused: with the same words for every reason.
    """
    is_moment = sent_s.isascii() and sent_s.isdigit() and len(sent_s) < 12  # noqa: PLR2004 - digits
    age = now - clock.from_ms(int(sent_s) * 1000) if is_moment else TOLERANCE * 2
    wanted = [sign(each, event_id, sent_s, body) for each in secrets]
    is_signed = any(
        hmac.compare_digest(given.encode(), each.encode())
        for given in signatures.split()
        for each in wanted
    )
    if not (event_id and is_signed and abs(age) <= TOLERANCE):
        raise SignatureRefused(
            "Sign the message with the secret of its source, and send it at once."
        )

"""tonglu-verify: check a statement of the books, or that they only grew, without asking anybody.

    tonglu_verify.py statement STATEMENT HEAD PUBLIC_KEY
    tonglu_verify.py grown OLDER_HEAD NEWER_HEAD PROOF PUBLIC_KEY

STATEMENT, HEAD and PROOF are files as Tonglu publishes them; PUBLIC_KEY is the 64 hexadecimal
digits that the platform has published elsewhere. It needs Python 3.9 and nothing else. It is
written from RFC 9162 section 2.1 (the tree) and RFC 8032 section 5.1 (signatures), apart from the
code that makes what it checks. It ends with 0 when all holds, else with 1, and says which line
does not.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

Point = tuple[int, int, int, int]
Record = dict[str, Any]

LINE = (
    *("version", "transfer_id", "pending_minor", "posted_minor", "pending_after", "posted_after"),
    *("effective_at", "effective_until", "booked_at", "recorded_at", "event", "transfer_digest"),
)
HEAD = (
    *("format", "n", "first_seq", "size", "block_root", "log_root", "previous", "sealed_at"),
    *("public_key", "signature"),
)
TOP = ("format", "account_id", "owner_id", "currency", "size", "lines")
NUMBERS = {
    *("version", "pending_minor", "posted_minor", "pending_after", "posted_after", "seq"),
    *("n", "first_seq", "size"),
}


class Wrong(Exception):
    """Something does not hold; says what and where."""


# ------------------------------------------------------------------------- Ed25519, RFC 8032 5.1

KEY_BYTES, SIGNATURE_BYTES = 32, 64
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


def add(one: Point, other: Point) -> Point:
    """Add two points in extended coordinates (5.1.4)."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(number: int, point: Point) -> Point:
    """Multiply a point."""
    total = (0, 1, 1, 0)
    while number:
        if number & 1:
            total = add(total, point)
        point, number = add(point, point), number >> 1
    return total


def point_of(encoded: bytes) -> Point:
    """Decode a point (5.1.3)."""
    y = int.from_bytes(encoded, "little")
    is_odd, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT_OF_MINUS_1 % P
    if y >= P or x * x % P != square or (x == 0 and is_odd):
        raise Wrong("the key or the signature is none")
    if x & 1 != is_odd:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Verify a signature (5.1.7)."""
    if (len(public_key), len(signature)) != (KEY_BYTES, SIGNATURE_BYTES):
        return False
    key, point = point_of(public_key), point_of(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if scalar >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    right = add(point, times(int.from_bytes(digest, "little") % ORDER, key))
    left = times(scalar, BASE)
    return all((left[n] * right[2] - right[n] * left[2]) % P == 0 for n in (0, 1))


# -------------------------------------------------------------------- the tree, RFC 9162 2.1


def node(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into one."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def climb(place: int, last: int, proof: list[bytes], old: bytes, new: bytes) -> tuple[bytes, bytes]:
    """Go up along a proof (2.1.3.2, 2.1.4.2); give both hashes that it leads to."""
    for beside in proof:
        if last == 0:
            raise Wrong("the proof is too long")
        if place & 1 or place == last:
            old, new = node(beside, old), node(beside, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node(new, beside)
        place, last = place >> 1, last >> 1
    if last:
        raise Wrong("the proof is too short")
    return old, new


def ensure_included(leaf: bytes, seq: int, size: int, proof: list[bytes], root: bytes) -> None:
    """Refuse a leaf that is not in the log."""
    if not 0 <= seq < size or climb(seq, size - 1, proof, leaf, leaf)[1] != root:
        raise Wrong("it is not in the log as it stands here")


def ensure_grown(older: Record, newer: Record, proof: list[bytes]) -> None:
    """Refuse a log that does not begin with an older one."""
    if older["size"] == newer["size"]:
        if proof or older["log_root"] != newer["log_root"]:
            raise Wrong("two logs of one size differ")
        return
    if not 0 < older["size"] < newer["size"]:
        raise Wrong("the newer log is smaller than the older")
    old_root, new_root = (bytes.fromhex(head["log_root"]) for head in (older, newer))
    proof = [old_root, *proof] if older["size"] & (older["size"] - 1) == 0 else proof
    if not proof:
        raise Wrong("the proof is too short")
    place, last = older["size"] - 1, newer["size"] - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    if climb(place, last, proof[1:], proof[0], proof[0]) != (old_root, new_root):
        raise Wrong("the newer log does not begin with the older one")


# ------------------------------------------------------------------------------------ the files


def compact(value: Any) -> bytes:
    """Write JSON in the one way in which it is hashed, signed and published."""
    return json.dumps(value, separators=(",", ":")).encode()


def read(text: bytes, names: tuple[str, ...]) -> Record:
    """Read an object that has these members, in this order, written in the one way."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Wrong("it is not JSON") from None
    if not isinstance(value, dict) or tuple(value) != names or compact(value) != text:
        raise Wrong("it is not written as Tonglu writes it")
    for name in names:
        kind = list if name == "lines" else int if name in NUMBERS else str
        if type(value[name]) is not kind:
            raise Wrong(name + " is of a wrong type")
    return value


def hashes(text: str) -> list[bytes]:
    """Read the hashes of a proof."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Wrong("the proof is not base64") from None
    if len(data) % 32 or base64.b64encode(data).decode() != text:
        raise Wrong("the proof is not made of hashes")
    return [data[at : at + 32] for at in range(0, len(data), 32)]


def read_head(data: bytes, public_key: str) -> Record:
    """Read a published head and verify its signature."""
    try:
        head = read(data.rstrip(b"\n"), HEAD)
        ensure_signed(head, public_key)
    except (Wrong, ValueError) as wrong:
        raise Wrong(f"head: {wrong}") from None
    if not data.endswith(b"}\n"):
        raise Wrong("head: it does not end with its line")
    return head


def ensure_signed(head: Record, public_key: str) -> None:
    """Refuse a head that the published key did not sign."""
    told = ["tonglu.head.v1", *(head[name] for name in HEAD[1:8])]
    if head["format"] != told[0] or head["public_key"] != public_key:
        raise Wrong("it is not signed with the published key")
    signature = bytes.fromhex(head["signature"])
    if signature.hex() != head["signature"] or not is_signed(
        bytes.fromhex(public_key), compact(told), signature
    ):
        raise Wrong("the signature does not hold")


def check_line(text: bytes, top: Record, head: Record, before: Record | None) -> Record:
    """Check one line of a statement against the log and the line before it."""
    line = read(text, (*LINE, "seq", "proof"))
    told = [top["account_id"], top["owner_id"], top["currency"], *(line[name] for name in LINE)]
    leaf = hashlib.sha256(b"\x00" + compact(["tonglu.entry.v1", *told])).digest()
    root = bytes.fromhex(head["log_root"])
    ensure_included(leaf, line["seq"], head["size"], hashes(line["proof"]), root)
    if before is None and line["version"] > 1:
        return line
    held = before or {"version": 0, "pending_after": 0, "posted_after": 0}
    if line["version"] != held["version"] + 1:
        raise Wrong("a line before it is left out")
    for what in ("pending", "posted"):
        if line[what + "_after"] != held[what + "_after"] + line[what + "_minor"]:
            raise Wrong("the balance does not follow from the line before")
    return line


def check_statement(data: bytes, head: Record) -> tuple[Record, int, Record]:
    """Check a statement, line by line; give its account, its lines' number and the last of them."""
    first, *rows = data.split(b"\n")
    try:
        top = read(first + b"]}", TOP)
    except Wrong as wrong:
        raise Wrong(f"line 1: {wrong}") from None
    if top["format"] != "tonglu.statement.v1" or top["lines"]:
        raise Wrong("line 1: it is not the beginning of a statement")
    if top["size"] != head["size"]:
        raise Wrong(f"line 1: it is proven against another head, of {top['size']} leaves")
    *lines, end, after = rows if len(rows) > 1 else [b"", b""]
    if not lines or (end, after) != (b"]}", b""):
        raise Wrong(f"line {len(rows)}: the statement does not end as one, or is empty")
    line: Record = {}
    for number, text in enumerate(lines, 2):
        comma = b"," if number <= len(lines) else b""
        try:
            line = check_line(text[: len(text) - len(comma)], top, head, line or None)
        except Wrong as wrong:
            raise Wrong(f"line {number}: {wrong}") from None
        if not text.endswith(b"}" + comma):
            raise Wrong(f"line {number}: it does not end as a line does")
    return top, len(lines), line


def run(arguments: argparse.Namespace) -> str:
    """Do what is asked and tell the good outcome."""
    key = arguments.public_key.lower()
    if arguments.what == "grown":
        older, newer = (read_head(load(one), key) for one in (arguments.older, arguments.newer))
        ensure_grown(older, newer, hashes(load(arguments.proof).decode("ascii", "replace").strip()))
        return f"The log of {newer['size']} leaves begins with that of {older['size']}."
    head = read_head(load(arguments.head), key)
    try:
        top, count, last = check_statement(load(arguments.statement), head)
    except Wrong as wrong:
        raise Wrong("statement: " + str(wrong)) from None
    return (
        f"{count} lines of account {top['account_id']} hold; the balance is {last['posted_after']}"
        f" {top['currency']} (in minor units), by head {head['n']} of {head['sealed_at']}."
    )


def load(path: str) -> bytes:
    """Read a file."""
    return Path(path).read_bytes()


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Check a statement of the books, alone.")
    asked = parser.add_subparsers(dest="what", required=True)
    statement = asked.add_parser("statement", help="check a statement against a published head")
    grown = asked.add_parser("grown", help="check that a later log begins with an earlier one")
    for one, names in ((statement, ("statement", "head")), (grown, ("older", "newer", "proof"))):
        for name in (*names, "public_key"):
            one.add_argument(name)
    try:
        sys.stdout.write(run(parser.parse_args()) + "\n")
    except (Wrong, OSError) as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""tonglu-verify: check a statement of the books, or that they only grew, without asking anybody.

    tonglu_verify.py statement STATEMENT HEAD PUBLIC_KEY
    tonglu_verify.py signed SIGNED_STATEMENT HEAD PUBLIC_KEY
    tonglu_verify.py grown OLDER_HEAD NEWER_HEAD PROOF PUBLIC_KEY

The files are as Tonglu publishes them; PUBLIC_KEY is the 64 hexadecimal digits that the platform
has published elsewhere. It needs Python 3.9 alone, and is written from RFC 9162 section 2.1 (the
tree) and RFC 8032 section 5.1 (signatures), apart from the code that makes what it checks. It ends
with 0 when all holds, else with 1, and says which line does not.
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
SIGNED = ("format", "agent_id", "period", "currency", "accounts", "signature")
AMOUNTS = ("pending", "posted")
NUMBERS = {"version", *LINE[2:6], "seq", "n", "first_seq", "size"}


class Wrong(Exception):
    """Something does not hold; says what and where."""


def ensure(wrong: str, holds: object) -> None:
    """Refuse what does not hold."""
    if not holds:
        raise Wrong(wrong)


P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


def add(one: Point, other: Point) -> Point:
    """Add two points in extended coordinates (RFC 8032, 5.1.4)."""
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
        total = add(total, point) if number & 1 else total
        point, number = add(point, point), number >> 1
    return total


def point_of(encoded: bytes) -> Point:
    """Decode a point (5.1.3)."""
    y = int.from_bytes(encoded, "little")
    is_odd, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * ROOT_OF_MINUS_1 % P
    is_point = y < P and x * x % P == square and (x or not is_odd)
    ensure("the key or the signature is none", is_point)
    x = x if x & 1 == is_odd else P - x
    return (x, y, 1, x * y % P)


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Verify a signature (5.1.7)."""
    scalar = int.from_bytes(signature[32:], "little")
    if (len(public_key), len(signature)) != (32, 64) or scalar >= ORDER:
        return False
    key, point = point_of(public_key), point_of(signature[:32])
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    right = add(point, times(int.from_bytes(digest, "little") % ORDER, key))
    left = times(scalar, BASE)
    return all((left[n] * right[2] - right[n] * left[2]) % P == 0 for n in (0, 1))


def node(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into one (RFC 9162, 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def climb(place: int, last: int, proof: list[bytes], old: bytes, new: bytes) -> tuple[bytes, bytes]:
    """Go up along a proof (2.1.3.2, 2.1.4.2); give both hashes that it leads to."""
    for beside in proof:
        ensure("the proof is too long", last)
        if place & 1 or place == last:
            old, new = node(beside, old), node(beside, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node(new, beside)
        place, last = place >> 1, last >> 1
    ensure("the proof is too short", not last)
    return old, new


def ensure_included(leaf: bytes, seq: int, size: int, proof: list[bytes], root: bytes) -> None:
    """Refuse a leaf that is not in the log."""
    is_in = 0 <= seq < size and climb(seq, size - 1, proof, leaf, leaf)[1] == root
    ensure("it is not in the log as it stands here", is_in)


def ensure_grown(older: Record, newer: Record, proof: list[bytes]) -> None:
    """Refuse a log that does not begin with an older one."""
    if older["size"] == newer["size"]:
        is_same = not proof and older["log_root"] == newer["log_root"]
        ensure("two logs of one size differ", is_same)
        return
    ensure("the newer log is smaller than the older", 0 < older["size"] < newer["size"])
    old_root, new_root = (bytes.fromhex(head["log_root"]) for head in (older, newer))
    proof = [old_root, *proof] if older["size"] & (older["size"] - 1) == 0 else proof
    ensure("the proof is too short", proof)
    place, last = older["size"] - 1, newer["size"] - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    ends = climb(place, last, proof[1:], proof[0], proof[0])
    ensure("the newer log does not begin with the older one", ends == (old_root, new_root))


def compact(value: Any) -> bytes:
    """Write JSON in the one way in which it is hashed, signed and published."""
    return json.dumps(value, separators=(",", ":")).encode()


def read(text: bytes, names: tuple[str, ...]) -> Record:
    """Read an object that has these members, in this order, written in the one way."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Wrong("it is not JSON") from None
    is_ours = isinstance(value, dict) and tuple(value) == names and compact(value) == text
    ensure("it is not written as Tonglu writes it", is_ours)
    for name in names:
        kind = list if name in {"lines", "accounts"} else int if name in NUMBERS else str
        ensure(name + " is of a wrong type", type(value[name]) is kind)
    return dict(value)


def hashes(text: str) -> list[bytes]:
    """Read the hashes of a proof."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Wrong("the proof is not base64") from None
    is_whole = len(data) % 32 == 0 and base64.b64encode(data).decode() == text
    ensure("the proof is not made of hashes", is_whole)
    return [data[at : at + 32] for at in range(0, len(data), 32)]


def read_head(data: bytes, public_key: str) -> Record:
    """Read a published head and verify its signature."""
    try:
        head = read(data.rstrip(b"\n"), HEAD)
        told = ["tonglu.head.v1", *(head[name] for name in HEAD[1:8])]
        is_by_key = (head["format"], head["public_key"]) == (told[0], public_key)
        ensure("it is not signed with the published key", is_by_key)
        ensure_signed(head["signature"], told, public_key)
    except (Wrong, ValueError) as wrong:
        raise Wrong(f"head: {wrong}") from None
    ensure("head: it does not end with its line", data.endswith(b"}\n"))
    return head


def ensure_signed(text: str, told: list[Any], public_key: str) -> None:
    """Refuse a signature that the key did not make over what is told."""
    is_hex = set(text) <= set("0123456789abcdef") and len(text) % 2 == 0
    signature = bytes.fromhex(text if is_hex else "")
    holds = is_signed(bytes.fromhex(public_key), compact(told), signature)
    ensure("the signature does not hold", holds and signature.hex() == text)


def check_line(text: bytes, top: Record, head: Record, before: Record | None) -> Record:
    """Check one line of a statement against the log and the line before it."""
    line = read(text, (*LINE, "seq", "proof"))
    told = [top["account_id"], top["owner_id"], top["currency"], *(line[name] for name in LINE)]
    line["leaf"] = hashlib.sha256(b"\x00" + compact(["tonglu.entry.v1", *told])).digest()
    root = bytes.fromhex(head["log_root"])
    ensure_included(line["leaf"], line["seq"], head["size"], hashes(line["proof"]), root)
    if before is None and line["version"] > 1:
        return line
    held = before or {"version": 0, "pending_after": 0, "posted_after": 0}
    ensure("a line before it is left out", line["version"] == held["version"] + 1)
    for what in AMOUNTS:
        sums = held[what + "_after"] + line[what + "_minor"]
        ensure("the balance does not follow from the line before", line[what + "_after"] == sums)
    return line


def check_statement(data: bytes, head: Record) -> tuple[Record, int, Record]:
    """Check a statement, line by line; give its account, its lines' number and the last of them."""
    first, *rows = data.split(b"\n")
    number, line = 1, Record()
    try:
        top = read(first + b"]}", TOP)
        is_first = top["format"] == "tonglu.statement.v1" and not top["lines"]
        ensure("it is not the beginning of a statement", is_first)
        is_of_head = top["size"] == head["size"]
        ensure(f"it is proven against another head, of {top['size']} leaves", is_of_head)
        *lines, end, after = rows if len(rows) > 1 else [b"", b""]
        number = len(rows)
        whole = lines and (end, after) == (b"]}", b"")
        ensure("the statement does not end as one, or is empty", whole)
        for number, text in enumerate(lines, 2):
            comma = b"," if number <= len(lines) else b""
            line = check_line(text[: len(text) - len(comma)], top, head, line or None)
            ensure("it does not end as a line does", text.endswith(b"}" + comma))
            top["lines"].append(line)
    except Wrong as wrong:
        raise Wrong(f"line {number}: {wrong}") from None
    return top, len(lines), line


def check_signed(data: bytes, head: Record, public_key: str) -> tuple[Record, int]:
    """Check what the platform signed: that the lines are these, and lead from sum to sum."""
    first, *blocks = data.split(b"\n\n")
    signed = read(first, SIGNED)
    digest = hashlib.sha256(compact([signed[name] for name in SIGNED[:5]])).hexdigest()
    ensure_signed(signed["signature"], ["tonglu.signed.v1", digest], public_key)
    moved = [told for told in signed["accounts"] if told[1:4] != told[4:7]]
    ensure("it does not have the accounts that were signed", len(moved) == len(blocks))
    for told in moved:
        top, *_ = check_statement(blocks.pop(0) + b"\n", head)
        begin, end = top["lines"][0], top["lines"][-1]
        opening = (begin[name + "_after"] - begin[name + "_minor"] for name in AMOUNTS)
        closing = (end[name + "_after"] for name in AMOUNTS)
        leaves = hashlib.sha256(b"".join(line["leaf"] for line in top["lines"])).hexdigest()
        account = [top["account_id"], begin["version"] - 1, *opening, end["version"], *closing]
        owner = [signed["agent_id"], signed["currency"]]
        is_signed_so = [*account, leaves, top["owner_id"], top["currency"]] == [*told, *owner]
        ensure(f"account {told[0]}: its lines are not those that were signed", is_signed_so)
    return signed, sum(told[4] - told[1] for told in moved)


def run(asked: argparse.Namespace) -> str:
    """Do what is asked and tell the good outcome."""
    if asked.what == "grown":
        older, newer = (read_head(one, asked.public_key) for one in (asked.older, asked.newer))
        ensure_grown(older, newer, hashes(asked.proof.decode("ascii", "replace").strip()))
        return f"The log of {newer['size']} leaves begins with that of {older['size']}."
    head = read_head(asked.head, asked.public_key)
    by = f"by head {head['n']} of {head['sealed_at']}."
    try:
        if asked.what == "signed":
            signed, count = check_signed(asked.statement, head, asked.public_key)
            return f"The statement of {signed['period']} is signed; its {count} lines hold, {by}"
        top, count, last = check_statement(asked.statement, head)
    except Wrong as wrong:
        raise Wrong("statement: " + str(wrong)) from None
    balance = f"{last['posted_after']} {top['currency']} (in minor units)"
    return f"{count} lines of account {top['account_id']} hold; the balance is {balance}, {by}"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Check a statement of the books, alone.")
    commands = parser.add_subparsers(dest="what", required=True)
    for what, files, text in (
        ("statement", ("statement", "head"), "check a statement against a published head"),
        ("signed", ("statement", "head"), "check a month's statement that the platform signed"),
        ("grown", ("older", "newer", "proof"), "check that a later log begins with an earlier one"),
    ):
        command = commands.add_parser(what, help=text)
        for name in files:
            command.add_argument(name, type=lambda path: Path(path).read_bytes())
        command.add_argument("public_key", type=str.lower)
    try:
        sys.stdout.write(run(parser.parse_args()) + "\n")
    except (Wrong, OSError) as wrong:
        sys.exit(str(wrong))


if __name__ == "__main__":
    main()

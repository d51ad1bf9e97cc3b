"""A rep's app as a process of its own: edits, syncs, and says what it has saved, until it is quiet.

Usage: python -m world.faults.phone FOLDER NAME URL SEED LIFE, on a store that is enrolled.

Each value that it writes is a word of its own, so that each can be found again. Its journal has a
line before a word is saved and a line after; once the file `quiet` is there it only syncs, and
writes down what it shows, until `over` is there.
"""

import io
import sys
import time
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
from PIL import Image

from mobile_client_sdk.client import Client, open_client
from mobile_client_sdk.records import (
    Attachment,
    ConflictRecord,
    Contact,
    Customer,
    Note,
    Record,
    Store,
    Tag,
)

FIELDS: Final = ("city", "district", "address", "industry", "source")
"""Fields of a customer of which a concurrent edit keeps both values."""
KINDS: Final[tuple[type[Record], ...]] = (
    Customer,
    Store,
    Contact,
    Note,
    Tag,
    Attachment,
    ConflictRecord,
)
WORDS_A_LIFE: Final = 60
_PAGE: Final = 20
_SIDE: Final = 16
_MIX: Final = {
    "sync": 25,
    "customer": 7,
    "edit": 33,
    "benefit": 7,
    "note": 10,
    "two notes": 6,
    "tag": 3,
    "contact": 4,
    "delete": 3,
    "photo": 2,
}
"""A rep's day, in parts."""
_TURN_S: Final = 0.02
_LOOK_S: Final = 0.1


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the journal."""

    word: str
    kind: str
    """note, customer, field, benefit, tag, tagged, contact, gone, photo."""
    saved: bool = False
    record: str = ""
    field: str = ""
    over: str | None = None
    """The value that the author saw in the field."""


class Shown(msgspec.Struct, frozen=True):
    """What a phone shows once it is quiet."""

    pending: int
    state: str
    problem: str
    refused: list[str]
    """The words, and the ids of the records, of what was refused and told to the person."""
    records: dict[str, dict[str, Any]]


def view(client: Client) -> dict[str, dict[str, Any]]:
    """Give everything that a replica shows, by kind and id."""
    shown: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        for record in client.find(kind):
            fields: dict[str, Any] = msgspec.to_builtins(record)
            # At which state it was read, not what it is.
            fields.pop("as_of")
            shown[f"{kind.KIND} {record.id}"] = fields
    return shown


class Phone:
    """One life of an app."""

    def __init__(self, folder: Path, name: str, client: Client, rng: Random) -> None:
        self._folder = folder
        self._name = name
        self._client = client
        self._rng = rng
        self._journal = (folder / f"{name}.journal").open("ab")
        # A journal that was cut within a line goes on with a new one.
        self._journal.write(b"\n")
        program = folder / "program"
        self._program = program.read_text() if program.exists() else None

    def work(self, life: str) -> None:
        """Write and sync until all shall be quiet."""
        for turn in range(WORDS_A_LIFE):
            if self._is("quiet"):
                return
            self._turn(f"{self._name}-{life}-{turn}")
            time.sleep(_TURN_S * self._rng.random())

    def _turn(self, word: str) -> None:
        customers = sorted(self._client.customers(), key=lambda each: each.id)
        kinds, weights = list(_MIX), list(_MIX.values())
        what = self._rng.choices(kinds, weights)[0] if customers else "sync"
        customer = self._rng.choice(customers) if customers else None
        if customer is None or what == "sync":
            self._sync()
            return
        match what:
            case "customer":
                self._tell(Line(word, "customer"))
                self._client.create_customer(name=word)
                self._tell(Line(word, "customer", saved=True))
            case "edit":
                self._edit(self._rng.choice(customers[:4]), self._rng.choice(FIELDS), word)
            case "benefit" if self._program:
                self._ask(customer, self._program, word)
            case "tag":
                self._tag(customer, word)
            case "contact":
                self._meet(customer, word)
            case "delete":
                self._delete(word)
            case "photo":
                self._photograph(customer, word)
            case _:
                self._note(customer, word, both=what == "two notes")

    def _sync(self) -> None:
        """Send what waits, the bytes of photos after it."""
        if self._client.sync().is_complete:
            self._client.send_attachments()

    def _edit(self, customer: Customer, field: str, word: str) -> None:
        over = getattr(customer, field)
        line = Line(word, "field", record=customer.id, field=field, over=over)
        self._tell(line)
        with self._client.edit(customer) as draft:
            setattr(draft, field, word)
        self._tell(msgspec.structs.replace(line, saved=True))

    def _ask(self, customer: Customer, program: str, word: str) -> None:
        self._tell(Line(word, "benefit"))
        request_id = self._client.request_benefit(customer, program_id=program)
        self._tell(Line(word, "benefit", saved=True, record=request_id))

    def _note(self, customer: Customer, word: str, *, both: bool) -> None:
        words = (f"{word}a", f"{word}b") if both else (word,)
        for each in words:
            self._tell(Line(each, "note"))
        with self._client.group(atomic=both):
            for each in words:
                self._client.add_note(customer, each)
        for each in words:
            self._tell(Line(each, "note", saved=True))

    def _tag(self, customer: Customer, word: str) -> None:
        """Make a tag and put it on a customer, two ops on their own."""
        self._tell(Line(word, "tag"))
        tag = self._client.create_tag(name=word, meaning="断电")
        self._tell(Line(word, "tag", saved=True))
        line = Line(word, "tagged", record=customer.id, field=tag.id)
        self._tell(line)
        self._client.tag(customer, tag)
        self._tell(msgspec.structs.replace(line, saved=True))

    def _meet(self, customer: Customer, word: str) -> None:
        self._tell(Line(word, "contact"))
        contact = self._client.add_contact(customer, name=word)
        self._tell(Line(word, "contact", saved=True, record=contact.id))

    def _delete(self, word: str) -> None:
        """Delete somebody whom this phone has noted; nobody else edits a contact."""
        mine = [
            each for each in self._client.find(Contact) if each.name.startswith(f"{self._name}-")
        ]
        if mine:
            contact = self._rng.choice(mine)
            line = Line(word, "gone", record=contact.id)
            self._tell(line)
            self._client.delete(contact)
            self._tell(msgspec.structs.replace(line, saved=True))

    def _photograph(self, customer: Customer, word: str) -> None:
        """Attach a photo that is like no other: its colour is chance, its word stands behind it."""
        target = io.BytesIO()
        colour = (self._rng.randrange(256), self._rng.randrange(256), self._rng.randrange(256))
        Image.new("RGB", (_SIDE, _SIDE), colour).save(target, "JPEG")
        self._tell(Line(word, "photo"))
        self._client.attach(customer, target.getvalue() + word.encode(), name=word)
        self._tell(Line(word, "photo", saved=True))

    def _tell(self, line: Line) -> None:
        self._journal.write(msgspec.json.encode(line) + b"\n")
        self._journal.flush()

    def rest(self) -> None:
        """Sync and write down what is shown, until all is over."""
        while not self._is("over"):
            report = self._client.sync()
            sent = self._client.send_attachments()
            if self._is("quiet"):
                shown = Shown(
                    report.pending + sent.pending,
                    str(report.state),
                    report.problem,
                    self._refused(),
                    view(self._client),
                )
                made = self._folder / f"{self._name}.making"
                made.write_bytes(msgspec.json.encode(shown))
                made.rename(self._folder / f"{self._name}.shown")
            time.sleep(_LOOK_S)

    def _refused(self) -> list[str]:
        """Give what the person was told of: what was refused when a record was out of sight."""
        told: list[str] = []
        for refusal in self._client.refusals():
            told += [refusal.record_id, *(str(each) for each in refusal.values.values())]
        return told

    def _is(self, name: str) -> bool:
        return (self._folder / name).exists()


def main() -> None:
    """Live until somebody kills this process, or all is over."""
    folder, name, url, seed, life = sys.argv[1:]
    rng = Random(f"{seed} {name} {life}")
    with open_client(Path(folder) / f"{name}.db", url, page=_PAGE, protect=True) as client:
        phone = Phone(Path(folder), name, client, rng)
        phone.work(life)
        phone.rest()


if __name__ == "__main__":
    main()

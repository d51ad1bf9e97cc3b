"""A server put back by an hour, and what its devices bring back, as a process of its own.

Run as a module with a seed and how many ops each of three phones makes after the backup. Prints
the ops, how many of them are lost and doubled in the end, and the seconds that the phones needed.
"""

import asyncio
import contextlib
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from mobile_client_sdk.client import Client, open_client
from world.faults import company, soak, verdict
from world.faults.phone import FIELDS, Line
from world.faults.site import Site
from world.faults.verdict import Online

_REPS: Final = 2
_BEFORE: Final = 20
_UNSENT: Final = 5


def main(seed: str, ops: str) -> None:
    """Work, go on for an hour after the backup, bring the backup back, and let phones sync."""
    rng = random.Random(int(seed))
    with soak.standing() as site, contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tonglu-restored-")))
        made = asyncio.run(company.found(site.settings, rng, reps=_REPS))
        phones = [
            stack.enter_context(_phone(site, folder / f"{number}.db", code))
            for number, code in enumerate(made.codes)
        ]
        for number, phone in enumerate(phones):
            for customer in range(_BEFORE):
                phone.create_customer(name=f"before-{number}-{customer}")
        _sync(phones)
        site.back_up(folder / "backup")
        lines: list[Line] = []
        for number, phone in enumerate(phones):
            lines += _hour(phone, f"p{number}", int(ops), rng)
            _sync(phones)
        for number, phone in enumerate(phones):
            lines += _hour(phone, f"unsent{number}", _UNSENT, rng)
        site.put_back(folder / "backup")
        site.say_restored()
        site.start()
        start = time.perf_counter()
        _sync(phones)
        taken = time.perf_counter() - start
        found = verdict.judge(lines, Online(), asyncio.run(verdict.held(site.settings, made)))
    print(len(lines), len(found.lost), len(found.doubled), taken)  # noqa: T201 - the parent reads it


def _phone(site: Site, file: Path, code: str) -> Client:
    client = open_client(file, site.url)
    client.enrol(code, device_name=file.stem)
    return client


def _sync(phones: list[Client]) -> None:
    """Sync until nothing of one phone is news for another."""
    for phone in [*phones, *phones]:
        report = phone.sync()
        assert report.is_complete, report
        assert report.refused == (), report.refused[:3]


def _hour(phone: Client, name: str, ops: int, rng: random.Random) -> list[Line]:
    """Do what a rep does in an hour: new customers, notes and edits, of new customers too."""
    lines = []
    for number in range(ops):
        word = f"{name}-{number}"
        customer = rng.choice(list(phone.customers()))
        match rng.choice(("customer", "note", "field", "field")):
            case "customer":
                phone.create_customer(name=word)
                lines.append(Line(word, "customer", saved=True))
            case "note":
                phone.add_note(customer, word)
                lines.append(Line(word, "note", saved=True))
            case _:
                field = rng.choice(FIELDS)
                over = getattr(customer, field)
                with phone.edit(customer) as draft:
                    setattr(draft, field, word)
                record = customer.id
                lines.append(Line(word, "field", saved=True, record=record, field=field, over=over))
    return lines


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The rooms' own intents, read off what the server registers: a new one is played by being there.

Over the store in memory nobody knows them; on PostgreSQL the rooms' services decide.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from mobile_client_sdk.client import Client
from mobile_client_sdk.records import RECORD_TYPES, Customer, Record
from server.sync.registry import MUTATIONS, TIMED
from sync_protocol.schema import LOST_REASONS, RETURN_REASONS, VERDICTS

INTENTS: Final = tuple(sorted((*MUTATIONS, *TIMED)))
_KINDS: Final = {kind.KIND: kind for kind in RECORD_TYPES}
_CALLED: Final = {"service_case": "case"}
"""How a record is called in the arguments, where that is not its kind."""
_ABOUT_NOTHING: Final = frozenset({"benefits.lease"})
"""Intents that name no record."""

_Drawn = Callable[[Record | None, random.Random, Iterator[str]], Mapping[str, Any]]
_BESIDE: Final[Mapping[str, _Drawn]] = {
    "visit.appeal": lambda _record, _rng, words: {"appeal": next(words)},
    "task.assign": lambda record, rng, _words: {
        "assignee_id": getattr(record, "assignee_id", None) or _nobody(rng)
    },
    "lead.return": lambda _record, rng, _words: {"reason": rng.choice(RETURN_REASONS)},
    "opportunity.lose": lambda _record, rng, _words: {"reason": rng.choice(LOST_REASONS)},
    "opportunity.advance": lambda record, _rng, _words: {
        "from_stage": getattr(record, "stage", None)
    },
    "opportunity.open_template": lambda _record, rng, _words: {"template_id": _nobody(rng)},
    "resource_request.dispatch": lambda record, rng, _words: {
        "helper_id": rng.choice((None, getattr(record, "requested_by", None)))
    },
    "resource_request.decline": lambda _record, _rng, words: {"text": next(words)},
    "resource_request.complete": lambda _record, _rng, words: {"text": next(words)},
    "resource_request.judge": lambda _record, rng, _words: {"verdict": rng.choice(VERDICTS)},
    "customers.release": lambda _record, rng, _words: {"pool_id": _nobody(rng)},
    "service_case.comment": lambda _record, _rng, words: {"text": next(words)},
    "service_case.wait": lambda _record, _rng, words: {"text": next(words)},
    "service_case.resolve": lambda _record, _rng, words: {"text": next(words)},
    "service_case.reopen": lambda _record, _rng, words: {"text": next(words)},
    "service_case.assign": lambda record, rng, _words: {
        "assignee_id": getattr(record, "assignee_id", None) or _nobody(rng)
    },
    "contract.receive": lambda _record, rng, _words: {"amount_minor": rng.randrange(1, 10**6)},
    "benefits.request": lambda _record, rng, _words: {"program_id": _nobody(rng)},
    "benefits.lease": lambda _record, rng, _words: {
        "program_id": _nobody(rng),
        "count": rng.randrange(21),
    },
}
"""What an intent carries beside the id of the record that it is about."""


def ask(client: Client, rng: random.Random, words: Iterator[str]) -> None:
    """Ask for something of a record that is shown, or of one that never was."""
    name = rng.choice(INTENTS)
    # What is registered is a customer; the registration is only made by it.
    kind = Customer if name in TIMED else _KINDS.get(name.partition(".")[0], Customer)
    shown: list[Record] = list(client.find(kind))
    record = rng.choice(shown) if shown else None
    beside = _BESIDE[name](record, rng, words) if name in _BESIDE else {}
    about = {f"{_CALLED.get(kind.KIND, kind.KIND)}_id": record.id if record else _nobody(rng)}
    if name in _ABOUT_NOTHING:
        about = {}
    client.intend(name, **about, **{key: at for key, at in beside.items() if at is not None})


def _nobody(rng: random.Random) -> str:
    """Give an id that nothing has."""
    return f"00000000-0000-4000-8000-{rng.getrandbits(48):012x}"

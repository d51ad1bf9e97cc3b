"""What speaks against a lead, found out at its birth (S39). Pure; the strongest word is given."""

import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from server.customers.rules import identifiers, places
from server.kit.errors import Refusal
from server.kit.text import clean


class Verdict(StrEnum):
    """What is said of a lead."""

    CLEAN = "clean"
    """Nothing speaks against it."""
    OPTED_OUT = "opted_out"
    """Who has this phone does not want to be called by anybody (S45)."""
    INVALID_PHONE = "invalid_phone"
    """The phone cannot be dialled, or there is none."""
    JUNK = "junk"
    """A rule of the company says that it is none."""
    DUPLICATE = "duplicate"
    """Another lead or a customer has this phone or credit code."""
    OUT_OF_AREA = "out_of_area"
    """It lies outside of every territory of the company."""


class Judgement(msgspec.Struct, frozen=True):
    """A verdict and the facts that it stands on: codes and values, for pages in any language."""

    verdict: Verdict
    values: Mapping[str, Any] = {}


class Findings(msgspec.Struct, frozen=True):
    """What was looked up about a lead."""

    is_opted_out: bool = False
    junk_rule: str | None = None
    """The name of the rule that calls it junk."""
    lead_id: str | None = None
    """A living lead with the same phone or credit code."""
    customer_id: str | None = None
    """A customer with the same."""
    is_covered: bool = True
    """Whether a territory holds its place, or the company has none."""


class Contact(msgspec.Struct, frozen=True):
    """How somebody can be reached, in normal form; None where what was given is none."""

    phone: str | None = None
    phone_problem: str | None = None
    """``phone_missing`` or ``bad_phone``."""
    uscc: str | None = None
    city: str | None = None


_PLACEHOLDERS: Final = frozenset({"", "-", "无", "暂无", "没有", "n/a", "na", "none", "null"})


def contact_of(phone: str, uscc: str, city: str) -> Contact:
    """Read what identifies a lead; nothing is refused here, for a lead is judged, not lost."""
    given = clean(phone)
    number: str | None = None
    problem: str | None = "phone_missing" if given.lower() in _PLACEHOLDERS else None
    if problem is None:
        try:
            number = identifiers.phone(given)
        except Refusal:
            problem = "bad_phone"
    return Contact(number, problem, _uscc(uscc), places.city(city) if city.strip() else None)


def _uscc(text: str) -> str | None:
    """Read a credit code; one that does not check identifies nobody."""
    try:
        return identifiers.uscc(unicodedata.normalize("NFKC", text)) if text.strip() else None
    except Refusal:
        return None


def judge(contact: Contact, findings: Findings) -> Judgement:
    """Say what speaks against a lead, the strongest word first."""
    twin = {"customer_id": findings.customer_id, "lead_id": findings.lead_id}
    against: tuple[tuple[bool, Verdict, Mapping[str, Any]], ...] = (
        (findings.is_opted_out, Verdict.OPTED_OUT, {}),
        (bool(contact.phone_problem), Verdict.INVALID_PHONE, {"reason": contact.phone_problem}),
        (bool(findings.junk_rule), Verdict.JUNK, {"rule": findings.junk_rule}),
        (any(twin.values()), Verdict.DUPLICATE, {k: v for k, v in twin.items() if v}),
        (not findings.is_covered, Verdict.OUT_OF_AREA, {"city": contact.city}),
    )
    found = (Judgement(verdict, values) for speaks, verdict, values in against if speaks)
    return next(found, Judgement(Verdict.CLEAN))

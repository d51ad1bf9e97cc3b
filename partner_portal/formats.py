"""Write numbers, money and times as the reader's language does."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_decimal

from partner_portal.words import Catalogue, Language
from server.kit import amounts

ZONE = ZoneInfo("Asia/Shanghai")
"""The clock of the channel; agents' companies are in one time zone."""

COLOURS = ("sky", "green", "amber", "violet", "rose", "slate")
STATUS_COLOURS = {
    "potential": "slate",
    "need": "sky",
    "intent": "violet",
    "signed": "green",
    "dormant": "amber",
    "lost": "rose",
}
STAGE_COLOURS = {
    "lead": "slate",
    "pre_opportunity": "sky",
    "opportunity": "violet",
    "signed": "green",
}
"""By the platform's stage."""
QUOTE_COLOURS = {
    "draft": "",
    "waiting": "warn",
    "approved": "acc",
    "sent": "acc",
    "accepted": "ok",
    "refused": "bad",
    "expired": "bad",
    "withdrawn": "",
}
CONTRACT_COLOURS = {
    "draft": "",
    "waiting": "warn",
    "approved": "acc",
    "signed": "acc",
    "in_force": "ok",
    "ended": "",
    "terminated": "bad",
    "void": "",
}
CASE_COLOURS = {
    "open": "warn",
    "in_progress": "acc",
    "waiting": "",
    "resolved": "ok",
    "closed": "",
}
REQUEST_COLOURS = {
    "requested": "warn",
    "dispatched": "acc",
    "accepted": "acc",
    "done": "ok",
    "declined": "bad",
    "cancelled": "",
}
REGISTRATION_COLOURS = {
    "provisional": "",
    "checking": "acc",
    "granted": "ok",
    "extended": "ok",
    "converted": "ok",
    "contested": "warn",
    "refused": "bad",
    "revoked": "bad",
    "expired": "",
    "released": "",
}
VERDICT_COLOURS = {"helped": "ok", "partly": "warn", "missed": "bad"}
SEVERITY_COLOURS = {"low": "slate", "normal": "sky", "high": "amber", "critical": "rose"}
BENEFIT_MEANING = {
    "requested": "",
    "issued": "ok",
    "in_review": "warn",
    "refused": "bad",
    "redeemed": "acc",
    "voided": "warn",
    "expired": "",
}
"""Whether a state of a benefit is good news."""
# Read once: Babel looks a name up among all languages each time that it is given one.
_LOCALES = {language: Locale.parse(language.locale) for language in Language}
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_MOBILE_DIGITS = 11


class Formats:
    """How one language writes values at one moment."""

    def __init__(self, catalogue: Catalogue, now: datetime) -> None:
        self._words = catalogue
        self._locale = _LOCALES[catalogue.language]
        self._now = now

    def number(self, value: int) -> str:
        """Write a whole number with its separators."""
        return str(format_decimal(value, locale=self._locale))

    def count(self, value: int | None) -> str:
        """Write a count of people; too few are not told apart."""
        return self._words.say("privacy.few") if value is None else self.number(value)

    def money(self, minor: int | None, currency: str = "CNY") -> str:
        """Write minor units, fen as yuan; the cents only when there are some.

        Other currencies than yuan are named by their code, and have the decimals that they have.
        """
        if minor is None:
            return ""
        scale = amounts.scale(currency)
        written = self.amount(abs(minor), currency)
        if scale and minor % 10**scale == 0:
            written = written[: -scale - 1]
        symbol = "¥" if currency == "CNY" else f"{currency} "
        return f"{'-' if minor < 0 else ''}{symbol}{written}"

    def estimate(self, minor: int, currency: str) -> str:
        """Write what is known roughly, rounded to whole yuan, yen or dinars."""
        whole = 10 ** amounts.scale(currency)
        return self.money((minor + whole // 2) // whole * whole, currency)

    def amount(self, minor: int, currency: str = "CNY") -> str:
        """Write what a column of accounts has: no sign of a currency, always its decimals."""
        scale = amounts.scale(currency)
        whole, part = divmod(abs(minor), 10**scale)
        rest = f".{part:0{scale}d}" if scale else ""
        return f"{'-' if minor < 0 else ''}{format_decimal(whole, locale=self._locale)}{rest}"

    def phone(self, value: str | None) -> str:
        """Write a number of the mainland as one dials it there, any other as it is."""
        digits = (value or "").removeprefix("+86")
        if not value or not value.startswith("+86"):
            return value or ""
        if len(digits) == _MOBILE_DIGITS and digits.startswith("1"):
            return f"{digits[:3]} {digits[3:7]} {digits[7:]}"
        return f"0{digits}"

    def day(self, moment: datetime) -> str:
        """Write a day, with its year only when it is another."""
        local = moment.astimezone(ZONE)
        same_year = local.year == self._now.astimezone(ZONE).year
        key = "format.day" if same_year else "format.day_of_year"
        return str(format_date(local, self._words.say(key), locale=self._locale))

    def moment(self, moment: datetime) -> str:
        """Write a day and time in full."""
        local = moment.astimezone(ZONE)
        return str(format_datetime(local, self._words.say("format.moment"), locale=self._locale))

    def clock(self, moment: datetime) -> str:
        """Write the time of day."""
        return str(format_time(moment.astimezone(ZONE), "HH:mm", locale=self._locale))

    def from_ms(self, at_ms: int) -> datetime:
        """Read milliseconds since 1970 as a moment."""
        return datetime.fromtimestamp(at_ms / 1000, UTC)

    def ago(self, moment: datetime) -> str:
        """Say how long ago something was; after a week, when."""
        passed = max(timedelta(), self._now - moment)
        if passed < _MINUTE:
            return self._words.say("ago.now")
        if passed < _HOUR:
            return self._words.say("ago.minutes", n=passed // _MINUTE)
        if passed < _DAY:
            return self._words.say("ago.hours", n=passed // _HOUR)
        if passed < _WEEK:
            return self._words.say("ago.days", n=passed // _DAY)
        return self.day(moment)

    def freshness(self, moment: datetime | None) -> str:
        """Judge how long a device has been silent: ok, warn, bad, or nothing when never heard."""
        if moment is None:
            return ""
        passed = self._now - moment
        return "ok" if passed < _DAY else "warn" if passed < 3 * _DAY else "bad"


def initial(name: str) -> str:
    """Give the one character that stands for a person or company."""
    return name.strip()[:1].upper() or "?"


def colour(name: str) -> str:
    """Give a name its colour, the same on every page."""
    return COLOURS[zlib.crc32(name.encode()) % len(COLOURS)]

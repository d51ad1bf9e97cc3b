"""What an agent may use on a day, and whether this much more is within it: pure, and explained."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from billing.plans.rules.grants import Grant
from billing.plans.rules.versions import LimitKind, Meter, PlanVersion


class Standing(StrEnum):
    """What an agent that has not paid may still do. Nothing is ever deleted."""

    GOOD = "good"
    REMINDED = "reminded"
    REMINDED_AGAIN = "reminded_again"
    READ_ONLY = "read_only"
    EXPORT_ONLY = "export_only"

    @property
    def is_barred(self) -> bool:
        """Say whether nothing may be added any more."""
        return self in (Standing.READ_ONLY, Standing.EXPORT_ONLY)


class Verdict(StrEnum):
    """What comes of asking for more."""

    WITHIN = "within"
    WARNED = "warned"
    """It is done, beyond a limit, and told."""
    REFUSED = "refused"


class Part(msgspec.Struct, frozen=True):
    """How much one grant adds; the plan's own part has no id."""

    grant_id: UUID | None
    units: int


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a meter there is, part by part in the order of use."""

    parts: tuple[Part, ...]
    kind: LimitKind
    grace_until: date | None = None

    @property
    def most(self) -> int:
        """Give all of it."""
        return sum(part.units for part in self.parts)


class Entitlement(msgspec.Struct, frozen=True, kw_only=True):
    """All that an agent may use on a day. It is the same until `changes_on`."""

    version_id: UUID
    on: date
    standing: Standing
    is_paused: bool
    features: frozenset[str]
    allowances: Mapping[Meter, Allowance]
    """What is not named has no limit."""
    changes_on: date | None
    """The next day on which a grant begins or is over, or grace ends."""

    def may_refuse(self, meter: Meter) -> bool:
        """Say whether more of it can be refused at all: otherwise nothing needs to be counted."""
        if self.standing.is_barred:
            return meter is not Meter.EXPORTS
        allowance = self.allowances.get(meter)
        return allowance is not None and allowance.kind is not LimitKind.SOFT


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Whether so much more may be used, and why."""

    verdict: Verdict
    meter: Meter
    used: int
    asked: int
    most: int | None
    """None without a limit."""
    borne: tuple[Part, ...]
    """Which parts the units that were asked for come from; what none has is beyond the limit."""
    zh: str
    en: str


NAMES: Final[Mapping[Meter, tuple[str, str]]] = {
    Meter.SEATS: ("席位", "seats"),
    Meter.CUSTOMERS: ("客户", "customers"),
    Meter.STORAGE_BYTES: ("附件字节", "bytes of attachments"),
    Meter.MESSAGES: ("消息", "messages this month"),
    Meter.EXPORTS: ("本月导出", "exports this month"),
    Meter.AI_CALLS: ("本月智能调用", "AI calls this month"),
}
"""What a meter counts, as a person is told: Chinese, English."""


def entitlement(
    version: PlanVersion,
    grants: Iterable[Grant],
    on: date,
    *,
    standing: Standing = Standing.GOOD,
    is_paused: bool = False,
) -> Entitlement:
    """Put together what an agent may use on a day: its plan's version, then each live grant."""
    known = sorted(grants, key=lambda grant: grant.turn)
    live = [grant for grant in known if grant.is_live(on)]
    allowances = {
        meter: Allowance(
            parts=(
                Part(None, limit.most),
                *(Part(grant.id, grant.units or 0) for grant in live if grant.meter is meter),
            ),
            kind=limit.kind,
            grace_until=limit.grace_until,
        )
        for meter, limit in version.limits.items()
    }
    given = {grant.feature for grant in live if grant.feature is not None}
    edges = {grant.begins_on for grant in known}
    ends = [grant.ends_on for grant in known] + [each.grace_until for each in allowances.values()]
    edges |= {end + timedelta(days=1) for end in ends if end is not None and end < date.max}
    return Entitlement(
        version_id=version.id,
        on=on,
        standing=standing,
        is_paused=is_paused,
        features=frozenset(version.features) | given,
        allowances=allowances,
        changes_on=min((edge for edge in edges if edge > on), default=None),
    )


def decide(
    held: Entitlement, meter: Meter, *, used: int, asked: int = 1, is_offline: bool = False
) -> Decision:
    """Say whether so much more may be used.

    :param is_offline: it was done already, without a connection: that is told and never refused.
    """
    assert used >= 0, "what was used is not below nothing"
    assert asked > 0, "something is asked for"
    allowance = held.allowances.get(meter)
    borne = () if allowance is None else _borne(allowance, used, asked)
    most = None if allowance is None else allowance.most
    verdict, why = _verdict(held, meter, allowance, used + asked)
    if is_offline and verdict is Verdict.REFUSED:
        verdict, why = Verdict.WARNED, _OFFLINE
    zh, en = _told(meter, verdict, why, used, asked, most)
    return Decision(
        verdict=verdict, meter=meter, used=used, asked=asked, most=most, borne=borne, zh=zh, en=en
    )


def _borne(allowance: Allowance, used: int, asked: int) -> tuple[Part, ...]:
    """Take what is asked for from the parts that are not used up, in their order."""
    found: list[Part] = []
    begins = 0
    for part in allowance.parts:
        ends = begins + part.units
        taken = min(ends, used + asked) - max(begins, used)
        if taken > 0:
            found.append(Part(part.grant_id, taken))
        begins = ends
    return tuple(found)


_Why = tuple[str, str]
_FITS: Final[_Why] = ("在额度内。", "This is within the plan.")
_FREE: Final[_Why] = ("没有限额。", "There is no limit.")
_SOFT: Final[_Why] = (
    "已超出额度，仍可继续使用；请与平台联系增加额度。",
    "This is beyond the plan and goes on; ask the platform for more.",
)
_HARD: Final[_Why] = (
    "额度已用完。请停用不再需要的部分，或在「用量与套餐」中增加额度。",
    "The plan is used up. Give up what is not needed, or have units added.",
)
_OFFLINE: Final[_Why] = (
    "离线时已完成，照常保存；请与平台联系增加额度。",
    "This was done offline and is kept; ask the platform for more.",
)
_UNPAID: Final[_Why] = (
    "有逾期未付的账单，目前只能查看和导出；付清后立即恢复，数据不会删除。",
    "An invoice is overdue: reading and exports go on, all else once it is paid; all is kept.",
)


def _verdict(
    held: Entitlement, meter: Meter, allowance: Allowance | None, total: int
) -> tuple[Verdict, _Why]:
    """Decide by standing, then by the limit."""
    if held.standing.is_barred and meter is not Meter.EXPORTS:
        return Verdict.REFUSED, _UNPAID
    if allowance is None or held.standing.is_barred:
        return Verdict.WITHIN, _FREE
    if total <= allowance.most:
        return Verdict.WITHIN, _FITS
    until = allowance.grace_until
    match allowance.kind:
        case LimitKind.SOFT:
            return Verdict.WARNED, _SOFT
        case LimitKind.GRACE if until is not None and held.on <= until:
            zh = f"已超出额度，宽限至 {until}；请在此之前增加额度。"
            en = f"This is beyond the plan, with grace until {until}; have units added by then."
            return Verdict.WARNED, (zh, en)
        case _:
            return Verdict.REFUSED, _HARD


def _told(
    meter: Meter, verdict: Verdict, why: _Why, used: int, asked: int, most: int | None
) -> tuple[str, str]:
    """Say which limit it is, how much is used, and what to do."""
    if verdict is Verdict.WITHIN:
        return why
    zh, en = NAMES[meter]
    of_zh, of_en = ("", "") if most is None else (f" / {most:,}", f" of {most:,}")
    return (
        f"{zh}：已用 {used:,}{of_zh}，本次需要 {asked:,}。{why[0]}",
        f"{used:,}{of_en} {en} used, {asked:,} more asked for. {why[1]}",
    )

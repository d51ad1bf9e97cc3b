"""Decide what may become of a registration and of a case, and refuse the rest. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.kit.calendars import ZONE
from server.kit.errors import Conflict, Forbidden, Invalid, TooManyRequests
from server.partners.rules.territories import Right
from server.registrations.rules.order import Rule
from server.registrations.rules.terms import Terms, days_left
from sync_protocol.registering import State, Verb, is_possible


class Reason(StrEnum):
    """Why a registration is not protected: the code of what decided."""

    TERRITORY = "territory"
    """Another has the exclusive right to the place."""
    LIVE = "live"
    """Another was protected already."""
    EVIDENCE = "evidence"
    """Another was earlier without a doubt."""
    WORD = "word"
    """The customer has named another."""
    LOT = "lot"
    """Nothing told them apart; the lot fell to another."""
    ALREADY_YOURS = "already_yours"
    """The same customer is registered by one's own company."""
    QUOTA_LIVE = "quota_live"
    """The company has as many open registrations as its tier may have."""
    VERDICT = "verdict"
    """A case was decided for another."""


class CaseState(StrEnum):
    """How far a case has come."""

    OPEN = "open"
    """Evidence is brought, then it is decided."""
    DECIDED = "decided"
    """There is a verdict; who lost may appeal once."""
    APPEALED = "appealed"
    """It is looked at once more."""
    CLOSED = "closed"
    """Over."""


class Answer(StrEnum):
    """What the blind check answers; never whose, since when or until when."""

    FREE = "free"
    """Nobody has registered such a customer."""
    PROTECTED = "protected"
    """Somebody else's."""
    YOURS = "yours"
    """One's own company's."""
    ASK = "ask"
    """Being decided; register, and it is decided with the rest."""


class BaitIsSomebody(Conflict):
    """Whoever has registered a customer by this phone would raise alarms."""

    code = "bait_is_somebody"


class AlreadyRegistered(Conflict):
    """The company has this customer registered already."""

    code = "already_registered"


class RegistrationCooling(Conflict):
    """The company had this customer protected and let it go a short while ago."""

    code = "registration_cooling"


class OutsideTerritory(Conflict):
    """Another agent alone may work in the customer's place."""

    code = "outside_territory"


class RegistrationQuota(TooManyRequests):
    """The day's registrations are used up."""

    code = "registration_quota"


class CheckQuota(TooManyRequests):
    """The day's blind checks are used up."""

    code = "check_quota"


class RegistrationMoved(Conflict):
    """What was asked does not lead on from where the registration stands."""

    code = "registration_moved"


class RegistrationNotYours(Forbidden):
    """Who registered, or a manager, decides about a registration."""

    code = "registration_not_yours"


class NoExtensionLeft(Conflict):
    """The registration was extended as often as it may be."""

    code = "no_extension_left"


class EvidenceOfAnother(Invalid):
    """What is shown belongs to another customer, or is nobody's."""

    code = "evidence_of_another"


class EvidenceTooOld(Invalid):
    """What is shown happened before the registration's last extension, or too long ago."""

    code = "evidence_too_old"


class EvidenceDraft(Invalid):
    """A draft, which anybody makes at any time, shows no work."""

    code = "evidence_is_draft"


class EvidenceUsed(Conflict):
    """What is shown was shown before for the same thing."""

    code = "evidence_used"


class ContestTooLate(Conflict):
    """The days in which a refusal may be contested, or a verdict appealed, are over."""

    code = "contest_too_late"


class EvidenceTooLate(Conflict):
    """The days in which a case takes evidence are over."""

    code = "evidence_too_late"


class EvidenceOpen(Conflict):
    """Evidence may still be brought, and not all parties have waived it."""

    code = "evidence_open"


class EvidenceOnItsWay(EvidenceOpen):
    """Evidence that was brought in time was not taken in yet."""

    code = "evidence_on_its_way"


class AppealBySame(Conflict):
    """Who decided first does not hear the appeal."""

    code = "appeal_by_same"


class VerdictTooLate(Conflict):
    """The day by which an arbitrator decides is over; the rules decide."""

    code = "verdict_too_late"


class CaseMoved(Conflict):
    """What was asked does not lead on from where the case stands."""

    code = "case_is_moved"


class HouseIsParty(Conflict):
    """The platform is a party to the case: it decides nothing in its own favour."""

    code = "house_is_party"


class NotAParty(Invalid):
    """A verdict is for one of the parties."""

    code = "not_a_party"


class VerdictUnexplained(Invalid):
    """Who decides otherwise than the rules says why."""

    code = "verdict_unexplained"


class RulesUndecided(Invalid):
    """An order without the lot at its end leaves some undecided."""

    code = "rules_undecided"


class DifferencesUnseen(Conflict):
    """Rules are switched on by who has seen what they would have changed."""

    code = "differences_unseen"


class AppealedOnce(Conflict):
    """A case is looked at once more, not twice."""

    code = "appealed_once"


REASON_OF: Final[Mapping[Rule, Reason]] = {rule: Reason(rule.value) for rule in Rule}
"""By the rule that decided, the reason of who lost."""


def ensure_possible(verb: Verb, state: State) -> None:
    """Refuse what does not lead on.

    :raises RegistrationMoved: naming where the registration stands.
    """
    if not is_possible(verb, state):
        raise RegistrationMoved(
            f"This registration is {state}; look at it and decide again.",
            field="verb",
            state=str(state),
        )


def may_decide(actor: Actor, registration: Mapping[str, Any]) -> bool:
    """Say whether somebody of the company may move a registration."""
    is_manager = Permission.TASKS_ASSIGN in ROLE_PERMISSIONS[actor.role]
    return is_manager or str(registration["registered_by"]) == str(actor.user_id)


def ensure_yours(actor: Actor, registration: Mapping[str, Any]) -> None:
    """Refuse a colleague's registration.

    :raises RegistrationNotYours: only who registered, or a manager, decides.
    """
    if not may_decide(actor, registration):
        raise RegistrationNotYours("Who registered it, or a manager, decides about this.")


def ensure_cooled(again_at: datetime | None, now: datetime) -> None:
    """Refuse whom the company had protected and let go a short while ago.

    :param again_at: when it may register that customer again; None where it let nobody go.
    :raises RegistrationCooling: naming when.
    """
    if again_at is not None and now < again_at:
        raise RegistrationCooling(
            "Your company let this customer go; it may register it again from "
            f"{again_at.astimezone(ZONE):%Y-%m-%d %H:%M} on.",
            field="customer_id",
            again_at=again_at.isoformat(),
            days=days_left(again_at, now),
        )


def ensure_inside(right: Right) -> None:
    """Refuse a place where another agent alone may work.

    :raises OutsideTerritory: naming what to do.
    """
    if right is Right.ELSEWHERE:
        raise OutsideTerritory(
            "Another agent alone may work in this place; hand the customer over, or ask the "
            "platform for a right to it.",
            field="customer_id",
        )


def ensure_within_day(terms: Terms, *, by_person: int, by_agent: int) -> None:
    """Refuse more registrations than a day may have.

    :raises RegistrationQuota: the person's, or the company's, are used up.
    """
    if by_person >= terms.per_day_rep or by_agent >= terms.per_day_agent:
        raise RegistrationQuota(
            f"A person registers {terms.per_day_rep} customers a day, a company "
            f"{terms.per_day_agent}; go on tomorrow."
        )


def ensure_may_check(terms: Terms, *, by_person: int, by_agent: int) -> None:
    """Refuse more blind checks than a day may have; this one is counted already.

    :raises CheckQuota: the person's, or the company's, are used up.
    """
    if by_person > terms.checks_per_day_rep or by_agent > terms.checks_per_day_agent:
        raise CheckQuota(
            f"A person checks {terms.checks_per_day_rep} customers a day, a company "
            f"{terms.checks_per_day_agent}; go on tomorrow."
        )


def ensure_not_over(until: datetime | None, now: datetime) -> None:
    """Refuse to contest or appeal what can no longer be.

    :raises ContestTooLate: the days for it are over.
    """
    if until is None or now >= until:
        raise ContestTooLate("The days in which this can be contested are over.")


def ensure_can_be_ruled(
    state: CaseState,
    *,
    decide_by: datetime,
    parties: frozenset[UUID],
    winner: UUID | None,
    now: datetime,
) -> None:
    """Refuse a verdict that comes too late, twice, or for a stranger or who has left.

    :param parties: who is left; whom the rules name, without a winner, is one of them.

    :raises CaseMoved, VerdictTooLate, NotAParty: naming what to do.
    """
    if state not in {CaseState.OPEN, CaseState.APPEALED}:
        raise CaseMoved(f"This case is {state}; there is nothing to decide.", field="case_id")
    if now >= decide_by:
        raise VerdictTooLate("The day to decide is over; the rules decide now.", field="case_id")
    if winner is not None and winner not in parties:
        raise NotAParty("Decide for one of the parties.", field="winner_id")


def ensure_heard(
    *, evidence_until: datetime, is_waived: bool, is_on_its_way: bool, now: datetime
) -> None:
    """Refuse a verdict while evidence may still come.

    :param is_on_its_way: some was brought in time, and the worker has not taken it in.
    :raises EvidenceOnItsWay: some may still have to be taken in.
    :raises EvidenceOpen: naming until when.
    """
    if is_on_its_way:
        raise EvidenceOnItsWay(
            "Evidence that was brought in time is on its way; decide in a few minutes.",
            field="case_id",
        )
    if now < evidence_until and not is_waived:
        raise EvidenceOpen(
            "Evidence may be brought until "
            f"{evidence_until.astimezone(ZONE):%Y-%m-%d %H:%M}; decide then, or once all parties "
            "have waived it.",
            field="case_id",
        )


def ensure_another(decided_by: UUID | None, actor_id: UUID) -> None:
    """Refuse an appeal to be heard by who decided first.

    :raises AppealBySame: it is the same person.
    """
    if decided_by == actor_id:
        raise AppealBySame(
            "You decided this case; let somebody else hear the appeal, or leave it to the rules.",
            field="case_id",
        )


def ensure_decides(steps: Sequence[Rule]) -> None:
    """Refuse an order that leaves some undecided, or says one thing twice.

    :raises RulesUndecided: naming the field.
    """
    if len(set(steps)) != len(steps) or steps[-1:] != (Rule.LOT,):
        raise RulesUndecided("Name each rule once, and the lot last.", field="steps")


def ensure_seen(seen: str, found: str) -> None:
    """Refuse to switch on what nobody has looked at.

    :raises DifferencesUnseen: what it would change is something else by now.
    """
    if seen != found:
        raise DifferencesUnseen(
            "Look at what this version would have changed, then switch it on.", field="diff_hash"
        )


def answer(own: frozenset[bool], states: frozenset[str]) -> Answer:
    """Say what the blind check answers.

    :param own: of each registration that was found, whether it is the asker's company's.
    :param states: how those stand that are somebody else's.
    """
    if True in own:
        return Answer.YOURS
    if not own:
        return Answer.FREE
    open_ = {State.CHECKING, State.CONTESTED}
    return Answer.ASK if states <= {str(state) for state in open_} else Answer.PROTECTED


def ensure_nobody(*, is_met: bool) -> None:
    """Refuse a phone by which a customer is registered to be called nobody's.

    :raises BaitIsSomebody: it is.
    """
    if is_met:
        raise BaitIsSomebody("A customer is registered by this phone; take another.", field="phone")


def ensure_impartial(*, is_house: bool) -> None:
    """Refuse a decision, or a word, of the platform's in a case of its own.

    :raises HouseIsParty: the rules alone decide here.
    """
    if is_house:
        raise HouseIsParty("The platform is a party here; leave the case to the rules.")

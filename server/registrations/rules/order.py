"""Who is first: the published order, as pure functions over what the registry knows. Pure.

A *claim* is a registration as the rules see it. No rule sees whose it is, so that a verdict cannot
depend on it; nor when it arrived, so that a verdict cannot depend on who had signal. The same
claims under the same rules give the same verdict with the same hash, in whatever order they come.

Each step keeps the claims that are before the others by its measure, and all where none is. What
is left is looked at by the next, until one claim is left. Those that share an identity with it
lose to it; those that shared one only with a loser are looked at again without it, so that nobody
loses by a made-up registration that names two customers.

Which claims are of one company the rules see by a label, so that it draws one lot, however often it
has registered. The right to a place counts where all whom it would beat lie in that place.
"""

import hashlib
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from server.registrations.rules.identity import components


class Rule(StrEnum):
    """One measure of the published order."""

    TERRITORY = "territory"
    """Has the exclusive right to the division in which all say that the customer lies."""
    LIVE = "live"
    """Was protected already when the others were made."""
    EVIDENCE = "evidence"
    """Was made before the others, without a doubt: ended before they can have begun."""
    WORD = "word"
    """The customer itself has said so."""
    LOT = "lot"
    """Nothing tells them apart: the lot, which nobody can know or choose beforehand; one for each
    company."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A registration as the rules see it."""

    id: UUID
    keys: tuple[str, ...]
    earliest_ms: int
    latest_ms: int
    lot: str
    has_territory: bool = False
    live_since_ms: int | None = None
    """When its protection began; none while it has none."""
    has_word: bool = False
    evidence_ms: int | msgspec.UnsetType = msgspec.UNSET
    """The first thing shown for it that the server itself saw; says nothing of when it was made."""
    party: UUID | msgspec.UnsetType = msgspec.UNSET
    """The same for all claims of one company among these; its name here, and no other."""
    places: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    """Keyed hashes of the divisions in which its customer lies, as its company wrote it."""
    territory: str | msgspec.UnsetType = msgspec.UNSET
    """That of the division to which it has the exclusive right, where it has one."""
    bounds: tuple[int, int] | msgspec.UnsetType = msgspec.UNSET
    """Between when it was made as the server itself knows, where a phone's word says more."""


class RuleSet(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the published order. The lot comes last, or some would stay undecided."""

    version: int
    steps: tuple[Rule, ...] = (Rule.TERRITORY, Rule.LIVE, Rule.EVIDENCE, Rule.WORD, Rule.LOT)
    tolerance_ms: int = 0
    """How much earlier evidence must be to count as earlier."""
    edition: int = 3
    """How claims are written down and read: in 1 what was shown made a registration itself earlier,
    and a verdict's hash was of this program's own shapes; from 2 on it is of the text that was
    kept. From 3 on a company draws one lot, and a right to a place that is disputed is none."""

    @property
    def hash(self) -> str:
        """Name what the rules are, whatever their version is called."""
        told = [self.steps, self.tolerance_ms]
        return digest(told if self.edition == 1 else [self.edition, *told])


_FIRST_CLAIM: Final = (
    *("id", "keys", "earliest_ms", "latest_ms", "lot", "has_territory", "live_since_ms"),
    *("has_word", "evidence_ms", "party", "places", "territory", "bounds"),
)
_FIRST_RULING: Final = ("winner", "losers", "by", "trace")
_FIRST_LINE: Final = ("rule", "compared", "kept", "is_apart")
"""In which order the first edition hashed what it wrote."""
_FAIR: Final = 3
"""The first edition in which a company has one chance, and a place must be undisputed."""

FIRST: Final = RuleSet(version=1, edition=1)
"""The order with which the product came."""
SECOND: Final = RuleSet(version=2, edition=2)
"""The same order, in which what is shown leaves alone who was protected when."""
THIRD: Final = RuleSet(version=3)
"""The same order, in which nobody gains by registering often, or by writing a place of its own."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule did."""

    rule: Rule
    compared: dict[str, Any]
    """By claim, what was looked at."""
    kept: tuple[UUID, ...]
    is_apart: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether somebody's right to a place was passed over, since others name another place."""


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """Who is first among claims that stand against each other, and who loses to it."""

    winner: UUID
    losers: tuple[UUID, ...]
    by: Rule | None
    """The rule that left one; none where there was but one."""
    trace: tuple[Line, ...]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules say about claims."""

    rules_version: int
    rules_hash: str
    rulings: tuple[Ruling, ...]
    hash: str
    """Of the rules, the claims and what was decided; the same at each replay."""

    @property
    def winners(self) -> frozenset[UUID]:
        """Give the claims that are first."""
        return frozenset(ruling.winner for ruling in self.rulings)

    @property
    def first(self) -> UUID | None:
        """Give who is first of those that beat somebody; of all where nobody lost."""
        told = sorted(self.rulings, key=lambda ruling: not ruling.losers)
        return told[0].winner if told else None

    def ruling_of(self, claim_id: UUID) -> Ruling:
        """Give the ruling by which a claim won or lost."""
        return next(
            each for each in self.rulings if claim_id == each.winner or claim_id in each.losers
        )


def decide(claims: Iterable[Claim], rules: RuleSet = THIRD) -> Verdict:
    """Say who is first. Among claims of which none names two customers there is one winner."""
    told = sorted(claims, key=lambda claim: claim.id)
    rulings = tuple(sorted(_rulings(_drawn(told, rules), rules), key=lambda ruling: ruling.winner))
    return Verdict(
        rules_version=rules.version,
        rules_hash=rules.hash,
        rulings=rulings,
        hash=hash_of(told, rulings, rules),
    )


def decided_for(claims: Sequence[Claim], winner: UUID, rules: RuleSet) -> tuple[Ruling, ...]:
    """Say what follows where somebody has decided for one of the claims.

    Only what shares a hash with it loses to it; the rules decide among the rest.
    """
    drawn = _drawn(claims, rules)
    first = next(each for each in drawn if each.id == winner)
    losers = [each.id for each in drawn if each is not first and _meet(each, first)]
    rest = [each for each in drawn if each.id not in {winner, *losers}]
    ruling = Ruling(winner=winner, losers=tuple(sorted(losers)), by=None, trace=())
    return (ruling, *_rulings(rest, rules))


def meets(claims: Iterable[Claim], one: UUID, others: Container[UUID]) -> bool:
    """Say whether a claim is one of some, or of one customer with any of them."""
    told = list(claims)
    first = next(each for each in told if each.id == one)
    return any(each.id in others and _meet(each, first) for each in told)


def hash_of(claims: Any, rulings: Any, rules: RuleSet) -> str:
    """Give a verdict's hash, of what was kept of it as it was kept.

    :param claims: by id, as they were kept or as they were decided; so are the rulings.
    """
    if rules.edition == 1:
        written = [_in_order(each, _FIRST_CLAIM) for each in msgspec.to_builtins(claims)]
        ruled = [_in_order(each, _FIRST_RULING) for each in msgspec.to_builtins(rulings)]
        return digest([rules.hash, written, ruled], order=None)
    return digest([rules.edition, rules.hash, claims, rulings], order="sorted")


def _in_order(told: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Write what was kept as the first edition wrote it, whatever has been added since."""
    kept = {name: told[name] for name in names if name in told}
    if "trace" in kept:
        kept["trace"] = [_in_order(line, _FIRST_LINE) for line in kept["trace"]]
    if "compared" in kept:
        kept["compared"] = dict(sorted(kept["compared"].items()))
    return kept


def _drawn(claims: Sequence[Claim], rules: RuleSet) -> Sequence[Claim]:
    """Let a company draw one lot wherever its claims are joined: that of the one with the least id.

    It is the same for all of them, as the rest is looked at again; so it has one chance against
    each that it meets, by however many customers, shops and phones it has registered them.
    """
    if rules.edition < _FAIR or len({_party(each) for each in claims}) == len(claims):
        return claims
    lots: dict[tuple[int, UUID], str] = {}
    told = []
    groups = components({each.id: each.keys for each in claims})
    number = {claim_id: at for at, group in enumerate(groups) for claim_id in group}
    for each in sorted(claims, key=lambda claim: claim.id):
        lot = lots.setdefault((number[each.id], _party(each)), each.lot)
        told.append(msgspec.structs.replace(each, lot=lot))
    return told


def _party(claim: Claim) -> UUID:
    """Give what a claim's company is called; of what was kept without, each is of its own."""
    return claim.id if claim.party is msgspec.UNSET else claim.party


def _rulings(claims: Sequence[Claim], rules: RuleSet) -> list[Ruling]:
    """Rule on one group that is joined by hashes after the other, without who has lost."""
    left = {claim.id: claim for claim in claims}
    rulings: list[Ruling] = []
    while left:
        groups = components({each.id: each.keys for each in left.values()})
        group = min(groups, key=min)
        ruling = _rule([left[each] for each in sorted(group)], rules)
        rulings.append(ruling)
        for each in (ruling.winner, *ruling.losers):
            del left[each]
    return rulings


def _rule(group: Sequence[Claim], rules: RuleSet) -> Ruling:
    """Look at claims by one rule after the other until one is left."""
    left, trace, by = group, [], None
    for rule in rules.steps:
        if len(left) == 1:
            break
        compare, keep = _STEPS[rule]
        found = keep(left, rules)
        kept = found or left
        is_apart = rule is Rule.TERRITORY and any(
            each.has_territory and each not in found for each in left
        )
        trace.append(
            Line(
                rule=rule,
                compared={str(each.id): compare(each) for each in left},
                kept=tuple(each.id for each in kept),
                is_apart=is_apart or msgspec.UNSET,
            )
        )
        left, by = kept, rule
    assert len(left) == 1, "the lot leaves one"
    winner = left[0]
    losers = [each.id for each in group if each is not winner and _meet(each, winner)]
    return Ruling(winner=winner.id, losers=tuple(losers), by=by, trace=tuple(trace))


def _meet(claim: Claim, other: Claim) -> bool:
    """Say whether two claims are of one customer."""
    return not set(claim.keys).isdisjoint(other.keys)


def _with_territory(claims: Sequence[Claim], rules: RuleSet) -> Sequence[Claim]:
    """Keep who has the right to the place in which all lie whom it would beat."""
    held = [each for each in claims if each.has_territory]
    if rules.edition < _FAIR:
        return held
    return [
        each
        for each in held
        if all(_lies_in(other, each.territory) for other in claims if _meet(each, other))
    ]


def _lies_in(claim: Claim, territory: str | msgspec.UnsetType) -> bool:
    """Say whether a claim's own company wrote its customer into a place."""
    return claim.places is not msgspec.UNSET and territory in claim.places


def _live_before(claims: Sequence[Claim], _: RuleSet) -> Sequence[Claim]:
    """Keep what was protected before any of the unprotected can have been made."""
    begun_ms = min(
        (each.earliest_ms for each in claims if each.live_since_ms is None), default=None
    )
    return [
        each
        for each in claims
        if each.live_since_ms is not None and (begun_ms is None or each.live_since_ms < begun_ms)
    ]


def _not_later(claims: Sequence[Claim], rules: RuleSet) -> Sequence[Claim]:
    """Keep those before which none was made without a doubt: the first of the interval order."""
    ended_ms = min(_evidence(each)[1] for each in claims) + rules.tolerance_ms
    return [each for each in claims if _evidence(each)[0] <= ended_ms]


def _evidence(claim: Claim) -> tuple[int, int]:
    """Give between when an agent can be shown to have worked on the customer first."""
    if claim.evidence_ms is msgspec.UNSET:
        return claim.earliest_ms, claim.latest_ms
    return min(claim.earliest_ms, claim.evidence_ms), min(claim.latest_ms, claim.evidence_ms)


def _with_word(claims: Sequence[Claim], _: RuleSet) -> Sequence[Claim]:
    return [each for each in claims if each.has_word]


def _lot(claims: Sequence[Claim], _: RuleSet) -> Sequence[Claim]:
    return [min(claims, key=lambda each: (each.lot, each.id))]


_Step = tuple[Callable[[Claim], Any], Callable[[Sequence[Claim], RuleSet], Sequence[Claim]]]
_STEPS: Final[Mapping[Rule, _Step]] = {
    Rule.TERRITORY: (lambda claim: claim.has_territory, _with_territory),
    Rule.LIVE: (lambda claim: claim.live_since_ms, _live_before),
    Rule.EVIDENCE: (lambda claim: list(_evidence(claim)), _not_later),
    Rule.WORD: (lambda claim: claim.has_word, _with_word),
    Rule.LOT: (lambda claim: claim.lot, _lot),
}
"""By rule, what is compared, and which claims stay."""


def digest(told: Any, *, order: Literal["deterministic", "sorted"] | None = "deterministic") -> str:
    """Hash what is told in one form; sorted, whatever order its names stand in.

    :param order: None to leave it as it is.
    """
    text = msgspec.json.encode(told, order=order)
    return hashlib.blake2b(text, digest_size=16).hexdigest()

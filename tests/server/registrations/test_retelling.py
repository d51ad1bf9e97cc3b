"""A verdict as everybody concerned may have it: decided again by a program of its own."""

import hashlib
import json
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.registrations import tonglu_replay
from server.registrations.rules import order, retelling
from server.registrations.rules.order import Claim, Rule, RuleSet, decide
from server.registrations.rules.retelling import Retold
from tests.server.registrations.test_order import claim, claims, few

_ONE, _TWO = (f"00000000-0000-0000-0000-00000000000{n}" for n in (1, 2))
_OLD_CLAIMS = (
    f'[{{"id":"{_ONE}","keys":["a"],"earliest_ms":10,"latest_ms":15,"lot":"01",'
    '"has_territory":false,"live_since_ms":null,"has_word":false},'
    f'{{"id":"{_TWO}","keys":["a"],"earliest_ms":20,"latest_ms":25,"lot":"02",'
    '"has_territory":false,"live_since_ms":null,"has_word":false}]'
)
_OLD_RULINGS = (
    f'[{{"winner":"{_ONE}","losers":["{_TWO}"],"by":"evidence","trace":['
    f'{{"rule":"territory","compared":{{"{_ONE}":false,"{_TWO}":false}},"kept":["{_ONE}","{_TWO}"]}},'
    f'{{"rule":"live","compared":{{"{_ONE}":null,"{_TWO}":null}},"kept":["{_ONE}","{_TWO}"]}},'
    f'{{"rule":"evidence","compared":{{"{_ONE}":[10,15],"{_TWO}":[20,25]}},"kept":["{_ONE}"]}}]}}]'
)


def told(seen: list[Claim], rules: RuleSet = order.THIRD, **more: Any) -> Retold:
    """Decide, and tell it as a party is told."""
    return retelling.retell(*retelling.as_kept(seen, decide(seen, rules).rulings), rules, **more)


@few
@given(claims(keys=4), st.sampled_from([order.SECOND, order.THIRD]), st.data())
def test_m1_a_program_of_its_own_decides_the_same(
    drawn: list[Claim], rules: RuleSet, data: st.DataObject
) -> None:
    """Written apart, from the standard library alone."""
    seen = [
        msgspec.structs.replace(each, party=UUID(int=data.draw(st.integers(1, 3))))
        for each in drawn
    ]
    for each in seen:
        first = min(other.id for other in seen if other.party == each.party)
        seen[seen.index(each)] = msgspec.structs.replace(each, party=first)
    retold = told(seen, rules)

    tonglu_replay.check(tonglu_replay.read(msgspec.json.encode(retold)))
    assert retelling.is_its_hash(retold)
    assert retelling.says_the_same(retold)


def test_m1_what_parties_are_told_names_nobody_and_no_customer() -> None:
    seen = [
        claim(77, keys=("3f9a", "77c0"), places=("b2",), party=UUID(int=77), bounds=(3, 9)),
        claim(99, keys=("77c0",), places=("b2", "c8"), party=UUID(int=99)),
    ]
    retold = told(seen, names={UUID(int=77): "乙方", UUID(int=99): "甲方"})
    text = msgspec.json.encode(retold).decode()

    for known in ("3f9a", "77c0", "b2", "c8", str(UUID(int=77)), str(UUID(int=99)), "bounds"):
        assert known not in text.replace(retold.hash, "").replace(retold.seals[0], "").replace(
            retold.seals[1], ""
        )
    assert retold.names == {_ONE: "乙方", _TWO: "甲方"}
    assert [each.keys for each in retold.claims] == [("1", "2"), ("2",)]


@pytest.mark.parametrize("what", ["a winner", "a time", "a rule", "what was kept"])
def test_m1_who_changes_a_verdict_is_found_out(what: str) -> None:
    seen = [claim(1, earliest_ms=1, latest_ms=2), claim(2, earliest_ms=5, latest_ms=6)]
    honest = json.loads(msgspec.json.encode(told(seen)))
    forged = json.loads(msgspec.json.encode(told(seen)))
    match what:
        case "a winner":
            forged["rulings"][0] |= {"winner": _TWO, "losers": [_ONE]}
        case "a time":
            forged["claims"][0]["earliest_ms"] = 0
        case "a rule":
            forged["rules"]["steps"] = ["word", "lot"]
        case _:
            forged["seals"][0] = forged["seals"][1]

    tonglu_replay.check(honest)
    with pytest.raises(tonglu_replay.Wrong):
        tonglu_replay.check(forged)
    forged["hash"] = tonglu_replay.hash_of(forged)
    if what == "a winner":
        with pytest.raises(tonglu_replay.Wrong, match="otherwise"):
            tonglu_replay.check(forged)


@pytest.mark.parametrize("edition", [1, 2, 3])
def test_m1_an_old_verdict_replays_though_claims_have_got_fields_since(
    edition: int,
) -> None:
    """Its hash is of what was kept then, written here by hand."""
    rules = {1: order.FIRST, 2: order.SECOND, 3: order.THIRD}[edition]
    kept, ruled = json.loads(_OLD_CLAIMS), json.loads(_OLD_RULINGS)
    if edition == 1:
        text = f'["{rules.hash}",{_OLD_CLAIMS},{_OLD_RULINGS}]'
    else:
        text = json.dumps([edition, rules.hash, kept, ruled], separators=(",", ":"), sort_keys=True)
    written = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    grown = msgspec.defstruct(
        "Claim", [("is_new", bool, True)], bases=(Claim,), frozen=True, kw_only=True
    )

    claims_ = msgspec.convert(kept, list[grown])  # type: ignore[valid-type] # made in this test

    assert order.hash_of(kept, ruled, rules) == written
    assert decide(claims_, rules).rulings == msgspec.convert(ruled, tuple[order.Ruling, ...])


def test_m1_the_program_says_what_came_of_it(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = [claim(1, has_word=True), claim(2)]
    retold = told(seen, names={UUID(int=1): "甲方", UUID(int=2): "乙方"})
    file = tmp_path / "case.json"
    file.write_bytes(msgspec.json.encode({"id": "x", "replay": retold}))

    assert tonglu_replay.main([str(file)]) == 0
    assert capsys.readouterr().out.splitlines() == ["甲方 (word)", f"OK {retold.hash}"]
    file.write_text("[]")
    assert tonglu_replay.main([str(file)]) == 1
    assert Rule.WORD in retold.rules.steps

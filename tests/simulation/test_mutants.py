"""Bugs that are planted on purpose are found, and planted where the code is today."""

import pytest

from world.simulation import mutants, plan, soak
from world.simulation.mutants import MUTANTS, Mutant
from world.simulation.mutants.hunting import function_of

QUICK = (
    "everything is seen",
    "the loser is not kept",
    "settled ops are settled again",
    "the cursor runs ahead of its page",
    "what left the scope stays",
    "only the last page counts",
    "a reset clears the outbox",
    "the overlay ends too early",
    "a group is cut in two",
    "edit times are not corrected",
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_mutant_changes_a_line_that_is_there_and_leaves_no_trace(mutant: Mutant) -> None:
    function = function_of(mutant.target)
    right = function.__code__

    with mutants.planted(mutant):
        assert function.__code__ != right
    assert function.__code__ is right


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_bug_is_found(name: str) -> None:
    soak.be_quiet()
    mutant = next(each for each in MUTANTS if each.name == name)

    caught = mutants.hunt(mutant, most=60)

    assert caught.is_found
    assert caught.oracle


def test_there_are_enough_mutants_of_every_part() -> None:
    parts = {mutant.target.partition(":")[0].partition(".")[0] for mutant in MUTANTS}

    assert len(MUTANTS) >= 25
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert parts >= {"sync_protocol", "server", "mobile_client_sdk", "world"}


def test_what_is_found_is_made_small() -> None:
    soak.be_quiet()
    mutant = next(each for each in MUTANTS if each.name == "everything is seen")
    caught = mutants.hunt(mutant, most=60)
    failing = plan.from_seed(caught.seed, profile=caught.profile)

    with mutants.planted(mutant):
        small = soak.smaller(failing)
        oracles = [finding.oracle for finding in soak.play(small).findings]

    assert len(small.events) < len(failing.events) / 2
    assert caught.oracle in oracles
    assert soak.play(small).passed

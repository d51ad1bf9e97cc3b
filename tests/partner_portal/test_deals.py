"""What a deal's page counts."""

import msgspec

from partner_portal.deals.detail import must_steps
from sync_protocol.process.built_in import BUILT_IN
from sync_protocol.process.definition import Definition, Gate, Stage


def with_steps(stage: Stage, *gates: Gate | None) -> tuple[Stage, list[str]]:
    """Give a stage other steps, each with its gate, or optional; and their ids."""
    model = stage.steps[0]
    steps = tuple(
        msgspec.structs.replace(
            model,
            id=f"{stage.id}-{at}",
            is_mandatory=gate is not None,
            gate=gate or Gate.STRICT,
        )
        for at, gate in enumerate(gates)
    )
    return msgspec.structs.replace(stage, steps=steps), [step.id for step in steps]


def test_only_what_must_be_done_counts_as_such() -> None:
    first, ours = with_steps(BUILT_IN.stages[0], Gate.STRICT, Gate.LOOSE, None)
    second, theirs = with_steps(BUILT_IN.stages[1], Gate.STRICT, Gate.LOOSE)
    process = Definition(stages=(first, second, *BUILT_IN.stages[2:]))

    assert must_steps(process, first.id, set()) == (0, 1)
    assert must_steps(process, first.id, {*ours, *theirs}) == (1, 1)
    assert must_steps(process, second.id, {ours[0], theirs[1]}) == (1, 2)

"""What a process is made of: stages, steps, templates and cases, as one document.

A process travels as a record of kind `process`, whose ``definition`` is this document as JSON. It
is never changed: what is thought of later is another version. Stages and steps keep their ids from
version to version, so a deal that is moved to a newer one keeps what was done.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

import msgspec

MAX_STAGES: Final = 12
MAX_STEPS: Final = 100
"""Of a whole process: a deal holds the done ones in one set."""
MAX_DEFINITION: Final = 200_000
"""The most characters that a definition may have."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Line = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Text = Annotated[str, msgspec.Meta(max_length=5_000)]
StageId = Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z0-9_]{0,39}\Z")]
Id = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]


class Canonical(StrEnum):
    """The platform's stages, on which every company's own are mapped."""

    LEAD = "lead"
    """线索: somebody who may need what is sold."""
    PRE_OPPORTUNITY = "pre_opportunity"
    """准商机: has said what is needed."""
    OPPORTUNITY = "opportunity"
    """商机: means to buy."""
    SIGNED = "signed"
    """签约: has signed."""


LADDER: Final = tuple(Canonical)
"""The canonical stages in their order."""


class Gate(StrEnum):
    """What happens when something that is asked for is not there."""

    STRICT = "strict"
    """The deal stays."""
    LOOSE = "loose"
    """The deal goes on, and the deviation is written down."""


Role = Literal["account", "solution", "fulfilment"]
"""The iron triangle (铁三角): AR, SR and FR."""
NEEDS: Final = (
    "amount_minor",
    "expected_on",
    "competitor",
    "account_manager_id",
    "solution_manager_id",
    "fulfilment_manager_id",
)
"""The fields of a deal that a stage may ask for before it is left."""


class Template(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a step is done with (L5): a list to tick, a form to fill in, or words to say."""

    id: Id
    kind: Literal["checklist", "form", "sample"]
    title: Name
    lines: Annotated[tuple[Line, ...], msgspec.Meta(max_length=40)] = ()
    """What to tick, or the questions of the form."""
    text: Text = ""
    """The sample's words."""


class Case(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How somebody did it well (L6)."""

    id: Id
    title: Name
    text: Text


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step of a stage (L4)."""

    id: Id
    name: Name
    role: Role | None = None
    """Whose step it is; nobody's in particular when none is said."""
    is_mandatory: bool = False
    gate: Gate = Gate.STRICT
    """Of a mandatory step: whether the deal stays while it is open."""
    templates: Annotated[tuple[Template, ...], msgspec.Meta(min_length=1, max_length=10)]
    cases: Annotated[tuple[Case, ...], msgspec.Meta(max_length=10)] = ()


class Need(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A field that must have a value before the stage is left."""

    field: Literal[
        "amount_minor",
        "expected_on",
        "competitor",
        "account_manager_id",
        "solution_manager_id",
        "fulfilment_manager_id",
    ]
    gate: Gate = Gate.STRICT


class Stage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stage of a process (L3), under the company's own name."""

    id: StageId
    name: Name
    canonical: Canonical
    probability: Percent
    """How likely a deal in this stage is won, in per cent."""
    stale_days: Annotated[int, msgspec.Meta(ge=0, le=3_650)] = 0
    """After how many days without a change a deal is stale; 0 for never."""
    needs: Annotated[tuple[Need, ...], msgspec.Meta(max_length=len(NEEDS))] = ()
    steps: Annotated[tuple[Step, ...], msgspec.Meta(max_length=40)] = ()


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """A whole process: its stages in order; the last one is the signature."""

    stages: Annotated[tuple[Stage, ...], msgspec.Meta(min_length=2, max_length=MAX_STAGES)]

    @property
    def first(self) -> Stage:
        """Answer where deals begin."""
        return self.stages[0]

    @property
    def signed(self) -> Stage:
        """Answer where won deals stand."""
        return self.stages[-1]

    def place(self, stage_id: str) -> int | None:
        """Answer where a stage stands in the order; None when there is no such stage."""
        return next((at for at, stage in enumerate(self.stages) if stage.id == stage_id), None)

    def stage(self, stage_id: str) -> Stage | None:
        """Answer a stage; None when there is no such."""
        return next((stage for stage in self.stages if stage.id == stage_id), None)

    def steps(self) -> Iterator[tuple[Stage, Step]]:
        """Answer every step with its stage, in order."""
        for stage in self.stages:
            for step in stage.steps:
                yield stage, step

    def template(self, template_id: str) -> tuple[Step, Template | Case] | None:
        """Answer a template or case with its step."""
        for _, step in self.steps():
            parts: tuple[Template | Case, ...] = (*step.templates, *step.cases)
            for part in parts:
                if part.id == template_id:
                    return step, part
        return None


class Fault(StrEnum):
    """What may be wrong with a process."""

    MALFORMED = "malformed"
    """A part is missing, or not of the form that its field takes."""
    ORDER = "order"
    """A stage goes back in the platform's order."""
    SIGNATURE = "signature"
    """The last stage is not the signature, or another one is."""
    CERTAIN = "certain"
    """What is signed is not certain."""
    AFTERWARDS = "afterwards"
    """Something is asked for after the signature."""
    TWICE = "twice"
    """Two parts have one id, or a field is asked for twice."""
    TOO_MANY_STEPS = "too_many_steps"


class DefinitionInvalid(Exception):
    """A document that is no process; the path names the part."""

    def __init__(self, detail: str, path: str, fault: Fault = Fault.MALFORMED) -> None:
        super().__init__(detail)
        self.detail = detail
        self.path = path
        self.fault = fault


@lru_cache(256)
def read(text: str) -> Definition:
    """Read a definition that was published.

    :raises DefinitionInvalid: it is none.
    """
    return accept(text)


def accept(given: str | Any) -> Definition:
    """Read a definition, from JSON or from its parts, and see that it is sound.

    :raises DefinitionInvalid: naming the first part that is not.
    """
    try:
        if isinstance(given, str):
            definition = msgspec.json.decode(given, type=Definition)
        else:
            definition = msgspec.convert(given, Definition)
    except msgspec.ValidationError as error:
        detail, _, path = str(error).partition(" - at `$")
        raise DefinitionInvalid(f"{detail}.", path.strip("`.") or "stages") from error
    except msgspec.DecodeError as error:
        raise DefinitionInvalid("This is not JSON.", "definition") from error
    for path, fault, detail in _faults(definition):
        raise DefinitionInvalid(detail, path, fault)
    return definition


def write(definition: Definition) -> str:
    """Write a definition as it travels."""
    return msgspec.json.encode(definition).decode()


def _faults(definition: Definition) -> Iterator[tuple[str, Fault, str]]:
    """Answer what is wrong beyond the form of each part, with where."""
    last = len(definition.stages) - 1
    reached = -1
    for at, stage in enumerate(definition.stages):
        rung = LADDER.index(stage.canonical)
        if rung < reached:
            yield (
                f"stages[{at}].canonical",
                Fault.ORDER,
                "The stages follow the platform's order; none goes back.",
            )
        if (stage.canonical is Canonical.SIGNED) != (at == last):
            yield (
                f"stages[{at}].canonical",
                Fault.SIGNATURE,
                "The last stage, and no other, is the signature.",
            )
        reached = rung
    if definition.signed.probability != 100:  # noqa: PLR2004 - per cent
        path = f"stages[{last}].probability"
        yield path, Fault.CERTAIN, "What is signed is certain: 100 per cent."
    if definition.signed.steps or definition.signed.needs:
        detail = "Nothing is asked for after the signature; ask before it."
        yield f"stages[{last}]", Fault.AFTERWARDS, detail
    yield from _repeated(
        (f"stages[{at}].id", stage.id) for at, stage in enumerate(definition.stages)
    )
    yield from _repeated(_ids(definition))
    for at, stage in enumerate(definition.stages):
        yield from _repeated(
            (f"stages[{at}].needs[{nth}].field", need.field) for nth, need in enumerate(stage.needs)
        )
    if sum(len(stage.steps) for stage in definition.stages) > MAX_STEPS:
        yield "stages", Fault.TOO_MANY_STEPS, f"A process has at most {MAX_STEPS} steps."


def _ids(definition: Definition) -> Iterator[tuple[str, str]]:
    """Answer the id of every step, template and case with where it stands."""
    for at, stage in enumerate(definition.stages):
        for nth, step in enumerate(stage.steps):
            path = f"stages[{at}].steps[{nth}]"
            yield f"{path}.id", step.id
            for place, template in enumerate(step.templates):
                yield f"{path}.templates[{place}].id", template.id
            for place, case in enumerate(step.cases):
                yield f"{path}.cases[{place}].id", case.id


def _repeated(named: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Fault, str]]:
    """Answer where a name stands for the second time."""
    seen: set[str] = set()
    for path, name in named:
        if name in seen:
            yield path, Fault.TWICE, f"{name} is there twice; each has a name of its own."
        seen.add(name)

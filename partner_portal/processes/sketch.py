"""A process while it is being written: what its form holds, and what its buttons do. Pure.

A sketch is the form as nested texts, sound or not, so that nothing that somebody typed is lost
where a part is wrong. Names of fields tell where they stand: `s1.t0.p2.title` is the title of the
third template of the first step of the second stage.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from sync_protocol.process.definition import NEEDS, Definition

Sketch = list[dict[str, Any]]
"""Stages; each holds its steps under `t`, a step its templates under `p` and its cases under `c`,
each part its texts by their names."""

_STAGE: Final = ("id", "name", "canonical", "probability", "stale_days")
_STEP: Final = ("id", "name", "role", "gate")
_TEMPLATE: Final = ("id", "kind", "title", "body")
_CASE: Final = ("id", "title", "text")
KINDS: Final = ("checklist", "form", "sample")
"""Of templates."""
_PLACE: Final = re.compile(r"(up|down|remove|add)\.((?:[stpc]\d{1,3}\.?)*)([stpc]?)")
_PART: Final = re.compile(r"([stpc])(\d{1,3})")
_PATH: Final = re.compile(r"(stages|steps|templates|cases|needs)\[(\d+)\]")
_LETTERS: Final = {"stages": "s", "steps": "t", "templates": "p", "cases": "c"}
_MAX: Final = {"s": 12, "t": 40, "p": 10, "c": 10}


def drawn(definition: Definition) -> Sketch:
    """Write a process as its form shows it."""
    return [
        {
            "id": stage.id,
            "name": stage.name,
            "canonical": str(stage.canonical),
            "probability": str(stage.probability),
            "stale_days": str(stage.stale_days or ""),
            "needs": {need.field: str(need.gate) for need in stage.needs},
            "t": [
                {
                    "id": step.id,
                    "name": step.name,
                    "role": step.role or "",
                    "gate": str(step.gate) if step.is_mandatory else "optional",
                    "p": [
                        {
                            "id": template.id,
                            "kind": template.kind,
                            "title": template.title,
                            "body": template.text
                            if template.kind == "sample"
                            else "\n".join(template.lines),
                        }
                        for template in step.templates
                    ],
                    "c": [msgspec.to_builtins(case) for case in step.cases],
                }
                for step in stage.steps
            ],
        }
        for stage in definition.stages
    ]


def read(form: Mapping[str, str]) -> Sketch:
    """Read what the form sent, as far as it goes."""
    return [
        {
            **_texts(form, stage, _STAGE),
            "needs": {
                field: gate for field in NEEDS if (gate := form.get(f"{stage}.need.{field}", ""))
            },
            "t": [
                {
                    **_texts(form, step, _STEP),
                    "p": [_template_texts(form, each) for each in _parts(form, f"{step}.p", "p")],
                    "c": [_texts(form, each, _CASE) for each in _parts(form, f"{step}.c", "c")],
                }
                for step in _parts(form, f"{stage}.t", "t")
            ],
        }
        for stage in _parts(form, "s", "s")
    ]


def _parts(form: Mapping[str, str], prefix: str, letter: str) -> Iterator[str]:
    """Give the prefixes of the parts that the form has, in order."""
    for at in range(_MAX[letter]):
        if f"{prefix}{at}.id" in form:
            yield f"{prefix}{at}"


def _texts(form: Mapping[str, str], prefix: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Read the texts of one part."""
    return {name: form.get(f"{prefix}.{name}", "").replace("\r\n", "\n") for name in names}


def _template_texts(form: Mapping[str, str], prefix: str) -> dict[str, Any]:
    """Read a template; what is of no kind that there is becomes a list to tick."""
    texts = _texts(form, prefix, _TEMPLATE)
    return texts if texts["kind"] in KINDS else {**texts, "kind": KINDS[0]}


def written(sketch: Sketch) -> dict[str, Any]:
    """Write a sketch as a definition to be checked; what is no number stays as it was typed."""
    return {
        "stages": [
            {
                **{name: stage[name] for name in ("id", "name", "canonical")},
                "probability": _number(stage["probability"]),
                "stale_days": _number(stage["stale_days"] or "0"),
                "needs": [{"field": name, "gate": gate} for name, gate in stage["needs"].items()],
                "steps": [_step(step) for step in stage["t"]],
            }
            for stage in sketch
        ]
    }


def _step(step: dict[str, Any]) -> dict[str, Any]:
    """Write a step."""
    is_mandatory = step["gate"] != "optional"
    return {
        "id": step["id"],
        "name": step["name"],
        "role": step["role"] or None,
        "is_mandatory": is_mandatory,
        **({"gate": step["gate"]} if is_mandatory else {}),
        "templates": [_template(template) for template in step["p"]],
        "cases": step["c"],
    }


def _template(template: dict[str, Any]) -> dict[str, Any]:
    """Write a template: words to say, or lines to tick or to fill in."""
    kept = {name: template[name] for name in ("id", "kind", "title")}
    if template["kind"] == "sample":
        return {**kept, "text": template["body"]}
    lines = [line.strip() for line in template["body"].split("\n") if line.strip()]
    return {**kept, "lines": lines}


def _number(text: str) -> int | str:
    """Read a whole number; anything else stays a text, which the check then refuses."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else text  # noqa: PLR2004 - digits


def changed(sketch: Sketch, asked: str, new_id: Callable[[], str]) -> Sketch:
    """Do what a button asks: `add.s1.t`, `remove.s1.t0`, `up.s2`, `down.s0.t1.p0`.

    What does not name a part that is there changes nothing.

    :param new_id: makes the id of a part that is added.
    """
    found = _PLACE.fullmatch(asked)
    if found is None:
        return sketch
    verb, place, kind = found.groups()
    way = [(letter, int(at)) for letter, at in _PART.findall(place)]
    last = None if verb == "add" else way.pop() if way else None
    held: Any = {"s": sketch}
    for letter, at in way:
        parts = held.get(letter, [])
        if at >= len(parts):
            return sketch
        held = parts[at]
    if verb == "add":
        if kind in held and len(held[kind]) < _MAX[kind]:
            # A stage comes before the signature, which is the last.
            spot = len(held[kind]) - 1 if kind == "s" else len(held[kind])
            held[kind].insert(max(spot, 0), _blank(kind, new_id))
        return sketch
    if last is not None and last[0] in held:
        _shift(held[last[0]], last[1], verb)
    return sketch


def _shift(parts: list[Any], at: int, verb: str) -> None:
    """Take a part away, or let it change places with its neighbour."""
    if at >= len(parts):
        return
    to = {"up": at - 1, "down": at + 1}.get(verb)
    if to is None:
        del parts[at]
    elif 0 <= to < len(parts):
        parts[at], parts[to] = parts[to], parts[at]


def _blank(kind: str, new_id: Callable[[], str]) -> dict[str, Any]:
    """Make an empty part."""
    match kind:
        case "s":
            # Stages have short names as ids; the tail of a new id will not be there twice.
            stage_id = f"s_{new_id().replace('-', '')[-12:]}"
            empty = dict.fromkeys(_STAGE, "") | {"canonical": "opportunity", "probability": "50"}
            return {**empty, "id": stage_id, "needs": {}, "t": []}
        case "t":
            step = dict.fromkeys(_STEP, "") | {"id": new_id(), "gate": "strict"}
            return {**step, "p": [_blank("p", new_id)], "c": []}
        case "p":
            return dict.fromkeys(_TEMPLATE, "") | {"id": new_id(), "kind": "checklist"}
        case _:
            return dict.fromkeys(_CASE, "") | {"id": new_id()}


def name_of(path: str) -> str:
    """Give the name of the form's field that a part of a definition stands in.

    `definition.stages[1].steps[0].templates[2].lines` is `s1.t0.p2.body`.
    """
    prefix = ".".join(
        f"{_LETTERS[part]}{at}" for part, at in _PATH.findall(path) if part in _LETTERS
    )
    field = path.rpartition(".")[2].partition("[")[0]
    if field in {"lines", "text"} and ".p" in prefix:
        field = "body"
    if field in {*_LETTERS, "needs"}:
        return prefix
    return f"{prefix}.{field}" if prefix else field


def standing(sketch: Sketch, path: str) -> list[str]:
    """Name the stage, step and template that a path leads through, as far as they have names."""
    held: Any = {"s": sketch}
    names = []
    for part, at in _PATH.findall(path):
        parts = held.get(_LETTERS.get(part, ""), [])
        if int(at) >= len(parts):
            break
        held = parts[int(at)]
        names.append(held.get("name") or held.get("title") or str(int(at) + 1))
    return names

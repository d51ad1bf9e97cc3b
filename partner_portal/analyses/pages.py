"""Put a question for figures together, and read the answer as a table."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import msgspec
from litestar import Response, get

from partner_portal import forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from partner_portal.words import Catalogue
from server.access import Actor
from server.access.doors import OPEN_TO_ANALYSTS
from server.access.edge import CurrentActor
from server.insights import queries
from server.insights.schemas import (
    NONE,
    OTHER,
    Analysis,
    Askable,
    Key,
    NewAnalysis,
    Subject,
)
from server.kit.errors import Refusal
from sync_protocol.process.definition import LADDER
from sync_protocol.schema import CUSTOMER_LEVELS, CUSTOMER_STATUSES

_WORDS: Final[Mapping[str, str]] = {
    "status": "status.",
    "stage": "canonical.",
    "state": "deal_state.",
    "lost_reason": "lost.",
}
"""Under which of our words the values of a dimension stand."""
_ORDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "status": CUSTOMER_STATUSES,
    "stage": tuple(map(str, LADDER)),
}
_NARROWS: Final = ("status", "level", "team", "tag", "source")
"""The filters that the page offers, in this order."""
_FIRST: Final[Mapping[Subject, str]] = {
    Subject.CUSTOMERS: "status",
    Subject.DEALS: "stage",
    Subject.MOVES: "stage",
}
_MAIN: Final[Mapping[Subject, str]] = {
    Subject.CUSTOMERS: "customers",
    Subject.DEALS: "amount_minor",
    Subject.MOVES: "hours_in_stage",
}
"""What a table in two directions shows unless something else is asked for."""


class Table(msgspec.Struct, frozen=True):
    """An answer laid out: the heads of the columns, and each row with its figures."""

    heads: list[str]
    measures: list[str]
    """Of each column."""
    rows: list[tuple[str, list[int | None]]]
    total: list[int]


@get("/analyses", opt=OPEN_TO_ANALYSTS)
async def analyses(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show the question as a form, and its answer below."""
    words, given = forms.words_of(request), dict(request.query_params)
    known = {each.subject: each for each in await queries.subjects(actor)}
    subject = next((each for each in known if each == given.get("subject")), Subject.DEALS)
    found, wrong = None, Problem()
    asked = _asked(known[subject], given)
    try:
        found = await queries.analysis(actor, forms.taken(asked, NewAnalysis))
    except Refusal as refusal:
        wrong = forms.problem(refusal, words)
    return renderer.page(
        request,
        "analyses/templates/analyses.html",
        status=wrong.status,
        subjects=list(known),
        known=known[subject],
        given=given | {"subject": subject.value, "rows": asked["by"][0]},
        narrows=await _narrows(actor, words),
        found=found,
        table=_table(found, words) if found else None,
        main=given.get("measure") or _MAIN[subject],
        wrong=wrong,
        **await frame(request, actor),
    )


def _asked(known: Askable, given: Mapping[str, str]) -> dict[str, Any]:
    """Write what the form says as a question; what a subject does not have is left out."""
    rows = given.get("rows") if given.get("rows") in known.dimensions else None
    by = [rows or _FIRST[known.subject]]
    columns = given.get("columns")
    measures = known.measures
    if columns in known.dimensions and columns not in by:
        by.append(str(columns))
        measure = given.get("measure")
        measures = [measure if measure in known.measures else _MAIN[known.subject]]
    return {
        "subject": known.subject,
        "by": by,
        "measures": measures,
        "filters": {name: [value] for name in _NARROWS if (value := given.get(name))},
        "since": given.get("since") or None,
        "until": given.get("until") or None,
    }


async def _narrows(actor: Actor, words: Catalogue) -> list[tuple[str, list[tuple[str, str]]]]:
    """Give what one may narrow by, and the values of each."""
    fixed = {"status": CUSTOMER_STATUSES, "level": CUSTOMER_LEVELS}
    return [
        (
            name,
            [(value, _said(words, name, Key(value, ""))) for value in fixed[name]]
            if name in fixed
            else [(key.value, key.label) for key in await queries.values(actor, name)],
        )
        for name in _NARROWS
    ]


def _table(found: Analysis, words: Catalogue) -> Table:
    """Lay an answer out: one dimension beside all measures, or two across for one measure."""
    down, *others = found.by
    rows = sorted({cell.keys[0] for cell in found.cells}, key=partial(_place, down))
    if not others:
        figures = {cell.keys[0]: cell.figures for cell in found.cells}
        return Table(
            heads=[words.say(f"analysis.measure.{name}") for name in found.measures],
            measures=found.measures,
            rows=[(_said(words, down, row), list(figures[row])) for row in rows],
            total=found.totals,
        )
    across = sorted({cell.keys[1] for cell in found.cells}, key=partial(_place, others[0]))
    crossed = {(cell.keys[0], cell.keys[1]): cell.figures[0] for cell in found.cells}
    return Table(
        heads=[_said(words, others[0], key) for key in across],
        measures=found.measures * len(across),
        rows=[
            (_said(words, down, row), [crossed.get((row, column)) for column in across])
            for row in rows
        ],
        total=found.totals,
    )


def _place(dimension: str, key: Key) -> tuple[bool, int, str]:
    """Say where a value stands: in the order of its own list, what is not told at the end."""
    order = _ORDERS.get(dimension, ())
    at = order.index(key.value) if key.value in order else len(order)
    return key.value in {NONE, OTHER}, at, key.label or key.value


def _said(words: Catalogue, dimension: str, key: Key) -> str:
    """Say a value in the reader's language."""
    if key.value == NONE:
        return words.say("analysis.none")
    if key.value == OTHER:
        return words.say("analysis.other")
    own = f"{_WORDS.get(dimension, '')}{key.value}"
    return words.say(own) if dimension in _WORDS and words.has(own) else key.label or key.value

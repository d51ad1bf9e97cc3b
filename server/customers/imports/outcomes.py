"""What became of a chunk of rows, from the outcomes of the ops that they made. Pure."""

from collections.abc import Mapping, Sequence

from server.changelog.rules import as_refusal
from server.changelog.service import Applied
from server.imports.rules.rows import Action, Problem, Verdict
from server.imports.targets import Written
from sync_protocol.messages import Code, Status


def told(applied: Applied, row_of: Mapping[int, Verdict], judged: Sequence[Verdict]) -> Written:
    """Tell which rows were refused after all, and which changed nothing.

    :param row_of: the verdict behind each op, by the op's number.
    """
    refused: dict[int, Problem] = {}
    codes: dict[int, set[str | None]] = {}
    for outcome in applied.result.outcomes:
        number = row_of[outcome.number].row.number
        codes.setdefault(number, set()).add(outcome.code)
        if outcome.status not in {Status.APPLIED, Status.MERGED}:
            refusal = applied.refusals.get(outcome.number) or as_refusal(outcome)
            problem = Problem(refusal.field or "", refusal.code, refusal.detail)
            refused.setdefault(number, problem)
    unchanged = {
        verdict.row.number
        for verdict in judged
        if verdict.action is Action.UPDATE and codes.get(verdict.row.number) == {Code.UNCHANGED}
    }
    return Written(refused, frozenset(unchanged))

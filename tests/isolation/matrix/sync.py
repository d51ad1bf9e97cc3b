"""Routes of the sync protocol."""

from typing import Final

from server.access import Role
from tests.isolation.matrix.case import Case, Route
from tests.isolation.matrix.parts import pull, push

API: Final[dict[Route, Case]] = {
    ("GET", "/v1/sync/conflicts"): Case(ids={"query.customer_id": "customer"}),
    ("POST", "/v1/sync/conflicts/{conflict_id}/resolution"): Case(
        ids={"path.conflict_id": "conflict"},
        body=lambda _: {"decision": "dismiss"},
        spends="path.conflict_id",
    ),
    ("POST", "/v1/sync/pull"): Case(body=lambda _: pull(), role=Role.SALES_REP),
    ("POST", "/v1/sync/digest"): Case(body=lambda _: {"pull": pull()}, role=Role.SALES_REP),
    ("POST", "/v1/sync/push"): Case(body=lambda _: push(), role=Role.SALES_REP),
}

"""Routes of plans of the product, metering and invoices."""

from datetime import date, timedelta
from itertools import count
from typing import Any, Final

from server.kit import clock
from tests.factories import new_id
from tests.isolation.matrix.case import Case, Route
from tests.isolation.matrix.parts import FINANCE
from tests.isolation.world import Company

_DAYS: Final = (f"{date(2090, 1, 1) + timedelta(days=n)}" for n in count())
"""A change of a plan begins after all others."""


def _plan_version(_: Company) -> dict[str, Any]:
    """Write a first version of a new plan of the product."""
    return {
        "id": str(new_id()),
        "plan_id": str(new_id()),
        "name": "专业版",
        "begins_on": "2098-01-01",
        "price_minor": 100,
    }


API: Final[dict[Route, Case]] = {
    ("GET", "/v1/plan"): Case(),
    ("GET", "/v1/plan/invoices"): Case(),
    # No invoice of either company was made: the worker does that.
    ("GET", "/v1/plan/invoices/{invoice_id}"): Case(
        shared={"path.invoice_id": "program"}, succeeds=False
    ),
    ("GET", "/v1/plan/invoices/{invoice_id}/invoice.pdf"): Case(
        shared={"path.invoice_id": "program"}, succeeds=False
    ),
    ("GET", "/v1/platform/plans"): Case(role=FINANCE),
    ("GET", "/v1/platform/plan-holders"): Case(
        # A list narrowed to whatever plan is a list.
        shared={"query.plan_id": "program"},
        role=FINANCE,
    ),
    ("GET", "/v1/platform/agents/{agent_id}/plan"): Case(
        ids={"path.agent_id": "tenant"}, answers={"path.agent_id": 200}, role=FINANCE
    ),
    ("GET", "/v1/platform/invoices/{invoice_id}"): Case(
        shared={"path.invoice_id": "program"}, role=FINANCE, succeeds=False
    ),
    ("POST", "/v1/platform/plans"): Case(
        role=FINANCE, new_ids=("body.id", "body.plan_id"), body=_plan_version
    ),
    # Nothing of it is kept, and nobody has this plan.
    ("POST", "/v1/platform/plans/trial"): Case(
        role=FINANCE,
        new_ids=("body.id", "body.plan_id"),
        body=lambda company: {
            **_plan_version(company),
            "begins_on": f"{clock.now().date() + timedelta(days=40)}",
        },
    ),
    # Whose company it is about may be any; the plan was not published.
    ("POST", "/v1/platform/plan-changes"): Case(
        ids={"body.agent_id": "tenant"},
        answers={"body.agent_id": 404},
        shared={"body.plan_id": "program"},
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "agent_id": str(company.ids["tenant"]),
            "begins_on": "2098-01-01",
            "plan_id": str(company.ids["program"]),
        },
        succeeds=False,
    ),
    ("POST", "/v1/platform/plan-grants"): Case(
        ids={"body.agent_id": "tenant"},
        answers={"body.agent_id": 201},
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "agent_id": str(company.ids["tenant"]),
            "source": "benefit",
            "meter": "seats",
            "units": 1,
            "begins_on": "2098-01-01",
        },
    ),
    # Nothing of it is there.
    ("GET", "/v1/platform/invoices/{invoice_id}/invoice.pdf"): Case(
        shared={"path.invoice_id": "program"}, role=FINANCE, succeeds=False
    ),
    ("POST", "/v1/platform/plan-grants/{grant_id}/end"): Case(
        shared={"path.grant_id": "program"},
        role=FINANCE,
        body=lambda _: {"ends_on": "2098-01-01"},
        succeeds=False,
    ),
    ("POST", "/v1/platform/invoice-payments"): Case(
        shared={"body.invoice_id": "program"},
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "invoice_id": str(company.ids["program"]),
            "amount_minor": 1,
            "paid_on": "2026-11-01",
        },
        succeeds=False,
    ),
    ("POST", "/v1/platform/credit-notes"): Case(
        shared={"body.invoice_id": "program"},
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "invoice_id": str(company.ids["program"]),
            "amount_minor": 1,
            "reason": "误开",
        },
        succeeds=False,
    ),
    ("POST", "/v1/platform/invoices/{invoice_id}/fapiao"): Case(
        shared={"path.invoice_id": "program"},
        role=FINANCE,
        body=lambda _: {"number": "26442000000123456789"},
        succeeds=False,
    ),
}

PAGES: Final[dict[Route, Case]] = {
    ("GET", "/plan"): Case(),
    ("GET", "/plan/invoices/{invoice_id}/invoice.pdf"): Case(
        shared={"path.invoice_id": "program"}, succeeds=False
    ),
    ("GET", "/console/plans"): Case(shared={"query.plan_id": "program"}, role=FINANCE),
    ("GET", "/console/plans/versions/new"): Case(
        shared={"query.plan_id": "program"}, role=FINANCE, succeeds=False
    ),
    ("POST", "/console/plans/versions"): Case(
        role=FINANCE,
        new_ids=("body.id", "body.plan_id"),
        body=lambda company: {
            **{name: str(said) for name, said in _plan_version(company).items()},
            "begins_on": f"{clock.now().date() + timedelta(days=40)}",
            "price": "1",
        },
    ),
    ("GET", "/console/plans/{agent_id}"): Case(
        ids={"path.agent_id": "tenant"}, answers={"path.agent_id": 200}, role=FINANCE
    ),
    ("POST", "/console/plans/{agent_id}/changes"): Case(
        ids={"path.agent_id": "tenant"},
        answers={"path.agent_id": 303},
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda _: {"id": str(new_id()), "plan_id": "pause", "begins_on": next(_DAYS)},
    ),
    # What is free sells no units.
    ("POST", "/console/plans/{agent_id}/grants"): Case(
        ids={"path.agent_id": "tenant"},
        answers={"path.agent_id": 422},
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda _: {
            "id": str(new_id()),
            "source": "platform",
            "meter": "messages",
            "units": "100",
            "begins_on": "2098-01-01",
        },
        succeeds=False,
    ),
    # Invoices are the platform's own; there are none of these ids.
    # Nothing of it is there.
    ("POST", "/console/plans/{agent_id}/grants/{grant_id}/end"): Case(
        ids={"path.agent_id": "tenant"},
        shared={"path.grant_id": "program"},
        answers={"path.agent_id": 404},
        role=FINANCE,
        body=lambda _: {"ends_on": "2098-01-01"},
        succeeds=False,
    ),
    ("GET", "/console/plans/invoices/{invoice_id}/invoice.pdf"): Case(
        shared={"path.invoice_id": "program"}, role=FINANCE, succeeds=False
    ),
    ("GET", "/console/plans/invoices/{invoice_id}"): Case(
        shared={"path.invoice_id": "program"}, role=FINANCE, succeeds=False
    ),
    ("POST", "/console/plans/invoices/{invoice_id}/payments"): Case(
        shared={"path.invoice_id": "program"},
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda _: {"id": str(new_id()), "amount": "1", "paid_on": "2026-11-01"},
        succeeds=False,
    ),
    ("POST", "/console/plans/invoices/{invoice_id}/credits"): Case(
        shared={"path.invoice_id": "program"},
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda _: {"id": str(new_id()), "amount": "1", "reason": "多计"},
        succeeds=False,
    ),
    ("POST", "/console/plans/invoices/{invoice_id}/fapiao"): Case(
        shared={"path.invoice_id": "program"},
        role=FINANCE,
        body=lambda _: {"number": "26442000000123456789"},
        succeeds=False,
    ),
}

"""Routes of what agents earn and are paid."""

from typing import Any, Final

from partner_portal.console.offers import NUMBERS
from tests.factories import new_id
from tests.isolation.matrix.case import Case, Route
from tests.isolation.matrix.parts import FINANCE
from tests.isolation.world import Company

_SHEET: Final = {"path.sheet_id": "program"}


def _commission_plan(_: Company) -> dict[str, Any]:
    """Write a first version of a new commission plan."""
    return {
        "id": str(new_id()),
        "plan_id": str(new_id()),
        "begins_on": "2026-11-01",
        "currency": "CNY",
        "measure": "revenue",
        "tiers": [{"at_least": 0, "rate": 100_000}],
    }


API: Final[dict[Route, Case]] = {
    ("GET", "/v1/commissions/lines"): Case(),
    # No company of this world has a line; whose line it is, tests of the room ask.
    ("GET", "/v1/commissions/lines/{line_id}"): Case(
        shared={"path.line_id": "program"}, succeeds=False
    ),
    ("GET", "/v1/commissions/statement"): Case(query={"month": "2026-11"}),
    ("GET", "/v1/commissions/statement.xlsx"): Case(query={"month": "2026-11"}),
    ("GET", "/v1/commissions/year"): Case(query={"year": "2026"}),
    ("GET", "/v1/commissions/year.csv"): Case(query={"year": "2026"}),
    ("GET", "/v1/commissions/year.xlsx"): Case(query={"year": "2026"}),
    # Nothing of it is sealed: the worker does that.
    ("GET", "/v1/commissions/proven-statement"): Case(succeeds=False),
    ("GET", "/v1/commissions/heads/{size}"): Case(words={"size": "1"}, succeeds=False),
    ("GET", "/v1/platform/commission-plans"): Case(role=FINANCE),
    ("POST", "/v1/platform/commission-plans"): Case(
        role=FINANCE, new_ids=("body.id", "body.plan_id"), body=_commission_plan
    ),
    ("POST", "/v1/platform/commission-plans/trial"): Case(
        # Nothing is kept of it, and nothing was sold by this plan.
        role=FINANCE,
        new_ids=("body.id", "body.plan_id"),
        body=_commission_plan,
    ),
    ("POST", "/v1/platform/commission-sales"): Case(
        # Whose company it is about may be any; no plan was published.
        ids={
            "body.sellers.0.agent_id": "tenant",
            "body.above.0.agent_id": "tenant",
            "body.above.0.above_id": "tenant",
        },
        answers=dict.fromkeys(
            ("body.sellers.0.agent_id", "body.above.0.agent_id", "body.above.0.above_id"), 409
        ),
        shared={"body.plan_id": "program", "body.contract_id": "program"},
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "plan_id": str(company.ids["program"]),
            "contract_id": str(company.ids["program"]),
            "on": "2026-11-03",
            "sold": 100,
            "sellers": [{"agent_id": str(company.ids["tenant"])}],
            "above": [
                {
                    "agent_id": str(company.ids["tenant"]),
                    "above_id": str(company.ids["tenant"]),
                }
            ],
        },
        succeeds=False,
    ),
    ("GET", "/v1/platform/commission-sales"): Case(
        # A list narrowed to whatever id is a list; nothing was sold.
        shared={
            "query.agent_id": "program",
            "query.plan_id": "program",
            "query.contract_id": "program",
        },
        role=FINANCE,
    ),
    ("GET", "/v1/platform/commission-accruals"): Case(role=FINANCE),
    ("GET", "/v1/platform/commission-meter"): Case(query={"year": "2026"}, role=FINANCE),
    ("GET", "/v1/platform/counter-offers"): Case(role=FINANCE),
    ("POST", "/v1/platform/counter-offers"): Case(
        # The platform may ask about any company.
        ids={"body.question.agent_ids.0": "tenant"},
        answers={"body.question.agent_ids.0": 201},
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "question": {
                "rival": {"kind": "times", "times": 2},
                "agent_ids": [str(company.ids["tenant"])],
            },
        },
    ),
    ("GET", "/v1/platform/counter-offers/{offer_id}"): Case(
        shared={"path.offer_id": "program"}, role=FINANCE, succeeds=False
    ),
    # Sales, lines, batches and payments are the platform's own; there are none of these ids.
    ("GET", "/v1/platform/commission-sales/{sale_id}/lines"): Case(
        shared={"path.sale_id": "program"}, role=FINANCE, succeeds=False
    ),
    ("GET", "/v1/platform/commission-sales/{sale_id}/refunds"): Case(
        shared={"path.sale_id": "program"}, role=FINANCE, succeeds=False
    ),
    ("POST", "/v1/platform/commission-refunds"): Case(
        shared={"body.sale_id": "program"},
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "sale_id": str(company.ids["program"]),
            "refunded": 100,
        },
        succeeds=False,
    ),
    # Sheets of sales and how they are read are the platform's own; there are none of these ids.
    ("GET", "/v1/platform/commission-sheet-maps"): Case(role=FINANCE),
    ("POST", "/v1/platform/commission-sheet-maps"): Case(
        shared={"body.column_map.plan": "program"},
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "name": "ERP",
            "column_map": {
                "columns": {"reference": "单号", "sold": "金额", "sale": "原单号"},
                "plan": str(company.ids["program"]),
            },
        },
    ),
    ("GET", "/v1/platform/commission-sheets"): Case(role=FINANCE),
    ("POST", "/v1/platform/commission-sheets"): Case(
        shared={"query.map_id": "program"},
        new_ids=("query.id",),
        query={"id": str(new_id()), "file_name": "b.csv"},
        role=FINANCE,
        file="单号,金额,原单号\nX-1,5,X-2\n".encode(),
        succeeds=False,
    ),
    ("GET", "/v1/platform/commission-sheets/template.csv"): Case(role=FINANCE),
    ("GET", "/v1/platform/commission-sheets/{sheet_id}"): Case(
        shared=_SHEET, role=FINANCE, succeeds=False
    ),
    ("GET", "/v1/platform/commission-sheets/{sheet_id}/rows"): Case(
        shared=_SHEET, role=FINANCE, succeeds=False
    ),
    ("GET", "/v1/platform/commission-sheets/{sheet_id}/refused.csv"): Case(
        shared=_SHEET, role=FINANCE, succeeds=False
    ),
    ("POST", "/v1/platform/commission-corrections"): Case(
        shared={"body.line_id": "program"},
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "line_id": str(company.ids["program"]),
            "amount_minor": -100,
            "reason": "多计",
        },
        succeeds=False,
    ),
    ("GET", "/v1/platform/payouts"): Case(role=FINANCE),
    ("POST", "/v1/platform/payouts"): Case(
        role=FINANCE, new_ids=("body.id",), body=lambda _: {"id": str(new_id())}
    ),
    ("GET", "/v1/platform/payouts/{batch_id}"): Case(
        shared={"path.batch_id": "program"}, role=FINANCE, succeeds=False
    ),
    ("POST", "/v1/platform/payouts/{batch_id}/approval"): Case(
        shared={"path.batch_id": "program"},
        role=FINANCE,
        body=lambda _: {"hash": "0" * 64},
        succeeds=False,
    ),
    ("GET", "/v1/platform/natural-persons"): Case(role=FINANCE),
    ("POST", "/v1/platform/agents/{agent_id}/natural-person"): Case(
        # The platform may say it of any company.
        ids={"path.agent_id": "tenant"},
        answers={"path.agent_id": 200},
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda _: {"id": str(new_id()), "is_one": False},
    ),
    ("GET", "/v1/platform/withheld-tax"): Case(role=FINANCE),
    ("POST", "/v1/platform/withheld-tax/payments"): Case(
        # Nothing is owed.
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda _: {"id": str(new_id()), "amount_minor": 2**53 - 1},
        succeeds=False,
    ),
    ("POST", "/v1/platform/payouts/{batch_id}/discarding"): Case(
        shared={"path.batch_id": "program"}, role=FINANCE, succeeds=False
    ),
    ("POST", "/v1/platform/payouts/{batch_id}/bank-file"): Case(
        ids={"body.payees.0.agent_id": "tenant"},
        answers={"body.payees.0.agent_id": 404},
        shared={"path.batch_id": "program"},
        role=FINANCE,
        body=lambda company: {
            "reference": "十一月佣金",
            "payees": [
                {
                    "agent_id": str(company.ids["tenant"]),
                    "name": company.tenant.name,
                    "account": "6222020000000000",
                    "bank": "工商银行",
                }
            ],
        },
        succeeds=False,
    ),
    ("POST", "/v1/platform/payments/{payment_id}/answer"): Case(
        shared={"path.payment_id": "program"},
        role=FINANCE,
        body=lambda _: {"answer": "paid"},
        succeeds=False,
    ),
}

PAGES: Final[dict[Route, Case]] = {
    ("GET", "/commissions"): Case(),
    # As of the API: no company of this world has a line.
    ("GET", "/commissions/lines/{line_id}"): Case(
        shared={"path.line_id": "program"}, succeeds=False
    ),
    ("GET", "/commissions/year"): Case(),
    ("GET", "/commissions/year.csv"): Case(),
    ("GET", "/commissions/year.xlsx"): Case(),
    **{
        # The platform may look at any company's year.
        ("GET", f"/console/commissions/agents/{{agent_id}}/year{kind}"): Case(
            ids={"path.agent_id": "tenant"}, answers={"path.agent_id": 200}, role=FINANCE
        )
        for kind in ("", ".csv", ".xlsx")
    },
    ("POST", "/console/commissions/agents/{agent_id}/natural-person"): Case(
        # The platform may say it of any company.
        ids={"path.agent_id": "tenant"},
        answers={"path.agent_id": 303},
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda _: {"id": str(new_id()), "is_one": ""},
    ),
    ("GET", "/console/commissions"): Case(role=FINANCE),
    ("GET", "/console/commissions/sales"): Case(
        # A list narrowed to whatever id is a list; nothing was sold.
        ids={"query.agent_id": "tenant"},
        answers={"query.agent_id": 200},
        role=FINANCE,
    ),
    ("GET", "/console/commissions/sales/{sale_id}"): Case(
        shared={"path.sale_id": "program"}, role=FINANCE, succeeds=False
    ),
    ("GET", "/console/commissions/sheets"): Case(role=FINANCE),
    ("GET", "/console/commissions/sheets/template.csv"): Case(role=FINANCE),
    ("GET", "/console/commissions/sheets/new"): Case(role=FINANCE),
    # A look keeps nothing.
    ("POST", "/console/commissions/sheets/preview"): Case(
        role=FINANCE, file="单号,金额,原单号\nX-1,5,X-2\n".encode(), body=lambda _: {}
    ),
    # Columns without an amount are read by no map.
    ("POST", "/console/commissions/sheets"): Case(
        new_ids=("body.id", "body.map_id"),
        role=FINANCE,
        file="单号\nX-1\n".encode(),
        body=lambda _: {
            "id": str(new_id()),
            "map_id": str(new_id()),
            "name": "ERP",
            "header": '["单号"]',
            "column_0": "reference",
        },
        succeeds=False,
    ),
    ("GET", "/console/commissions/sheets/{sheet_id}"): Case(
        shared=_SHEET, role=FINANCE, succeeds=False
    ),
    ("GET", "/console/commissions/sheets/{sheet_id}/refused.csv"): Case(
        shared=_SHEET, role=FINANCE, succeeds=False
    ),
    ("GET", "/console/commissions/meter"): Case(role=FINANCE),
    ("GET", "/console/commissions/plans"): Case(role=FINANCE),
    ("POST", "/console/commissions/plans"): Case(
        # Shown before it is published, and published as it was shown.
        shared={"body.plan_id": "program"},
        new_ids=("body.id", "body.new_plan_id"),
        role=FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "new_plan_id": str(new_id()),
            "plan_id": str(company.ids["program"]),
            "begins_on": "2026-11-01",
            "measure": "revenue",
            "mode": "marginal",
            "from_1": "0",
            "rate_1": "10",
            "act": "preview",
        },
    ),
    ("GET", "/console/commissions/offers"): Case(role=FINANCE),
    ("POST", "/console/commissions/offers"): Case(
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda _: {"id": str(new_id()), **{each.name: each.usual for each in NUMBERS}},
    ),
    ("GET", "/console/commissions/offers/{offer_id}"): Case(
        shared={"path.offer_id": "program"}, role=FINANCE, succeeds=False
    ),
    ("GET", "/console/payouts"): Case(role=FINANCE),
    ("POST", "/console/payouts"): Case(
        role=FINANCE, new_ids=("body.id",), body=lambda _: {"id": str(new_id())}
    ),
    ("POST", "/console/payouts/withheld-tax"): Case(
        # Nothing is owed.
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda _: {"id": str(new_id()), "amount": "10000000000"},
        succeeds=False,
    ),
    # Batches and payments are the platform's own; there are none of these ids.
    ("GET", "/console/payouts/{batch_id}"): Case(
        shared={"path.batch_id": "program"}, role=FINANCE, succeeds=False
    ),
    ("POST", "/console/payouts/{batch_id}/approval"): Case(
        shared={"path.batch_id": "program"},
        role=FINANCE,
        body=lambda _: {"hash": "0" * 64},
        succeeds=False,
    ),
    ("POST", "/console/payouts/{batch_id}/discarding"): Case(
        shared={"path.batch_id": "program"}, role=FINANCE, body=lambda _: {}, succeeds=False
    ),
    ("POST", "/console/payouts/{batch_id}/bank-file"): Case(
        shared={"path.batch_id": "program"},
        role=FINANCE,
        body=lambda _: {"reference": "佣金"},
        succeeds=False,
    ),
    ("POST", "/console/payouts/{batch_id}/payments/{payment_id}/answer"): Case(
        shared={"path.batch_id": "program", "path.payment_id": "program"},
        role=FINANCE,
        body=lambda _: {"answer": "paid"},
        succeeds=False,
    ),
}

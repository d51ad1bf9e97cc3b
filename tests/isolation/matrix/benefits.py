"""Routes of programs, budgets, benefits and vouchers."""

from typing import Any, Final

from tests.factories import new_id
from tests.isolation.matrix.case import Case, Route
from tests.isolation.matrix.parts import PLATFORM
from tests.isolation.world import Company

_NOBODYS: Final = "0000-0000-0000"
"""A code that is well-formed, and no benefit's."""


def _benefit(company: Company) -> dict[str, Any]:
    """Write a request for a benefit."""
    return {
        "id": str(new_id()),
        "customer_id": str(company.ids["customer"]),
        "program_id": str(company.ids["program"]),
    }


API: Final[dict[Route, Case]] = {
    ("GET", "/v1/benefits/programs"): Case(),
    ("GET", "/v1/benefits/requests"): Case(
        ids={"query.customer_id": "customer"}, shared={"query.program_id": "program"}
    ),
    ("POST", "/v1/benefits/requests"): Case(
        ids={"body.customer_id": "customer"},
        shared={"body.program_id": "program"},
        new_ids=("body.id",),
        body=_benefit,
    ),
    ("GET", "/v1/benefits/requests/{request_id}"): Case(ids={"path.request_id": "request"}),
    ("GET", "/v1/benefits/requests/{request_id}/explanation"): Case(
        ids={"path.request_id": "request"}
    ),
    ("POST", "/v1/benefits/requests/{request_id}/voucher"): Case(
        ids={"path.request_id": "request"}
    ),
    ("GET", "/v1/benefits/requests/{request_id}/redemptions"): Case(
        ids={"path.request_id": "request"}
    ),
    ("GET", "/v1/benefits/requests/{request_id}/review"): Case(
        ids={"path.request_id": "rejection"}
    ),
    ("POST", "/v1/benefits/requests/{request_id}/appeal"): Case(
        ids={"path.request_id": "rejection"},
        body=lambda company: {"answer": company.text("附营业执照")},
        spends="path.request_id",
    ),
    # A code of nobody.
    ("POST", "/v1/benefits/vouchers/validation"): Case(
        body=lambda _: {"code": _NOBODYS}, succeeds=False
    ),
    ("POST", "/v1/benefits/vouchers/lock"): Case(
        body=lambda _: {"id": str(new_id()), "code": _NOBODYS},
        new_ids=("body.id",),
        succeeds=False,
    ),
    ("POST", "/v1/benefits/vouchers/redemption"): Case(
        body=lambda _: {"id": str(new_id()), "code": _NOBODYS},
        new_ids=("body.id", "body.lock_id"),
        succeeds=False,
    ),
    ("POST", "/v1/benefits/vouchers/rollback"): Case(
        body=lambda _: {
            "id": str(new_id()),
            "redemption_id": str(new_id()),
            "code": _NOBODYS,
            "reason": "退货",
        },
        new_ids=("body.id", "body.redemption_id"),
        succeeds=False,
    ),
    ("GET", "/v1/benefits/units"): Case(),
    ("POST", "/v1/benefits/units/recall"): Case(
        ids={"body.device_id": "device"},
        shared={"body.program_id": "program"},
        body=lambda company: {
            "device_id": str(company.ids["device"]),
            "program_id": str(company.ids["program"]),
        },
    ),
    ("GET", "/v1/benefits/batches"): Case(),
    ("POST", "/v1/benefits/batches"): Case(
        ids={
            "body.filters.owner_id": "user",
            "body.filters.team_id": "team",
            "body.filters.tag": "tag",
        },
        shared={"body.program_id": "program"},
        # A customer that is none of one's own is a row that got nothing.
        new_ids=("body.id", "body.customers.0"),
        body=lambda company: {
            "id": str(new_id()),
            "program_id": str(company.ids["program"]),
            "filters": {"status": ["potential"]},
        },
    ),
    ("POST", "/v1/benefits/programs/{program_id}/batches"): Case(
        shared={"path.program_id": "program"},
        new_ids=("query.id",),
        file="客户名称\n没有这家\n".encode(),
    ),
    ("GET", "/v1/benefits/batches/{batch_id}"): Case(ids={"path.batch_id": "batch"}),
    ("GET", "/v1/benefits/batches/{batch_id}/rows"): Case(ids={"path.batch_id": "batch"}),
    ("GET", "/v1/benefits/batches/{batch_id}/rejected.csv"): Case(ids={"path.batch_id": "batch"}),
    ("POST", "/v1/benefits/batches/{batch_id}/withdrawals"): Case(
        ids={"path.batch_id": "batch"}, body=lambda _: {"places": [9]}
    ),
    ("GET", "/v1/benefits/programs/{program_id}/eligibility/{customer_id}"): Case(
        ids={"path.customer_id": "customer"}, shared={"path.program_id": "program"}
    ),
    ("GET", "/v1/platform/programs"): Case(role=PLATFORM),
    ("POST", "/v1/platform/programs"): Case(
        role=PLATFORM,
        body=lambda _: {
            "id": str(new_id()),
            "name": "新计划",
            "amount_minor": 100,
            "opens_at": "2026-01-01T00:00:00Z",
        },
        new_ids=("body.id",),
    ),
    ("GET", "/v1/platform/programs/{program_id}"): Case(
        role=PLATFORM, shared={"path.program_id": "program"}
    ),
    ("POST", "/v1/platform/programs/{program_id}/funding"): Case(
        shared={"path.program_id": "program"},
        role=PLATFORM,
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "amount_minor": 100},
    ),
    ("GET", "/v1/platform/programs/{program_id}/allocations"): Case(
        role=PLATFORM, shared={"path.program_id": "program"}
    ),
    ("POST", "/v1/platform/programs/{program_id}/allocations"): Case(
        ids={"body.agent_id": "tenant"},
        answers={"body.agent_id": 201},
        shared={"path.program_id": "program"},
        role=PLATFORM,
        body=lambda company: {
            "id": str(new_id()),
            "agent_id": str(company.ids["tenant"]),
            "amount_minor": 1_000_000,
        },
        new_ids=("body.id",),
    ),
    ("GET", "/v1/platform/batches"): Case(role=PLATFORM),
    ("GET", "/v1/platform/voucher-alarms"): Case(role=PLATFORM),
    # The platform decides about every agent's.
    ("GET", "/v1/platform/batches/{batch_id}"): Case(
        ids={"path.batch_id": "batch"}, answers={"path.batch_id": 200}, role=PLATFORM
    ),
    # What was looked at are other rows.
    ("POST", "/v1/platform/batches/{batch_id}/approval"): Case(
        ids={"path.batch_id": "batch"},
        answers={"path.batch_id": 409},
        role=PLATFORM,
        body=lambda _: {"content_hash": "unseen"},
        succeeds=False,
    ),
    ("POST", "/v1/platform/batches/{batch_id}/refusal"): Case(
        ids={"path.batch_id": "batch"},
        answers={"path.batch_id": 201},
        role=PLATFORM,
        body=lambda _: {"reason": "先补充拜访"},
        spends="path.batch_id",
    ),
    ("GET", "/v1/platform/benefit-reviews"): Case(role=PLATFORM),
    ("GET", "/v1/platform/benefit-review-outcomes"): Case(
        shared={"query.program_id": "guarded"}, role=PLATFORM
    ),
    ("GET", "/v1/platform/benefit-reviews/{issuance_id}"): Case(
        ids={"path.issuance_id": "review"}, answers={"path.issuance_id": 200}, role=PLATFORM
    ),
    ("POST", "/v1/platform/benefit-reviews/{issuance_id}/taking"): Case(
        ids={"path.issuance_id": "review"}, answers={"path.issuance_id": 201}, role=PLATFORM
    ),
    ("POST", "/v1/platform/benefit-reviews/{issuance_id}/decision"): Case(
        ids={"path.issuance_id": "review"},
        answers={"path.issuance_id": 201},
        role=PLATFORM,
        body=lambda _: {"verdict": "release", "reason": "两家店同一老板"},
        spends="path.issuance_id",
    ),
    ("GET", "/v1/platform/programs/{program_id}/guards"): Case(
        shared={"path.program_id": "program"}, role=PLATFORM
    ),
    ("PUT", "/v1/platform/programs/{program_id}/guards"): Case(
        shared={"path.program_id": "program"}, role=PLATFORM, body=lambda _: {}
    ),
    ("GET", "/v1/platform/programs/{program_id}/rules"): Case(
        role=PLATFORM, shared={"path.program_id": "program"}
    ),
    ("POST", "/v1/platform/programs/{program_id}/rules"): Case(
        shared={"path.program_id": "program"},
        role=PLATFORM,
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "rules": {"requirements": []}},
    ),
    ("GET", "/v1/platform/programs/{program_id}/rules/{version}"): Case(
        role=PLATFORM, shared={"path.program_id": "program"}, words={"version": "1"}
    ),
    # What it would do was not looked at.
    ("POST", "/v1/platform/programs/{program_id}/rules/publication"): Case(
        role=PLATFORM,
        shared={"path.program_id": "program"},
        body=lambda _: {
            "version": 1,
            "simulated_until": "2026-01-01T00:00:00Z",
            "simulation_hash": "unseen",
        },
        succeeds=False,
    ),
    ("GET", "/v1/platform/issuances"): Case(
        ids={"query.agent_id": "tenant"},
        shared={"query.program_id": "program"},
        answers={"query.agent_id": 200},
        role=PLATFORM,
    ),
    ("GET", "/v1/platform/issuance-totals"): Case(role=PLATFORM),
    ("POST", "/v1/platform/issuances/{issuance_id}/void"): Case(
        ids={"path.issuance_id": "issuance"},
        role=PLATFORM,
        answers={"path.issuance_id": 201},
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "reason": "误发"},
        spends="path.issuance_id",
    ),
}

PAGES: Final[dict[Route, Case]] = {
    ("GET", "/benefits"): Case(),
    ("GET", "/benefits/redeem"): Case(),
    # A code of nobody.
    ("POST", "/benefits/redeem"): Case(
        body=lambda _: {"id": str(new_id()), "code": _NOBODYS, "step": "use"},
        new_ids=("body.id",),
        succeeds=False,
    ),
    ("POST", "/benefits/units/recall"): Case(
        ids={"body.device_id": "device"},
        shared={"body.program_id": "program"},
        body=lambda company: {
            "device_id": str(company.ids["device"]),
            "program_id": str(company.ids["program"]),
        },
    ),
    ("GET", "/benefits/batches"): Case(),
    # A form without its file.
    ("POST", "/benefits/batches"): Case(
        body=lambda company: {"id": str(new_id()), "program_id": str(company.ids["program"])},
        shared={"body.program_id": "program"},
        new_ids=("body.id",),
        succeeds=False,
    ),
    ("GET", "/benefits/batches/{batch_id}"): Case(ids={"path.batch_id": "batch"}),
    ("GET", "/benefits/batches/{batch_id}/rejected.csv"): Case(ids={"path.batch_id": "batch"}),
    ("GET", "/benefits/{request_id}"): Case(ids={"path.request_id": "request"}),
    ("POST", "/benefits/{request_id}/code"): Case(ids={"path.request_id": "request"}),
    ("POST", "/benefits/{request_id}/appeal"): Case(
        ids={"path.request_id": "rejection"},
        body=lambda company: {"answer": company.text("附营业执照")},
        spends="path.request_id",
    ),
    # Nothing was used yet that could be taken back.
    ("POST", "/benefits/{request_id}/rollback"): Case(
        ids={"path.request_id": "request"},
        body=lambda _: {"id": str(new_id()), "redemption_id": str(new_id()), "reason": "退货"},
        new_ids=("body.id", "body.redemption_id"),
        succeeds=False,
    ),
    ("GET", "/benefits/new"): Case(ids={"query.customer_id": "customer"}),
    ("POST", "/benefits/new"): Case(ids={"body.customer_id": "customer"}, body=_benefit),
    ("GET", "/console/programs/new"): Case(role=PLATFORM),
    ("POST", "/console/programs/new"): Case(
        role=PLATFORM,
        new_ids=("body.id",),
        body=lambda _: {
            "id": str(new_id()),
            "name": "表单计划",
            "amount": "1",
            "limit_per_customer": "1",
            "opens_on": "2026-01-01",
        },
    ),
    ("GET", "/console/programs/{program_id}"): Case(
        role=PLATFORM, shared={"path.program_id": "program"}
    ),
    ("POST", "/console/programs/{program_id}/funding"): Case(
        role=PLATFORM,
        shared={"path.program_id": "program"},
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "amount": "1", "direction": "in"},
    ),
    ("GET", "/console/programs/{program_id}/rules"): Case(
        role=PLATFORM, shared={"path.program_id": "program"}
    ),
    ("POST", "/console/programs/{program_id}/rules"): Case(
        role=PLATFORM,
        shared={"path.program_id": "program"},
        body=lambda _: {
            "id": str(new_id()),
            "fact_1": "visits",
            "how_1": "at_least",
            "value_1": "1",
        },
        new_ids=("body.id",),
    ),
    # What it would do was not looked at.
    ("POST", "/console/programs/{program_id}/rules/publication"): Case(
        role=PLATFORM,
        shared={"path.program_id": "program"},
        body=lambda _: {"version": "1", "until": "2026-01-01T00:00:00Z", "hash": "unseen"},
        succeeds=False,
    ),
    ("GET", "/console/batches"): Case(role=PLATFORM),
    ("GET", "/console/batches/{batch_id}"): Case(
        ids={"path.batch_id": "batch"}, answers={"path.batch_id": 200}, role=PLATFORM
    ),
    # What was looked at are other rows.
    ("POST", "/console/batches/{batch_id}/approval"): Case(
        ids={"path.batch_id": "batch"},
        answers={"path.batch_id": 409},
        role=PLATFORM,
        body=lambda _: {"content_hash": "unseen"},
        succeeds=False,
    ),
    ("POST", "/console/batches/{batch_id}/refusal"): Case(
        ids={"path.batch_id": "batch"},
        answers={"path.batch_id": 303},
        role=PLATFORM,
        body=lambda _: {"reason": "先补充拜访"},
        spends="path.batch_id",
    ),
    ("GET", "/console/reviews"): Case(role=PLATFORM),
    ("GET", "/console/reviews/{issuance_id}"): Case(
        ids={"path.issuance_id": "review"}, answers={"path.issuance_id": 200}, role=PLATFORM
    ),
    ("POST", "/console/reviews/{issuance_id}/taking"): Case(
        ids={"path.issuance_id": "review"}, answers={"path.issuance_id": 303}, role=PLATFORM
    ),
    ("POST", "/console/reviews/{issuance_id}/decision"): Case(
        ids={"path.issuance_id": "review"},
        answers={"path.issuance_id": 303},
        role=PLATFORM,
        body=lambda _: {"verdict": "release", "reason": "两家店同一老板"},
        spends="path.issuance_id",
    ),
    ("GET", "/console/issuances"): Case(
        ids={"query.agent_id": "tenant"},
        shared={"query.program_id": "program"},
        answers={"query.agent_id": 200},
        role=PLATFORM,
    ),
}

"""Routes of agents as the platform knows them, and what it looked at."""

from typing import Any, Final

from tests.factories import new_id
from tests.isolation.matrix.case import Case, Route
from tests.isolation.matrix.parts import FINANCE, PLATFORM
from tests.isolation.world import Company


def _of_agent(*, answer: int = 200, **fields: Any) -> Case:
    """Let the platform do something with an agent, which knows them all."""
    answers = {"path.agent_id": answer}
    return Case(ids={"path.agent_id": "tenant"}, role=PLATFORM, answers=answers, **fields)


def _agreement(company: Company) -> dict[str, Any]:
    """Write an agreement down."""
    days = {"signed_on": "2026-01-01", "valid_from": "2026-01-01"}
    return {"id": str(new_id()), "number": "A-1", "title": company.text("协议"), **days}


API: Final[dict[Route, Case]] = {
    ("GET", "/v1/platform-reads"): Case(),
    ("GET", "/v1/platform/overview"): Case(role=PLATFORM),
    ("GET", "/v1/platform/agents"): Case(role=PLATFORM),
    ("POST", "/v1/platform/agents"): Case(
        role=PLATFORM,
        new_ids=("body.id",),
        body=lambda _: {
            "name": f"新代理{new_id().hex[-8:]}",
            "city": "宁波",
            "owner": {"login": f"o{new_id().hex}", "name": "老板"},
        },
    ),
    ("GET", "/v1/platform/agents/territories"): Case(
        ids={"query.agent_id": "tenant"}, answers={"query.agent_id": 200}, role=PLATFORM
    ),
    ("POST", "/v1/platform/agents/territories"): Case(
        ids={"body.agent_id": "tenant"},
        new_ids=("body.id",),
        role=PLATFORM,
        answers={"body.agent_id": 200},
        body=lambda company: {
            "agent_id": str(company.tenant.tenant_id),
            "division": "330782",
            "valid_from": "2026-01-01",
        },
    ),
    ("GET", "/v1/platform/agents/territories/holder"): Case(
        role=PLATFORM, query={"division": "330782", "on": "2026-01-01"}
    ),
    ("POST", "/v1/platform/agents/territories/{territory_id}/end"): Case(
        ids={"path.territory_id": "place"},
        role=PLATFORM,
        answers={"path.territory_id": 200},
        body=lambda _: {"valid_until": "2099-01-01"},
    ),
    ("GET", "/v1/platform/agents/{agent_id}/partnership"): _of_agent(),
    ("POST", "/v1/platform/agents/{agent_id}/tier"): _of_agent(
        new_ids=("body.id",), body=lambda _: {"tier": "gold"}
    ),
    ("POST", "/v1/platform/agents/{agent_id}/agreements"): _of_agent(
        body=_agreement, new_ids=("body.id",)
    ),
    ("POST", "/v1/platform/agents/{agent_id}/onboarding/{step}"): _of_agent(
        words={"step": "licence"}, body=lambda _: {"note": ""}
    ),
    ("DELETE", "/v1/platform/agents/{agent_id}/onboarding/{step}"): _of_agent(
        words={"step": "licence"}
    ),
    # Each version is offered once.
    ("POST", "/v1/platform/agents/{agent_id}/contracts"): _of_agent(
        body=lambda _: {"version": 9_999, "fields": []}, succeeds=False, answer=409
    ),
    # Who leaves begins nothing new any more, so the world's companies only try.
    ("POST", "/v1/platform/agents/{agent_id}/exit"): _of_agent(
        body=lambda _: {"id": str(new_id()), "reason": "", "last_day": "2020-01-01"},
        new_ids=("body.id", "body.successor_ids.0"),
        succeeds=False,
        answer=422,
    ),
    ("POST", "/v1/platform/agents/{agent_id}/exit/cancellation"): _of_agent(
        succeeds=False, answer=404
    ),
    ("POST", "/v1/platform/agents/{agent_id}/exit/return"): _of_agent(succeeds=False, answer=404),
    ("GET", "/v1/platform/agents/{agent_id}/exit/plan"): _of_agent(succeeds=False, answer=404),
    ("POST", "/v1/platform/agents/{agent_id}/exit/plan"): _of_agent(succeeds=False, answer=404),
    ("POST", "/v1/platform/agents/{agent_id}/exit/choices"): _of_agent(
        body=lambda _: {"things": [{"kind": "customer", "ref": str(new_id())}], "fate": "kept"},
        new_ids=("body.things.0.ref",),
        succeeds=False,
        answer=404,
    ),
    ("POST", "/v1/platform/agents/{agent_id}/exit/execution"): _of_agent(
        body=lambda _: {"hash": "0" * 64}, succeeds=False, answer=404
    ),
    ("GET", "/v1/partnership/exit"): Case(succeeds=False),
    ("GET", "/v1/partnership/exit/consents"): Case(succeeds=False),
    ("POST", "/v1/partnership/exit/consents"): Case(
        ids={"body.customer_ids.0": "customer"},
        body=lambda company: {
            "customer_ids": [str(company.ids["customer"])],
            "successor_id": None,
        },
        new_ids=("body.successor_id",),
        succeeds=False,
    ),
    ("POST", "/v1/platform/agents/onboarding-steps"): Case(
        role=PLATFORM,
        body=lambda _: {"code": "visit", "label_zh": "走访", "label_en": "Visit"},
    ),
    ("GET", "/v1/partnership"): Case(),
    ("GET", "/v1/partnership/glass"): Case(),
    ("POST", "/v1/partnership/contracts/{version}/acceptance"): Case(words={"version": "1"}),
    # The owner has joined, so the platform may not invite; an id of nobody's is still 404.
    ("POST", "/v1/platform/agents/{agent_id}/owner-invitation"): Case(
        ids={"path.agent_id": "tenant"},
        role=PLATFORM,
        answers={"path.agent_id": 409},
        succeeds=False,
    ),
    # The platform knows its agents; for everybody else an agent is somebody else's tenant.
    ("GET", "/v1/platform/agents/{agent_id}"): Case(
        ids={"path.agent_id": "tenant"}, role=PLATFORM, answers={"path.agent_id": 200}
    ),
    ("POST", "/v1/platform/agents/{agent_id}/plan-clock"): Case(
        ids={"path.agent_id": "tenant"},
        answers={"path.agent_id": 201},
        role=FINANCE,
        body=lambda _: {"until": "2098-01-01", "is_preview": True},
    ),
    ("GET", "/v1/platform/agents/{agent_id}/invoices"): Case(
        ids={"path.agent_id": "tenant"}, answers={"path.agent_id": 200}, role=FINANCE
    ),
    ("GET", "/v1/platform/agents/{agent_id}/commission-statement"): Case(
        ids={"path.agent_id": "tenant"},
        answers={"path.agent_id": 200},
        query={"month": "2026-11"},
        role=FINANCE,
    ),
    ("GET", "/v1/platform/agents/{agent_id}/commission-year"): Case(
        ids={"path.agent_id": "tenant"},
        answers={"path.agent_id": 200},
        query={"year": "2026"},
        role=FINANCE,
    ),
    ("GET", "/v1/platform/agents/{agent_id}/commission-year.csv"): Case(
        ids={"path.agent_id": "tenant"},
        answers={"path.agent_id": 200},
        query={"year": "2026"},
        role=FINANCE,
    ),
    ("GET", "/v1/platform/agents/{agent_id}/commission-year.xlsx"): Case(
        ids={"path.agent_id": "tenant"},
        answers={"path.agent_id": 200},
        query={"year": "2026"},
        role=FINANCE,
    ),
}

PAGES: Final[dict[Route, Case]] = {
    ("GET", "/platform-reads"): Case(),
    ("GET", "/console"): Case(role=PLATFORM),
    ("GET", "/console/agents"): Case(role=PLATFORM),
    ("GET", "/console/agents/new"): Case(role=PLATFORM),
    ("POST", "/console/agents/new"): Case(
        role=PLATFORM,
        new_ids=("body.id",),
        body=lambda _: {
            "name": f"表单代理{new_id().hex[-8:]}",
            "city": "宁波",
            "tier": "bronze",
            "owner_name": "老板",
        },
    ),
    # The owner has joined, so the platform may not invite; an id of nobody's is still 404.
    ("POST", "/console/agents/{agent_id}/owner-invitation"): Case(
        ids={"path.agent_id": "tenant"},
        role=PLATFORM,
        answers={"path.agent_id": 409},
        succeeds=False,
    ),
    ("GET", "/console/agents/{agent_id}"): _of_agent(),
    ("POST", "/console/agents/{agent_id}/tier"): _of_agent(
        answer=303, body=lambda _: {"tier": "gold"}
    ),
    ("POST", "/console/agents/{agent_id}/agreements"): _of_agent(
        answer=303, body=_agreement, new_ids=("body.id",)
    ),
    ("POST", "/console/agents/{agent_id}/territories"): _of_agent(
        answer=303,
        body=lambda _: {"id": str(new_id()), "place": "浙江省衢州市", "valid_from": "2026-01-01"},
        new_ids=("body.id",),
    ),
    ("POST", "/console/agents/{agent_id}/territories/{territory_id}/end"): Case(
        ids={"path.agent_id": "tenant", "path.territory_id": "place"},
        role=PLATFORM,
        answers={"path.agent_id": 303, "path.territory_id": 303},
        body=lambda _: {"valid_until": "2099-01-01"},
    ),
    ("POST", "/console/agents/{agent_id}/onboarding/{step}"): _of_agent(
        answer=303, words={"step": "licence"}, body=lambda _: {"undone": ""}
    ),
    ("POST", "/console/agents/{agent_id}/contracts"): _of_agent(
        body=lambda _: {"version": "9999"}, succeeds=False, answer=409
    ),
    ("GET", "/console/agents/{agent_id}/exit"): _of_agent(),
    ("POST", "/console/agents/{agent_id}/exit"): _of_agent(
        body=lambda _: {"id": str(new_id()), "reason": "", "last_day": "2020-01-01"},
        succeeds=False,
        answer=422,
    ),
    ("POST", "/console/agents/{agent_id}/exit/cancellation"): _of_agent(succeeds=False, answer=404),
    ("POST", "/console/agents/{agent_id}/exit/return"): _of_agent(succeeds=False, answer=404),
    ("GET", "/console/agents/{agent_id}/exit/plan.csv"): _of_agent(succeeds=False, answer=404),
    ("POST", "/console/agents/{agent_id}/exit/choices"): _of_agent(
        body=lambda _: {"thing": f"customer:{new_id()}", "fate": "kept"},
        succeeds=False,
        answer=404,
    ),
    ("POST", "/console/agents/{agent_id}/exit/plan"): _of_agent(succeeds=False, answer=404),
    ("POST", "/console/agents/{agent_id}/exit/execution"): _of_agent(
        body=lambda _: {"hash": "0" * 64}, succeeds=False, answer=404
    ),
    ("GET", "/partnership"): Case(),
    ("GET", "/partnership/takeout"): Case(),
    ("GET", "/partnership/exit"): Case(succeeds=False),
    ("GET", "/partnership/exit/plan.csv"): Case(succeeds=False),
    ("POST", "/partnership/exit/consents"): Case(
        ids={"body.customer": "customer"},
        body=lambda company: {"customer": str(company.ids["customer"]), "successor": "none"},
        succeeds=False,
    ),
    ("POST", "/partnership/contracts/{version}/acceptance"): Case(words={"version": "1"}),
}

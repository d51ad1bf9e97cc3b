"""Routes of leads, campaigns and pools."""

from typing import Any, Final

from server.access import Role
from tests.factories import new_id
from tests.isolation.matrix.case import Case, Route
from tests.isolation.world import Company


def _rule(company: Company) -> dict[str, Any]:
    """Write a rule that tags leads."""
    return {
        "name": company.text("规则"),
        "when": [{"field": "city", "words": ["杭州"]}],
        "tags": [str(company.ids["tag"])],
    }


def _lead(company: Company) -> dict[str, Any]:
    """Write a new lead."""
    return {
        "id": str(new_id()),
        "name": company.text("新线索"),
        "phone": company.phone(),
        "source_id": str(company.ids["source"]),
    }


API: Final[dict[Route, Case]] = {
    ("GET", "/v1/pools"): Case(),
    ("POST", "/v1/pools"): Case(
        body=lambda company: {
            "name": company.text(f"公海{new_id().hex[-8:]}"),
            "team_ids": [str(company.ids["team"])],
        },
        ids={"body.team_ids.0": "team"},
        new_ids=("body.id",),
        answers={"body.team_ids.0": 422},
    ),
    ("GET", "/v1/pools/warnings"): Case(),
    ("PATCH", "/v1/pools/{pool_id}"): Case(
        ids={"path.pool_id": "pool", "body.team_ids.0": "team"},
        body=lambda company: {"warn_days": 3, "team_ids": [str(company.ids["team"])]},
        answers={"body.team_ids.0": 422},
    ),
    ("DELETE", "/v1/pools/{pool_id}"): Case(ids={"path.pool_id": "pool"}, spends="path.pool_id"),
    ("GET", "/v1/pools/{pool_id}/customers"): Case(ids={"path.pool_id": "pool"}),
    ("POST", "/v1/pools/customers/{customer_id}/look"): Case(ids={"path.customer_id": "pooled"}),
    ("POST", "/v1/pools/customers/{customer_id}/pick"): Case(
        ids={"path.customer_id": "pooled"}, spends="path.customer_id"
    ),
    ("POST", "/v1/leads"): Case(
        ids={"body.source_id": "source", "body.campaign_id": "campaign"},
        answers={"body.source_id": 422, "body.campaign_id": 422},
        new_ids=("body.id",),
        body=_lead,
    ),
    ("POST", "/v1/leads/batch"): Case(
        ids={"body.leads.0.source_id": "source", "body.leads.0.campaign_id": "campaign"},
        answers={"body.leads.0.source_id": 422, "body.leads.0.campaign_id": 422},
        new_ids=("body.leads.0.id",),
        body=lambda company: {"leads": [_lead(company)]},
    ),
    ("GET", "/v1/leads/export.csv"): Case(
        ids={
            "query.source_id": "source",
            "query.campaign_id": "campaign",
            "query.assignee_id": "user",
        },
        answers={"query.source_id": 200, "query.campaign_id": 200, "query.assignee_id": 200},
    ),
    ("GET", "/v1/leads"): Case(
        ids={
            "query.source_id": "source",
            "query.campaign_id": "campaign",
            "query.assignee_id": "user",
        },
        answers={"query.source_id": 200, "query.campaign_id": 200, "query.assignee_id": 200},
    ),
    ("GET", "/v1/leads/board"): Case(),
    ("GET", "/v1/leads/mine"): Case(role=Role.SALES_REP),
    ("GET", "/v1/leads/results"): Case(),
    ("GET", "/v1/leads/funnel"): Case(),
    ("GET", "/v1/leads/handoffs"): Case(),
    ("GET", "/v1/leads/terms"): Case(),
    ("POST", "/v1/leads/terms"): Case(body=lambda _: {"checklist": ["phone"]}),
    ("POST", "/v1/leads/rules"): Case(
        ids={"body.rules.0.tags.0": "tag"},
        answers={"body.rules.0.tags.0": 422},
        body=lambda company: {"rules": [_rule(company)], "base": 1},
        succeeds=False,  # the second time the base is old
    ),
    ("POST", "/v1/leads/territories"): Case(
        ids={"body.holder_id": "user"},
        answers={"body.holder_id": 422},
        new_ids=("body.id",),
        body=lambda company: {
            "holder_id": str(company.ids["user"]),
            "city": company.text("新领地"),
        },
    ),
    ("DELETE", "/v1/leads/territories/{territory_id}"): Case(
        ids={"path.territory_id": "territory"}, spends="path.territory_id"
    ),
    # What was decided before is decided: each may be sent again.
    ("POST", "/v1/leads/discarding"): Case(
        ids={"body.lead_ids.0": "discarded"},
        body=lambda company: {"lead_ids": [str(company.ids["discarded"])]},
    ),
    ("POST", "/v1/leads/keeping"): Case(
        ids={"body.lead_ids.0": "lead"},
        body=lambda company: {"lead_ids": [str(company.ids["lead"])]},
    ),
    ("POST", "/v1/leads/restoring"): Case(
        ids={"body.lead_ids.0": "lead"},
        body=lambda company: {"lead_ids": [str(company.ids["lead"])]},
    ),
    ("GET", "/v1/leads/{lead_id}"): Case(ids={"path.lead_id": "lead"}),
    ("PATCH", "/v1/leads/{lead_id}"): Case(
        ids={
            "path.lead_id": "lead",
            "body.source_id": "source",
            "body.campaign_id": "campaign",
        },
        answers={"body.source_id": 422, "body.campaign_id": 422},
        body=lambda company: {"need": company.text("改需求")},
    ),
    ("POST", "/v1/leads/{lead_id}/routing"): Case(
        ids={"path.lead_id": "lead", "body.person_id": "user"},
        answers={"body.person_id": 422},
        body=lambda company: {"person_id": str(company.tenant.rep.user_id)},
        spends="path.lead_id",
    ),
    ("POST", "/v1/leads/{lead_id}/acceptance"): Case(
        ids={"path.lead_id": "offer"}, role=Role.SALES_REP
    ),
    ("POST", "/v1/leads/{lead_id}/return"): Case(
        ids={"path.lead_id": "offer"},
        role=Role.SALES_REP,
        body=lambda company: {"reason": "other", "note": company.text("退")},
        spends="path.lead_id",
    ),
    ("POST", "/v1/leads/{lead_id}/call"): Case(ids={"path.lead_id": "lead"}, spends="path.lead_id"),
    ("POST", "/v1/leads/opt-outs"): Case(body=lambda company: {"phone": company.phone()}),
    ("GET", "/v1/leads/opt-outs"): Case(),
    ("POST", "/v1/leads/opt-outs/withdrawal"): Case(
        body=lambda company: {"phone": company.phone(), "why": company.text("误登")}
    ),
    ("POST", "/v1/leads/opt-outs/{word_id}/confirmation"): Case(
        ids={"path.word_id": "opt_out_word"}
    ),
    ("POST", "/v1/leads/opt-outs/{word_id}/withdrawal"): Case(
        ids={"path.word_id": "opt_out_word"},
        body=lambda company: {"why": company.text("误登")},
        spends="path.word_id",
    ),
    ("GET", "/v1/lead-sources"): Case(),
    ("POST", "/v1/lead-sources"): Case(
        ids={"body.parent_id": "source"},
        answers={"body.parent_id": 422},
        new_ids=("body.id",),
        body=lambda company: {
            "name": company.text("新来源"),
            "channel": "other",
            "cost_key": f"k{new_id().hex[-12:]}",
        },
    ),
    ("PATCH", "/v1/lead-sources/{source_id}"): Case(
        ids={"path.source_id": "source", "body.parent_id": "source"},
        answers={"body.parent_id": 422},
        body=lambda company: {"name": company.text("改来源")},
    ),
    ("GET", "/v1/campaigns"): Case(),
    ("POST", "/v1/campaigns"): Case(
        ids={"body.source_id": "source"},
        answers={"body.source_id": 422},
        new_ids=("body.id",),
        body=lambda company: {
            "name": company.text("新活动"),
            "source_id": str(company.ids["source"]),
            "starts_on": "2030-01-01",
            "ends_on": "2030-02-01",
        },
    ),
    ("GET", "/v1/campaigns/{campaign_id}"): Case(ids={"path.campaign_id": "campaign"}),
    ("PATCH", "/v1/campaigns/{campaign_id}"): Case(
        ids={"path.campaign_id": "campaign"},
        body=lambda company: {"name": company.text("改活动")},
    ),
    ("POST", "/v1/campaigns/{campaign_id}/review"): Case(
        ids={"path.campaign_id": "campaign"},
        body=lambda company: {"text": company.text("总结"), "is_cancelled": True},
        spends="path.campaign_id",
    ),
    ("GET", "/v1/campaigns/{campaign_id}/forms"): Case(ids={"path.campaign_id": "campaign"}),
    ("POST", "/v1/campaigns/{campaign_id}/forms"): Case(
        ids={"path.campaign_id": "campaign"},
        new_ids=("body.id",),
        body=lambda company: {"title": company.text("新表单")},
    ),
    ("POST", "/v1/campaigns/forms/{form_id}/closing"): Case(ids={"path.form_id": "lead_form"}),
    ("GET", "/v1/campaigns/costs"): Case(
        ids={"query.campaign_id": "campaign"}, answers={"query.campaign_id": 200}
    ),
    ("POST", "/v1/campaigns/costs"): Case(
        ids={"body.campaign_id": "campaign", "body.source_id": "source"},
        answers={"body.source_id": 422},
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "amount_minor": 1,
            "spent_on": "2026-01-02",
            "source_id": str(company.ids["source"]),
            "note": company.text("费用"),
        },
    ),
}

PAGES: Final[dict[Route, Case]] = {
    ("GET", "/leads"): Case(),
    ("GET", "/leads/export.csv"): Case(),
    ("GET", "/leads/new"): Case(),
    ("POST", "/leads/new"): Case(
        ids={"body.source_id": "source"},
        answers={"body.source_id": 422},
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "name": company.text("表单线索"),
            "phone": company.phone(),
        },
    ),
    ("GET", "/leads/mine"): Case(role=Role.SALES_REP),
    ("GET", "/leads/{lead_id}"): Case(ids={"path.lead_id": "lead"}),
    ("POST", "/leads/{lead_id}"): Case(
        ids={"path.lead_id": "lead", "body.source_id": "source"},
        answers={"body.source_id": 422},
        body=lambda company: {"name": company.text("表单改线索")},
    ),
    ("POST", "/leads/{lead_id}/decision"): Case(
        ids={"path.lead_id": "lead"}, body=lambda _: {"decision": "keep"}
    ),
    ("POST", "/leads/{lead_id}/routing"): Case(
        ids={"path.lead_id": "lead", "body.person_id": "user"},
        answers={"body.person_id": 422},
        body=lambda company: {"person_id": str(company.tenant.rep.user_id)},
        spends="path.lead_id",
    ),
    ("GET", "/leads/opt-outs"): Case(),
    ("POST", "/leads/opt-outs/{word_id}/confirmation"): Case(ids={"path.word_id": "opt_out_word"}),
    ("POST", "/leads/opt-outs/{word_id}/withdrawal"): Case(
        ids={"path.word_id": "opt_out_word"},
        body=lambda company: {"why": company.text("误登")},
        spends="path.word_id",
    ),
    ("POST", "/leads/{lead_id}/acceptance"): Case(
        ids={"path.lead_id": "offer"}, role=Role.SALES_REP
    ),
    ("POST", "/leads/{lead_id}/return"): Case(
        ids={"path.lead_id": "offer"},
        role=Role.SALES_REP,
        body=lambda _: {"reason": "other"},
        spends="path.lead_id",
    ),
    ("GET", "/campaigns"): Case(),
    ("GET", "/campaigns/new"): Case(),
    ("POST", "/campaigns/new"): Case(
        ids={"body.source_id": "source"},
        answers={"body.source_id": 422},
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "name": company.text("表单活动"),
            "source_id": str(company.ids["source"]),
            "starts_on": "2030-01-01",
            "ends_on": "2030-02-01",
        },
    ),
    ("GET", "/campaigns/{campaign_id}"): Case(ids={"path.campaign_id": "campaign"}),
    ("POST", "/campaigns/{campaign_id}"): Case(
        ids={"path.campaign_id": "campaign"},
        body=lambda company: {"name": company.text("改表单活动")},
    ),
    ("POST", "/campaigns/{campaign_id}/costs"): Case(
        ids={"path.campaign_id": "campaign"},
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "amount": "0.01", "spent_on": "2030-01-01"},
        succeeds=False,  # its campaign has no budget
    ),
    ("POST", "/campaigns/{campaign_id}/pages"): Case(
        ids={"path.campaign_id": "campaign"},
        new_ids=("body.id",),
        body=lambda company: {"id": str(new_id()), "title": company.text("表单页")},
    ),
    ("POST", "/campaigns/{campaign_id}/pages/{form_id}/closing"): Case(
        ids={"path.campaign_id": "campaign", "path.form_id": "lead_form"}
    ),
    ("POST", "/campaigns/{campaign_id}/review"): Case(
        ids={"path.campaign_id": "campaign"},
        body=lambda company: {"text": company.text("表单总结"), "is_cancelled": "1"},
        spends="path.campaign_id",
    ),
    ("GET", "/campaigns/sources"): Case(),
    ("POST", "/campaigns/sources"): Case(
        ids={"body.parent_id": "source"},
        answers={"body.parent_id": 422},
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "name": company.text("表单来源"),
            "channel": "other",
            "cost_key": f"k{new_id().hex[-12:]}",
        },
    ),
    ("POST", "/campaigns/sources/{source_id}"): Case(
        ids={"path.source_id": "source"},
        body=lambda company: {"name": company.text("改表单来源")},
    ),
    ("GET", "/campaigns/terms"): Case(),
    ("POST", "/campaigns/terms"): Case(
        body=lambda _: {"accept_hours": "24", "calls_max": "3", "calls_days": "7"}
    ),
    ("POST", "/campaigns/territories"): Case(
        ids={"body.holder_id": "user"},
        answers={"body.holder_id": 422},
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "holder_id": str(company.ids["user"]),
            "city": company.text("表单领地"),
        },
    ),
    ("POST", "/campaigns/territories/{territory_id}/removal"): Case(
        ids={"path.territory_id": "territory"}, spends="path.territory_id"
    ),
    ("POST", "/campaigns/rules"): Case(
        ids={"body.tags": "tag"},
        answers={"body.tags": 422},
        body=lambda company: {
            "id": str(new_id()),
            "base": "1",
            "name": company.text("表单规则"),
            "words_0": "杭州",
            "field_0": "city",
        },
        succeeds=False,  # the second time the base is old
    ),
    ("GET", "/pools"): Case(ids={"query.pool": "pool"}, answers={"query.pool": 200}),
    ("GET", "/pools/new"): Case(),
    ("POST", "/pools/new"): Case(
        body=lambda company: {
            "id": str(new_id()),
            "name": company.text(f"表单公海{new_id().hex[-8:]}"),
        },
        new_ids=("body.id",),
    ),
    ("GET", "/pools/{pool_id}"): Case(ids={"path.pool_id": "pool"}),
    ("POST", "/pools/{pool_id}"): Case(
        ids={"path.pool_id": "pool"},
        body=lambda company: {"name": company.text("改公海")},
    ),
    ("POST", "/pools/{pool_id}/removal"): Case(ids={"path.pool_id": "pool"}, spends="path.pool_id"),
    ("POST", "/pools/customers/{customer_id}/look"): Case(ids={"path.customer_id": "pooled"}),
    ("POST", "/pools/customers/{customer_id}/pick"): Case(
        ids={"path.customer_id": "pooled"}, spends="path.customer_id"
    ),
}

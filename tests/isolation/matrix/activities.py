"""Routes of what people do, and what is done for them."""

from typing import Final

from server.access import Role
from sync_protocol.attachments import chunk_hash
from tests.factories import new_id
from tests.isolation import rhythm
from tests.isolation.matrix.case import Case, Route
from tests.isolation.world import CHUNK

API: Final[dict[Route, Case]] = {
    ("GET", "/v1/analyses"): Case(),
    ("GET", "/v1/analyses/values/{dimension}"): Case(words={"dimension": "tag"}),
    ("POST", "/v1/analyses"): Case(
        body=lambda _: {"subject": "customers", "by": ["tag", "source"], "measures": ["customers"]}
    ),
    ("POST", "/v1/attachments"): Case(
        ids={"body.customer_id": "customer"},
        # What it shows is a word of the device's own: nothing is looked up by it.
        new_ids=("body.id", "body.subject_id"),
        body=lambda company: {
            "id": str(new_id()),
            "customer_id": str(company.ids["customer"]),
            "name": company.text("新照片"),
            "media_type": "image/jpeg",
            "size": 1_000,
            "sha256": new_id().hex * 2,
        },
    ),
    ("GET", "/v1/attachments/{attachment_id}"): Case(ids={"path.attachment_id": "attachment"}),
    ("PUT", "/v1/attachments/{attachment_id}/chunks/{number}"): Case(
        ids={"path.attachment_id": "upload"},
        words={"number": "0"},
        query={"sha256": chunk_hash(CHUNK)},
        file=CHUNK,
    ),
    ("POST", "/v1/attachments/{attachment_id}/completion"): Case(
        ids={"path.attachment_id": "attachment"}, body=lambda _: {"proof": None}
    ),
    ("GET", "/v1/attachments/{attachment_id}/content"): Case(
        ids={"path.attachment_id": "attachment"}
    ),
    ("GET", "/v1/attachments/{attachment_id}/thumbnail"): Case(
        ids={"path.attachment_id": "attachment"}
    ),
    ("GET", "/v1/visits/export.csv"): Case(
        ids={"query.customer_id": "customer", "query.visitor_id": "user"},
        answers={"query.customer_id": 200, "query.visitor_id": 200},
    ),
    ("GET", "/v1/visits"): Case(
        ids={"query.customer_id": "customer", "query.visitor_id": "user"},
        answers={"query.customer_id": 200, "query.visitor_id": 200},
    ),
    ("GET", "/v1/visits/{visit_id}"): Case(ids={"path.visit_id": "visit"}),
    ("PATCH", "/v1/visits/{visit_id}"): Case(
        ids={"path.visit_id": "visit", "body.contact_id": "contact"},
        body=lambda company: {"summary": company.text("改见闻")},
        role=Role.SALES_REP,
    ),
    ("POST", "/v1/visits/{visit_id}/appeal"): Case(
        ids={"path.visit_id": "judged_visit"},
        body=lambda company: {"appeal": company.text("申诉")},
        role=Role.SALES_REP,
        spends="path.visit_id",
    ),
    ("POST", "/v1/visits/{visit_id}/appeal/decision"): Case(
        ids={"path.visit_id": "visit"},
        body=lambda _: {"decision": "upheld"},
        spends="path.visit_id",
    ),
    ("GET", "/v1/tasks/export.csv"): Case(
        ids={"query.customer_id": "customer", "query.assignee_id": "user"},
        answers={"query.customer_id": 200, "query.assignee_id": 200},
    ),
    ("GET", "/v1/tasks"): Case(
        ids={"query.customer_id": "customer", "query.assignee_id": "user"},
        answers={"query.customer_id": 200, "query.assignee_id": 200},
    ),
    ("POST", "/v1/tasks"): Case(
        ids={
            "body.assignee_id": "user",
            "body.filters.owner_id": "user",
            "body.filters.team_id": "team",
            "body.filters.tag": "tag",
        },
        answers={
            "body.assignee_id": 422,
            "body.filters.owner_id": 201,
            "body.filters.team_id": 201,
            "body.filters.tag": 201,
        },
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "title": company.text("批量任务"),
            "assignee_id": str(company.ids["user"]),
            "filters": {"city": "杭州市"},
        },
        role=Role.AGENT_OWNER,
    ),
    ("GET", "/v1/calls/{call_id}"): Case(ids={"path.call_id": "call"}),
    ("PATCH", "/v1/calls/{call_id}"): Case(
        ids={"path.call_id": "call"},
        body=lambda company: {"note": company.text("补记")},
        role=Role.SALES_REP,
    ),
    ("GET", "/v1/tasks/{task_id}"): Case(ids={"path.task_id": "task"}),
    ("PATCH", "/v1/tasks/{task_id}"): Case(
        ids={"path.task_id": "task", "body.contact_id": "contact"},
        body=lambda company: {"detail": company.text("说明")},
    ),
    ("POST", "/v1/tasks/{task_id}/completion"): Case(
        ids={"path.task_id": "task"},
        body=lambda company: {"result": company.text("结果")},
        spends="path.task_id",
    ),
    ("POST", "/v1/tasks/{task_id}/assignment"): Case(
        ids={"path.task_id": "task", "body.assignee_id": "user"},
        answers={"body.assignee_id": 422},
        body=lambda company: {"assignee_id": str(company.tenant.owner.user_id)},
        spends="path.task_id",
    ),
    ("GET", "/v1/agenda/feed"): Case(),
    ("PUT", "/v1/agenda/feed"): Case(body=lambda _: {"shows_customers": True}),
    ("DELETE", "/v1/agenda/feed"): Case(),
    ("GET", "/v1/automation/sla"): Case(),
    ("PUT", "/v1/automation/sla"): Case(body=lambda _: {"warn_minutes": 60}),
    ("POST", "/v1/automation/sla/trial"): Case(body=lambda _: {"terms": {}}),
    ("GET", "/v1/automation/tasks/{task_id}/escalations"): Case(ids={"path.task_id": "task"}),
    ("GET", "/v1/automation/plays"): Case(),
    ("POST", "/v1/automation/plays"): Case(
        new_ids=("body.id",),
        body=lambda company: {"id": str(new_id()), "terms": rhythm.terms(company.text("规则"))},
    ),
    ("POST", "/v1/automation/plays/trial"): Case(
        body=lambda company: {"terms": rhythm.terms(company.text("规则"))}
    ),
    ("GET", "/v1/automation/plays/{play_id}"): Case(ids={"path.play_id": "play"}),
    ("PUT", "/v1/automation/plays/{play_id}"): Case(
        ids={"path.play_id": "play"},
        body=lambda company: {"base": 1, "terms": rhythm.terms(company.text("规则"))},
        spends="path.play_id",
    ),
    ("POST", "/v1/automation/plays/{play_id}/switch"): Case(
        ids={"path.play_id": "play"}, body=lambda _: {"is_on": False}
    ),
    ("GET", "/v1/automation/plays/{play_id}/firings"): Case(ids={"path.play_id": "play"}),
    ("GET", "/v1/automation/sources"): Case(),
    ("POST", "/v1/automation/sources"): Case(
        new_ids=("body.id",),
        body=lambda company: {"id": str(new_id()), "name": company.text("来源")},
    ),
    ("POST", "/v1/automation/sources/{source_id}/closing"): Case(
        ids={"path.source_id": "signal_source"}, spends="path.source_id"
    ),
    ("POST", "/v1/automation/signals"): Case(
        ids={"body.customer_id": "customer", "body.source_id": "signal_source"},
        body=lambda company: {
            "event": "login",
            "event_id": new_id().hex,
            "happened_at": "2026-03-02T01:00:00Z",
            "customer_id": str(company.ids["customer"]),
        },
    ),
}

PAGES: Final[dict[Route, Case]] = {
    ("GET", "/tasks/export.csv"): Case(),
    ("GET", "/tasks"): Case(),
    ("GET", "/tasks/{task_id}"): Case(ids={"path.task_id": "task"}),
    ("GET", "/tasks/{task_id}/edit"): Case(ids={"path.task_id": "task"}),
    ("POST", "/tasks/{task_id}/edit"): Case(
        ids={"path.task_id": "task"},
        body=lambda company: {"title": company.text("表单改名"), "due_at": "2027-01-31T09:00"},
    ),
    ("GET", "/tasks/many"): Case(),
    ("POST", "/tasks/many"): Case(
        ids={"body.assignee_id": "user"},
        answers={"body.assignee_id": 422},
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "title": company.text("批量任务"),
            "assignee_id": str(company.tenant.owner.user_id),
        },
    ),
    ("POST", "/tasks/{task_id}/completion"): Case(
        ids={"path.task_id": "task"},
        body=lambda company: {"result": company.text("表单结果")},
        spends="path.task_id",
    ),
    ("POST", "/tasks/{task_id}/cancellation"): Case(
        ids={"path.task_id": "task"}, spends="path.task_id"
    ),
    ("POST", "/tasks/{task_id}/assignment"): Case(
        ids={"path.task_id": "task"},
        body=lambda company: {"assignee_id": str(company.tenant.owner.user_id)},
        spends="path.task_id",
    ),
    ("GET", "/plays"): Case(),
    ("GET", "/plays/clock"): Case(),
    ("POST", "/plays/clock"): Case(body=lambda _: rhythm.CLOCK),
    ("GET", "/plays/new"): Case(),
    ("POST", "/plays/new"): Case(
        new_ids=("body.id",),
        body=lambda company: {"id": str(new_id()), **rhythm.form(company.text("规则"))},
    ),
    ("GET", "/plays/{play_id}"): Case(ids={"path.play_id": "play"}),
    ("POST", "/plays/{play_id}"): Case(
        ids={"path.play_id": "play"},
        body=lambda company: {"base": "1", **rhythm.form(company.text("规则"))},
        spends="path.play_id",
    ),
    ("POST", "/plays/{play_id}/switch"): Case(
        ids={"path.play_id": "play"}, body=lambda _: {"is_on": "1"}
    ),
    ("POST", "/plays/sources"): Case(
        new_ids=("body.id",),
        body=lambda company: {"id": str(new_id()), "name": company.text("来源")},
    ),
    ("POST", "/plays/sources/{source_id}/closing"): Case(
        ids={"path.source_id": "signal_source"}, spends="path.source_id"
    ),
    ("GET", "/visits/export.csv"): Case(),
    ("GET", "/visits"): Case(),
    ("GET", "/visits/{visit_id}"): Case(ids={"path.visit_id": "visit"}),
    ("POST", "/visits/{visit_id}/appeal"): Case(
        ids={"path.visit_id": "judged_visit"},
        body=lambda company: {"appeal": company.text("表单申诉")},
        role=Role.SALES_REP,
        spends="path.visit_id",
    ),
    ("POST", "/visits/{visit_id}/check-in"): Case(
        ids={"path.visit_id": "visit"},
        body=lambda _: {"lat": "31230000", "lng": "121470000", "accuracy_m": "20"},
        role=Role.SALES_REP,
    ),
    ("POST", "/visits/{visit_id}/check-out"): Case(
        ids={"path.visit_id": "visit"},
        body=lambda company: {"summary": company.text("表单签退")},
        role=Role.SALES_REP,
    ),
    ("POST", "/visits/{visit_id}/decision"): Case(
        ids={"path.visit_id": "visit"},
        body=lambda _: {"decision": "upheld"},
        spends="path.visit_id",
    ),
    ("GET", "/analyses"): Case(),
}

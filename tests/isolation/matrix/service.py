"""Routes of service cases and requests for help."""

from typing import Final

from tests.isolation.matrix.case import Case, Route
from tests.isolation.matrix.parts import PLATFORM

_CASE: Final = {"path.case_id": "case"}


_REQUEST: Final = {"path.request_id": "help_request"}


API: Final[dict[Route, Case]] = {
    ("GET", "/v1/service-cases/targets"): Case(),
    ("PUT", "/v1/service-cases/targets"): Case(
        body=lambda _: {"targets": {}, "base": 0},  # just what was set before
    ),
    ("GET", "/v1/service-cases/export.csv"): Case(
        ids={"query.customer_id": "customer", "query.assignee_id": "user"},
        answers={"query.assignee_id": 200},
    ),
    ("GET", "/v1/service-cases"): Case(
        ids={"query.customer_id": "customer", "query.assignee_id": "user"},
        answers={"query.assignee_id": 200},
    ),
    ("POST", "/v1/service-cases"): Case(
        ids={"body.customer_id": "customer"},
        new_ids=("body.id",),
        body=lambda company: {
            "customer_id": str(company.ids["customer"]),
            "subject": company.text("新服务单"),
        },
    ),
    ("GET", "/v1/service-cases/{case_id}"): Case(ids=_CASE),
    ("PATCH", "/v1/service-cases/{case_id}"): Case(
        ids=_CASE, body=lambda company: {"detail": company.text("改服务单")}
    ),
    ("POST", "/v1/service-cases/{case_id}/decisions"): Case(
        ids=_CASE,
        new_ids=("body.id",),
        body=lambda company: {"verb": "resolve", "text": company.text("办好")},
        spends="path.case_id",
    ),
    ("POST", "/v1/service-cases/{case_id}/comments"): Case(
        ids=_CASE, new_ids=("body.id",), body=lambda company: {"text": company.text("评论")}
    ),
    ("POST", "/v1/service-cases/{case_id}/assignment"): Case(
        ids={**_CASE, "body.assignee_id": "user"},
        # As somebody whom nobody knows.
        answers={"body.assignee_id": 422},
        body=lambda company: {"assignee_id": str(company.tenant.owner.user_id)},
    ),
    ("GET", "/v1/resource-requests"): Case(
        ids={
            "query.customer_id": "customer",
            "query.opportunity_id": "opportunity",
            "query.requested_by": "user",
            "query.helper_id": "user",
        },
        answers={"query.requested_by": 200, "query.helper_id": 200},
    ),
    ("GET", "/v1/resource-requests/figures"): Case(),
    ("POST", "/v1/resource-requests"): Case(
        ids={"body.customer_id": "customer", "body.opportunity_id": "opportunity"},
        new_ids=("body.id",),
        body=lambda company: {
            "customer_id": str(company.ids["customer"]),
            "opportunity_id": str(company.ids["opportunity"]),
            "subject": company.text("新申请"),
        },
    ),
    ("GET", "/v1/resource-requests/{request_id}"): Case(ids=_REQUEST),
    ("PATCH", "/v1/resource-requests/{request_id}"): Case(
        ids=_REQUEST, body=lambda company: {"detail": company.text("改申请")}
    ),
    ("POST", "/v1/resource-requests/{request_id}/decisions"): Case(
        ids={**_REQUEST, "body.helper_id": "user"},
        new_ids=("body.id",),
        # As somebody whom nobody knows.
        answers={"body.helper_id": 422},
        body=lambda company: {
            "verb": "dispatch",
            "helper_id": str(company.tenant.owner.user_id),
        },
        spends="path.request_id",
    ),
    # The platform answers whatever its agents have sent to it.
    ("GET", "/v1/platform/requests"): Case(role=PLATFORM),
    ("GET", "/v1/platform/requests/figures"): Case(role=PLATFORM),
    ("POST", "/v1/platform/requests/{dispatch_id}/answers"): Case(
        ids={"path.dispatch_id": "dispatch"},
        answers={"path.dispatch_id": 200},
        new_ids=("body.id",),
        body=lambda _: {"verb": "decline", "text": "没有名额"},
        role=PLATFORM,
        spends="path.dispatch_id",
    ),
}

PAGES: Final[dict[Route, Case]] = {
    ("GET", "/cases/targets"): Case(),
    ("POST", "/cases/targets"): Case(
        body=lambda _: {
            "base": "0",
            **{
                f"{severity}_{name}": text
                for severity, answer, resolve in (
                    ("critical", "0.5", "4"),
                    ("high", "1", "9"),
                    ("normal", "4", "27"),
                    ("low", "9", "45"),
                )
                for name, text in (("answer", answer), ("resolve", resolve))
            },
        },
    ),
    ("GET", "/cases/export.csv"): Case(),
    ("GET", "/cases"): Case(),
    ("GET", "/cases/{case_id}"): Case(ids=_CASE),
    ("POST", "/cases/{case_id}"): Case(
        ids=_CASE, body=lambda company: {"detail": company.text("表单情况")}
    ),
    ("POST", "/cases/{case_id}/decisions"): Case(
        ids=_CASE,
        body=lambda company: {"verb": "resolve", "text": company.text("办好")},
        spends="path.case_id",
    ),
    ("POST", "/cases/{case_id}/comments"): Case(
        ids=_CASE, new_ids=("body.id",), body=lambda company: {"text": company.text("评论")}
    ),
    ("POST", "/cases/{case_id}/assignment"): Case(
        ids=_CASE, body=lambda company: {"assignee_id": str(company.tenant.owner.user_id)}
    ),
    ("GET", "/requests"): Case(),
    ("GET", "/requests/{request_id}"): Case(ids=_REQUEST),
    ("POST", "/requests/{request_id}"): Case(
        ids=_REQUEST, body=lambda company: {"detail": company.text("表单说明")}
    ),
    ("POST", "/requests/{request_id}/decisions"): Case(
        ids=_REQUEST,
        body=lambda company: {"verb": "decline", "text": company.text("没空")},
        spends="path.request_id",
    ),
    ("GET", "/console/requests"): Case(role=PLATFORM),
    ("POST", "/console/requests/{dispatch_id}/answers"): Case(
        ids={"path.dispatch_id": "dispatch"},
        role=PLATFORM,
        answers={"path.dispatch_id": 303},
        body=lambda _: {"verb": "decline", "text": "没有名额"},
        spends="path.dispatch_id",
    ),
}

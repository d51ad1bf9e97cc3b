"""Routes of who works here, their devices and what reaches them."""

from typing import Any, Final

from tests.factories import new_id
from tests.isolation.matrix.case import Case, Route
from tests.isolation.world import BRANCHES, Company


def _sharing(company: Company) -> dict[str, Any]:
    """Write a line between two teams; several in turn, for each has so many lines at most."""
    branch = new_id().int % BRANCHES
    return {
        "from_team_id": str(company.ids["team"]),
        "to_team_id": str(company.ids[f"branch{branch}" if branch else "branch"]),
    }


API: Final[dict[Route, Case]] = {
    ("POST", "/v1/auth/logout"): Case(succeeds=False),  # would end the session of the test
    ("GET", "/v1/me"): Case(),
    ("POST", "/v1/me/password"): Case(
        body=lambda _: {"current_password": "wrong", "new_password": "x"},
        succeeds=False,  # the password stays
    ),
    ("POST", "/v1/me/sign-out-everywhere"): Case(succeeds=False),  # would end the session
    ("POST", "/v1/me/sign-out-elsewhere"): Case(succeeds=False),  # would end the browser
    ("GET", "/v1/users"): Case(),
    ("POST", "/v1/users"): Case(
        body=lambda company: {
            "login": f"u{new_id().hex}",
            "name": company.text("新同事"),
            "role": "sales_rep",
            "team_id": str(company.ids["team"]),
        },
        ids={"body.team_id": "team"},
        new_ids=("body.id",),
    ),
    ("GET", "/v1/users/{user_id}"): Case(ids={"path.user_id": "user"}),
    ("PATCH", "/v1/users/{user_id}"): Case(
        ids={"path.user_id": "user", "body.team_id": "team"},
        body=lambda company: {"team_id": str(company.ids["team"])},
    ),
    ("POST", "/v1/users/{user_id}/disabling"): Case(
        ids={"path.user_id": "user"}, spends="path.user_id"
    ),
    ("POST", "/v1/users/{user_id}/enabling"): Case(ids={"path.user_id": "user"}),
    ("POST", "/v1/users/{user_id}/invitation"): Case(
        ids={"path.user_id": "user"}, spends="path.user_id"
    ),
    ("DELETE", "/v1/users/{user_id}/invitation"): Case(ids={"path.user_id": "user"}),
    ("GET", "/v1/users/{user_id}/absences"): Case(ids={"path.user_id": "user"}),
    ("POST", "/v1/users/{user_id}/absences"): Case(
        ids={"path.user_id": "user"},
        body=lambda company: {
            "starts_on": "2030-01-01",
            "ends_on": "2030-01-03",
            "note": company.text("请假"),
        },
        new_ids=("body.id",),
    ),
    ("DELETE", "/v1/absences/{absence_id}"): Case(
        ids={"path.absence_id": "absence"}, spends="path.absence_id"
    ),
    ("GET", "/v1/teams"): Case(),
    ("POST", "/v1/teams"): Case(
        body=lambda company: {"name": company.text("新小组")}, new_ids=("body.id",)
    ),
    ("PATCH", "/v1/teams/{team_id}"): Case(
        ids={"path.team_id": "team"}, body=lambda company: {"name": company.text("改小组")}
    ),
    ("GET", "/v1/company"): Case(),
    ("PATCH", "/v1/company"): Case(body=lambda _: {"lease_hours": 72}),
    ("GET", "/v1/devices"): Case(),
    ("POST", "/v1/devices/enrolment-codes"): Case(
        ids={"body.user_id": "user"},
        body=lambda company: {"user_id": str(company.ids["user"])},
    ),
    ("GET", "/v1/devices/{device_id}"): Case(ids={"path.device_id": "device"}),
    ("POST", "/v1/devices/{device_id}/revocation"): Case(
        ids={"path.device_id": "device"}, spends="path.device_id"
    ),
    ("GET", "/v1/sharings"): Case(),
    ("POST", "/v1/sharings"): Case(
        ids={"body.from_team_id": "team", "body.to_team_id": "branch"},
        answers={"body.from_team_id": 422, "body.to_team_id": 422},
        # Customers are asked for a tag; the tag itself is not looked up.
        new_ids=("body.id", "body.tag_id"),
        body=_sharing,
    ),
    ("DELETE", "/v1/sharings/{line_id}"): Case(
        ids={"path.line_id": "sharing"}, spends="path.line_id"
    ),
    ("GET", "/v1/phone-mask"): Case(),
    ("PUT", "/v1/phone-mask"): Case(body=lambda _: {"roles": [], "reveals_per_day": 20}),
    ("GET", "/v1/phone-reveals"): Case(),
    ("GET", "/v1/notifications"): Case(),
    ("GET", "/v1/notifications/unread"): Case(),
    ("POST", "/v1/notifications/reading"): Case(),
    ("POST", "/v1/notifications/{notification_id}/reading"): Case(
        ids={"path.notification_id": "notification"}
    ),
    ("GET", "/v1/notifications/setting"): Case(),
    ("PUT", "/v1/notifications/setting"): Case(
        body=lambda _: {"channels": [{"channel": "wecom", "address": "robot-of-mine"}]}
    ),
    ("GET", "/v1/company/takeout"): Case(),
}

PAGES: Final[dict[Route, Case]] = {
    ("GET", "/notifications"): Case(),
    ("POST", "/notifications/reading"): Case(),
    ("POST", "/notifications/{notification_id}/reading"): Case(
        ids={"path.notification_id": "notification"}
    ),
    ("GET", "/notifications/setting"): Case(),
    ("POST", "/notifications/setting"): Case(
        body=lambda _: {"wecom": "robot-of-mine", "quiet_from": "22:00", "quiet_until": "08:00"}
    ),
    ("GET", "/today"): Case(),
    ("POST", "/account/calendar"): Case(body=lambda _: {"shows_customers": "1"}),
    ("POST", "/account/calendar/revocation"): Case(),
    ("POST", "/people/rights/sharings"): Case(
        ids={"body.from_team_id": "team", "body.to_team_id": "branch"},
        answers={"body.from_team_id": 422, "body.to_team_id": 422},
        new_ids=("body.id", "body.tag_id"),
        body=lambda company: {"id": str(new_id()), **_sharing(company)},
    ),
    ("POST", "/people/rights/sharings/{line_id}/removal"): Case(
        ids={"path.line_id": "sharing"}, spends="path.line_id"
    ),
    ("GET", "/people/rights"): Case(),
    ("POST", "/people/rights/phone-mask"): Case(body=lambda _: {"reveals_per_day": "20"}),
    ("GET", "/people"): Case(),
    ("GET", "/people/new"): Case(),
    ("POST", "/people/new"): Case(
        ids={"body.team_id": "team"},
        new_ids=("body.id",),
        body=lambda company: {
            "name": company.text("表单同事"),
            "role": "sales_rep",
            "scope": "mine",
            "team_id": str(company.ids["team"]),
        },
    ),
    ("GET", "/people/{user_id}"): Case(ids={"path.user_id": "user"}),
    ("POST", "/people/{user_id}"): Case(
        ids={"path.user_id": "user", "body.team_id": "team"},
        body=lambda company: {
            "name": company.text("表单改"),
            "role": "sales_rep",
            "scope": "mine",
            "team_id": str(company.ids["team"]),
        },
    ),
    ("POST", "/people/{user_id}/invitation"): Case(
        ids={"path.user_id": "user"}, spends="path.user_id"
    ),
    ("POST", "/people/{user_id}/invitation/revocation"): Case(ids={"path.user_id": "user"}),
    ("POST", "/people/{user_id}/disabling"): Case(
        ids={"path.user_id": "user"}, spends="path.user_id"
    ),
    ("POST", "/people/{user_id}/enabling"): Case(ids={"path.user_id": "user"}),
    ("GET", "/people/teams"): Case(),
    ("POST", "/people/teams"): Case(
        body=lambda company: {"name": company.text("表单组")}, new_ids=("body.id",)
    ),
    ("POST", "/people/teams/{team_id}"): Case(
        ids={"path.team_id": "team"}, body=lambda company: {"name": company.text("改表单组")}
    ),
    ("GET", "/devices"): Case(),
    ("POST", "/devices/lease"): Case(body=lambda _: {"lease_hours": "72"}),
    ("GET", "/devices/new"): Case(ids={"query.user_id": "user"}),
    ("POST", "/devices/new"): Case(
        ids={"body.user_id": "user"},
        body=lambda company: {"user_id": str(company.ids["user"])},
    ),
    ("GET", "/devices/{device_id}/revocation"): Case(ids={"path.device_id": "device"}),
    ("POST", "/devices/{device_id}/revocation"): Case(
        ids={"path.device_id": "device"}, spends="path.device_id"
    ),
    ("GET", "/account"): Case(),
    ("POST", "/account/password"): Case(
        body=lambda _: {"current_password": "wrong", "new_password": "x"},
        succeeds=False,  # the password stays
    ),
    ("POST", "/account/sign-out-elsewhere"): Case(succeeds=False),  # would end other sessions
    ("GET", "/people/{user_id}/hand-over"): Case(ids={"path.user_id": "user"}),
    ("POST", "/people/{user_id}/hand-over"): Case(
        ids={"path.user_id": "user", "body.to_ids": "user"},
        new_ids=("body.id",),
        body=lambda company: {"to_ids": str(company.tenant.owner.user_id)},
        answers={"body.to_ids": 422},
    ),
}

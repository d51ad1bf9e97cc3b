"""The matrix: every route, where it takes ids of a tenant, and a request that would succeed.

A route is added to the file of its rooms together with its code; a test fails until it is. Places
of ids are written ``path.customer_id``, ``query.tag``, ``body.owner_id``; the kinds are those of
`world.FRESH` and of `Company.ids`.
"""

from typing import Final

from tests.isolation.matrix import (
    activities,
    benefits,
    books,
    commissions,
    custom,
    customers,
    leads,
    partners,
    people,
    plans,
    registrations,
    sales,
    service,
    sync,
)
from tests.isolation.matrix.case import Case, Route


def _together(*rooms: dict[Route, Case]) -> dict[Route, Case]:
    """Lay the rooms' cases together; a route stands in one of them."""
    cases = {route: case for room in rooms for route, case in room.items()}
    assert len(cases) == sum(map(len, rooms)), "a route stands in two files"
    return cases


API: Final = _together(
    activities.API,
    benefits.API,
    books.API,
    commissions.API,
    custom.API,
    customers.API,
    leads.API,
    partners.API,
    people.API,
    plans.API,
    registrations.API,
    sales.API,
    service.API,
    sync.API,
)
"""The routes of the API."""

PAGES: Final = _together(
    activities.PAGES,
    benefits.PAGES,
    books.PAGES,
    commissions.PAGES,
    custom.PAGES,
    customers.PAGES,
    leads.PAGES,
    partners.PAGES,
    people.PAGES,
    plans.PAGES,
    registrations.PAGES,
    sales.PAGES,
    service.PAGES,
)
"""The pages of the portal."""

STREAMS: Final[dict[Route, str]] = {
    ("GET", "/v1/sync/hint"): "bearer",
    ("GET", "/live"): "cookie",
}
"""Feeds that do not end by themselves."""

PUBLIC: Final[dict[Route, str]] = {
    ("GET", "/livez"): "says that the process answers",
    ("GET", "/readyz"): "says whether the process is ready",
    ("GET", "/metrics"): "counts by route; for the inside only",
    ("GET", "/v1/openapi.json"): "describes the API",
    ("POST", "/v1/auth/login"): "takes a password",
    ("POST", "/v1/auth/token"): "takes a refresh token; a device id that is not its own is refused",
    ("POST", "/v1/devices/enrolment"): "takes a one-time code",
    ("POST", "/v1/auth/invitation"): "takes a one-time code",
    ("POST", "/v1/auth/invitation/acceptance"): "takes a one-time code",
    ("GET", "/v1/lead-forms/{token}"): "a campaign's page for whoever has its address",
    ("POST", "/v1/lead-forms/{token}"): "takes what somebody leaves there",
    (
        "GET",
        "/v1/calendars/{company_id}/{token}",
    ): "a person's calendar for whoever has its address",
    ("POST", "/v1/signals/{company_id}/{source_id}"): "takes what a source has signed",
    ("GET", "/"): "leads to the entrance or inside",
    ("GET", "/f/{token}"): "a campaign's page for whoever has its address",
    ("POST", "/f/{token}"): "takes what somebody leaves there",
    ("GET", "/sign-in"): "the entrance",
    ("POST", "/sign-in"): "takes a password",
    ("GET", "/join"): "asks for a one-time code",
    ("GET", "/enrol"): "tells what to do with a device's code, which is not sent",
    ("POST", "/join"): "takes a one-time code",
    ("POST", "/join/acceptance"): "takes a one-time code",
    ("POST", "/sign-out"): "ends the browser's own session",
    ("POST", "/language"): "sets a cookie",
    ("GET", "/static/{path}"): "files that are the same for everybody",
    ("GET", "/_ui"): "the component gallery, without data; not in production",
}
"""Routes that know of no tenant, each with the reason."""

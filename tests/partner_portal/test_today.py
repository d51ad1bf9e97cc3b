"""The page with which a day begins: what comes next lies ahead."""

from datetime import timedelta

import msgspec

from partner_portal.today.pages import next_of
from server.activities.schemas import VisitView
from tests.factories import NOW, new_id

HOUR = timedelta(hours=1)


def planned(**fields: object) -> VisitView:
    """Make a visit that is planned, or goes on."""
    absent: dict[str, object] = dict.fromkeys(VisitView.__struct_fields__)
    ids = {"id": new_id(), "customer_id": new_id(), "visitor_id": new_id()}
    told = {"seq": 1, "customer_name": "龙井茶行", "trust_reasons": []}
    return msgspec.convert(absent | ids | told | fields, VisitView)


def test_what_lies_in_the_past_is_not_next() -> None:
    late, soon, later = (planned(planned_at=NOW + each * HOUR) for each in (-1, 1, 2))
    going_on = planned(planned_at=NOW - HOUR, checked_in_at=NOW - HOUR / 2)

    assert next_of([late, soon, later], NOW) == soon
    assert next_of([planned(planned_at=NOW), soon], NOW) != soon
    assert next_of([late, going_on, soon], NOW) == going_on
    assert next_of([late], NOW) is None
    assert (late.is_late(NOW), soon.is_late(NOW), going_on.is_late(NOW)) == (True, False, False)

"""Routes of customers and what is kept of them."""

from typing import Any, Final

from server.access import Role
from tests.factories import new_id
from tests.isolation.matrix.case import Case, Route
from tests.isolation.matrix.parts import OBJECT
from tests.isolation.world import Company


def _customer(company: Company) -> dict[str, Any]:
    """Write a new customer."""
    return {
        "id": str(new_id()),
        "name": company.text("新客户"),
        "owner_id": str(company.tenant.rep.user_id),
        "tags": [str(company.ids["tag"])],
    }


_OF_BULK: Final = (
    *("body.change.owner_id", "body.change.team_id"),
    *("body.change.add_tags.0", "body.change.remove_tags.0"),
    *("body.filters.owner_id", "body.filters.team_id", "body.filters.tag"),
)
"""What a bulk change names beside customers; another company's is refused as unknown."""


_FILTERS: Final = {"query.owner_id": "user", "query.team_id": "team", "query.tag": "tag"}


_LOOKED_AT: Final = tuple(
    f"body.look.{name}"
    for name in (
        *("owner_id", "tag", "family_id", "process_id", "source_id", "campaign_id", "assignee_id"),
    )
)
"""What a view is narrowed by; whoever opens it sees of that what they may."""


_NEWEST: Final = "999999999999999"
"""A form that was made after everything."""


API: Final[dict[Route, Case]] = {
    ("GET", "/v1/customers"): Case(ids=_FILTERS),
    ("GET", "/v1/customers/summary"): Case(ids=_FILTERS),
    ("POST", "/v1/customers"): Case(
        ids={"body.owner_id": "user", "body.team_id": "team", "body.tags.0": "tag"},
        new_ids=("body.id",),
        body=_customer,
    ),
    ("POST", "/v1/customers/batch"): Case(
        ids={
            "body.customers.0.owner_id": "user",
            "body.customers.0.team_id": "team",
            "body.customers.0.tags.0": "tag",
        },
        new_ids=("body.customers.0.id",),
        body=lambda company: {"customers": [_customer(company)]},
    ),
    ("POST", "/v1/customers/duplicates"): Case(body=lambda company: {"name": company.text("同名")}),
    ("GET", "/v1/customers/{customer_id}"): Case(ids={"path.customer_id": "customer"}),
    ("PATCH", "/v1/customers/{customer_id}"): Case(
        ids={
            "path.customer_id": "customer",
            "body.owner_id": "user",
            "body.team_id": "team",
            "body.add_tags.0": "tag",
            "body.remove_tags.0": "tag",
        },
        body=lambda company: {"remark": company.text("改")},
    ),
    ("DELETE", "/v1/customers/{customer_id}"): Case(
        ids={"path.customer_id": "customer"}, spends="path.customer_id"
    ),
    ("POST", "/v1/customers/{customer_id}/restoration"): Case(ids={"path.customer_id": "customer"}),
    ("GET", "/v1/customers/{customer_id}/history"): Case(ids={"path.customer_id": "customer"}),
    ("GET", "/v1/customers/duplicate-pairs"): Case(),
    ("POST", "/v1/customers/{customer_id}/merge"): Case(
        ids={"path.customer_id": "customer", "body.into_id": "customer"},
        body=lambda company: {"into_id": str(company.ids["customer"])},
        spends="path.customer_id",
    ),
    ("GET", "/v1/customers/{customer_id}/merge-previews/{into_id}"): Case(
        ids={"path.customer_id": "customer", "path.into_id": "survivor"}
    ),
    ("POST", "/v1/customers/{customer_id}/apart"): Case(
        ids={"path.customer_id": "customer", "body.other_id": "survivor"},
        body=lambda company: {"other_id": str(company.ids["survivor"])},
        succeeds=False,  # nobody took these two for one
    ),
    ("GET", "/v1/customers/{customer_id}/merges"): Case(ids={"path.customer_id": "customer"}),
    ("POST", "/v1/customers/{customer_id}/merges/{merge_id}/undoing"): Case(
        ids={"path.customer_id": "survivor", "path.merge_id": "merge"}
    ),
    ("POST", "/v1/customers/{customer_id}/stores"): Case(
        ids={"path.customer_id": "customer"},
        new_ids=("body.id",),
        body=lambda company: {"name": company.text("新店")},
    ),
    ("POST", "/v1/customers/{customer_id}/contacts"): Case(
        ids={"path.customer_id": "customer", "body.store_id": "store"},
        new_ids=("body.id",),
        body=lambda company: {"name": company.text("新联系人")},
    ),
    ("POST", "/v1/customers/{customer_id}/notes"): Case(
        ids={"path.customer_id": "customer"},
        new_ids=("body.id",),
        body=lambda company: {"body": company.text("新跟进")},
    ),
    ("PATCH", "/v1/stores/{store_id}"): Case(
        ids={"path.store_id": "store"}, body=lambda company: {"name": company.text("改店")}
    ),
    ("DELETE", "/v1/stores/{store_id}"): Case(
        ids={"path.store_id": "store"}, spends="path.store_id"
    ),
    ("POST", "/v1/stores/{store_id}/restoration"): Case(ids={"path.store_id": "store"}),
    ("PATCH", "/v1/contacts/{contact_id}"): Case(
        ids={"path.contact_id": "contact", "body.store_id": "store"},
        body=lambda company: {"name": company.text("改联系人")},
    ),
    ("DELETE", "/v1/contacts/{contact_id}"): Case(
        ids={"path.contact_id": "contact"}, spends="path.contact_id"
    ),
    ("POST", "/v1/contacts/{contact_id}/restoration"): Case(ids={"path.contact_id": "contact"}),
    ("GET", "/v1/customers/export.csv"): Case(ids=_FILTERS),
    ("GET", "/v1/customers/export.xlsx"): Case(ids=_FILTERS),
    ("GET", "/v1/customers/{customer_id}/opportunities"): Case(
        ids={"path.customer_id": "customer"}
    ),
    ("GET", "/v1/customers/{customer_id}/records"): Case(ids={"path.customer_id": "customer"}),
    ("POST", "/v1/customers/{customer_id}/records"): Case(
        ids={
            "path.customer_id": "customer",
            "body.object_id": "custom_object",
            "body.store_id": "store",
        },
        new_ids=("body.id",),
        body=lambda company: {
            "object_id": str(company.ids["custom_object"]),
            "title": company.text("新记录"),
        },
    ),
    ("GET", "/v1/customers/{customer_id}/relationship"): Case(ids={"path.customer_id": "customer"}),
    ("POST", "/v1/customers/{customer_id}/relationship/tasks"): Case(
        ids={"path.customer_id": "customer"}
    ),
    ("GET", "/v1/customers/{customer_id}/quality"): Case(ids={"path.customer_id": "customer"}),
    ("GET", "/v1/quality"): Case(ids={"query.owner_id": "user"}, answers={"query.owner_id": 200}),
    ("GET", "/v1/quality/averages"): Case(),
    ("GET", "/v1/saved-views"): Case(),
    ("POST", "/v1/saved-views"): Case(
        # What a view narrows by is looked up by whoever opens it.
        new_ids=("body.id", *_LOOKED_AT),
        body=lambda company: {
            "name": company.text("视图"),
            "look": {"list": "customers", "level": "A"},
        },
        role=Role.SALES_REP,
    ),
    ("GET", "/v1/saved-views/{view_id}"): Case(ids={"path.view_id": "view"}),
    ("PATCH", "/v1/saved-views/{view_id}"): Case(
        ids={"path.view_id": "view"},
        new_ids=_LOOKED_AT,
        body=lambda company: {"name": company.text("改视图")},
    ),
    ("DELETE", "/v1/saved-views/{view_id}"): Case(
        ids={"path.view_id": "view"}, spends="path.view_id"
    ),
    ("POST", "/v1/customers/{customer_id}/reveal"): Case(
        ids={"path.customer_id": "customer"},
        body=lambda company: {"reason": company.text("原因")},
    ),
    ("GET", "/v1/customers/{customer_id}/reveals"): Case(ids={"path.customer_id": "customer"}),
    ("GET", "/v1/bulk-changes"): Case(),
    ("POST", "/v1/bulk-changes"): Case(
        ids={
            "body.customers.0": "customer",
            "body.change.owner_id": "user",
            "body.change.team_id": "team",
            "body.change.add_tags.0": "tag",
            "body.change.remove_tags.0": "tag",
            "body.filters.owner_id": "user",
            "body.filters.team_id": "team",
            "body.filters.tag": "tag",
        },
        new_ids=("body.id",),
        body=lambda company: {
            "customers": [str(company.ids["customer"])],
            "change": {"industry": company.text("业")},
        },
        answers=dict.fromkeys(_OF_BULK, 422),
    ),
    ("POST", "/v1/bulk-changes/hand-overs"): Case(
        ids={
            "body.from_id": "user",
            "body.to_ids.0": "user",
            "body.filters.owner_id": "user",
            "body.filters.team_id": "team",
            "body.filters.tag": "tag",
        },
        new_ids=("body.id",),
        body=lambda company: {
            "from_id": str(company.tenant.manager.user_id),
            "to_ids": [str(company.tenant.owner.user_id)],
            "filters": {"city": company.text("城")},
        },
        answers=dict.fromkeys(("body.from_id", "body.to_ids.0", *_OF_BULK), 422),
    ),
    ("GET", "/v1/bulk-changes/{bulk_id}"): Case(ids={"path.bulk_id": "bulk"}),
    ("POST", "/v1/bulk-changes/{bulk_id}/undo"): Case(ids={"path.bulk_id": "bulk"}),
    ("POST", "/v1/customers/{customer_id}/release"): Case(
        ids={"path.customer_id": "customer", "body.pool_id": "pool"},
        body=lambda company: {"pool_id": str(company.ids["pool"])},
        spends="path.customer_id",
    ),
    ("GET", "/v1/customers/{customer_id}/attachments"): Case(ids={"path.customer_id": "customer"}),
    ("GET", "/v1/tags"): Case(),
    ("POST", "/v1/tags"): Case(
        ids={"body.owner_id": "user"},
        new_ids=("body.id",),
        body=lambda company: {"name": company.text("新标签"), "meaning": company.text("新含义")},
    ),
    ("PATCH", "/v1/tags/{tag_id}"): Case(
        ids={"path.tag_id": "tag", "body.owner_id": "user"},
        body=lambda company: {"meaning": company.text("改含义")},
    ),
    ("DELETE", "/v1/tags/{tag_id}"): Case(ids={"path.tag_id": "tag"}, spends="path.tag_id"),
    ("POST", "/v1/customers/{customer_id}/visits"): Case(
        ids={
            "path.customer_id": "customer",
            "body.store_id": "store",
            "body.contact_id": "contact",
        },
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "store_id": str(company.ids["store"]),
            "contact_id": str(company.ids["contact"]),
            "purpose": company.text("拜访"),
        },
        role=Role.SALES_REP,
    ),
    ("POST", "/v1/customers/{customer_id}/tasks"): Case(
        ids={
            "path.customer_id": "customer",
            "body.assignee_id": "user",
            "body.contact_id": "contact",
        },
        answers={"body.assignee_id": 422},
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "title": company.text("任务"),
            "contact_id": str(company.ids["contact"]),
            "assignee_id": str(company.tenant.rep.user_id),
        },
    ),
    ("GET", "/v1/customers/{customer_id}/calls"): Case(ids={"path.customer_id": "customer"}),
    ("POST", "/v1/customers/{customer_id}/calls"): Case(
        ids={"path.customer_id": "customer", "body.contact_id": "contact"},
        answers={"body.contact_id": 409},
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "contact_id": str(company.ids["contact"]),
            "outcome": "answered",
            "note": company.text("通话"),
        },
    ),
    ("POST", "/v1/customers/{customer_id}/dialling"): Case(
        ids={"path.customer_id": "customer", "body.contact_id": "contact"},
        body=lambda company: {"contact_id": str(company.ids["contact"])},
    ),
}

PAGES: Final[dict[Route, Case]] = {
    ("GET", "/customers"): Case(ids={"query.tag": "tag", "query.owner_id": "user"}),
    ("GET", "/customers/found"): Case(),
    ("GET", "/customers/new"): Case(),
    ("POST", "/customers/new"): Case(
        ids={"body.owner_id": "user"},
        body=lambda company: {"id": str(new_id()), "name": company.text("表单客户"), "sure": "1"},
    ),
    ("GET", "/customers/{customer_id}"): Case(ids={"path.customer_id": "customer"}),
    ("GET", "/customers/{customer_id}/edit"): Case(ids={"path.customer_id": "customer"}),
    ("POST", "/customers/{customer_id}/edit"): Case(
        ids={"path.customer_id": "customer"},
        body=lambda company: {"name": company.text("表单改"), "base": _NEWEST},
    ),
    ("GET", "/customers/{customer_id}/history"): Case(ids={"path.customer_id": "customer"}),
    ("POST", "/customers/{customer_id}/notes"): Case(
        ids={"path.customer_id": "customer"},
        body=lambda company: {"body": company.text("表单跟进")},
    ),
    ("POST", "/customers/{customer_id}/tags"): Case(
        ids={"path.customer_id": "customer", "body.add": "tag"},
        body=lambda company: {"add": str(company.ids["tag"])},
    ),
    ("GET", "/customers/{customer_id}/cells/{name}"): Case(
        ids={"path.customer_id": "customer"}, words={"name": "city"}
    ),
    ("POST", "/customers/{customer_id}/cells/{name}"): Case(
        ids={"path.customer_id": "customer"},
        words={"name": "city"},
        body=lambda company: {"city": company.text("表单市"), "base": _NEWEST},
    ),
    ("POST", "/customers/{customer_id}/{kind}/new"): Case(
        ids={"path.customer_id": "customer"},
        words={"kind": "contacts"},
        body=lambda company: {"name": company.text("表单联系人")},
    ),
    ("POST", "/customers/{customer_id}/conflicts/{conflict_id}"): Case(
        ids={"path.customer_id": "customer", "path.conflict_id": "conflict"},
        # The customer is only where the browser goes back to.
        answers={"path.customer_id": 303},
        body=lambda _: {"decision": "dismiss"},
        spends="path.conflict_id",
    ),
    ("POST", "/customers/{customer_id}/removal"): Case(
        ids={"path.customer_id": "customer"}, spends="path.customer_id"
    ),
    ("POST", "/customers/{customer_id}/restoration"): Case(ids={"path.customer_id": "customer"}),
    ("GET", "/customers/{customer_id}/{kind}/{record_id}"): Case(
        ids={"path.customer_id": "customer", "path.record_id": "contact"},
        words={"kind": "contacts"},
    ),
    ("POST", "/customers/{customer_id}/{kind}/{record_id}"): Case(
        ids={"path.customer_id": "customer", "path.record_id": "contact"},
        words={"kind": "contacts"},
        body=lambda company: {"name": company.text("表单改联系人"), "base": _NEWEST},
    ),
    ("POST", "/customers/{customer_id}/{kind}/{record_id}/removal"): Case(
        ids={"path.customer_id": "customer", "path.record_id": "contact"},
        words={"kind": "contacts"},
        spends="path.record_id",
    ),
    ("POST", "/customers/{customer_id}/{kind}/{record_id}/restoration"): Case(
        ids={"path.customer_id": "customer", "path.record_id": "contact"},
        words={"kind": "contacts"},
    ),
    ("POST", "/customers/{customer_id}/merges/{merge_id}/undoing"): Case(
        ids={"path.customer_id": "survivor", "path.merge_id": "merge"}
    ),
    ("POST", "/customers/{customer_id}/check-in"): Case(
        ids={"path.customer_id": "customer"},
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "lat": "31230000", "lng": "121470000"},
    ),
    ("POST", "/customers/{customer_id}/visits"): Case(
        ids={"path.customer_id": "customer"},
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "planned_at": "2031-01-01T09:30",
            "purpose": company.text("表单拜访"),
        },
    ),
    ("POST", "/customers/{customer_id}/tasks"): Case(
        ids={"path.customer_id": "customer"},
        new_ids=("body.id",),
        body=lambda company: {"id": str(new_id()), "title": company.text("表单任务")},
    ),
    ("POST", "/customers/{customer_id}/calls"): Case(
        ids={"path.customer_id": "customer"},
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "outcome": "answered",
            "note": company.text("表单通话"),
        },
    ),
    ("GET", "/customers/{customer_id}/deals/new"): Case(ids={"path.customer_id": "customer"}),
    ("POST", "/customers/{customer_id}/deals/new"): Case(
        ids={"path.customer_id": "customer", "body.process_id": "process"},
        new_ids=("body.id",),
        body=lambda company: {"name": company.text("表单商机")},
    ),
    ("POST", "/customers/{customer_id}/reveal"): Case(
        ids={"path.customer_id": "customer"},
        body=lambda company: {"reason": company.text("原因")},
    ),
    ("GET", "/views/new"): Case(),
    ("POST", "/views/new"): Case(
        new_ids=("body.id",),
        body=lambda company: {
            "name": company.text("视图"),
            "audience": "own",
            "list": "customers",
            "id": str(new_id()),
        },
    ),
    ("GET", "/views/{view_id}"): Case(ids={"path.view_id": "view"}),
    ("POST", "/views/{view_id}/removal"): Case(ids={"path.view_id": "view"}, spends="path.view_id"),
    ("GET", "/customers/{customer_id}/records/{object_id}/new"): Case(
        ids={"path.customer_id": "customer", **OBJECT}
    ),
    ("POST", "/customers/{customer_id}/records/{object_id}/new"): Case(
        ids={"path.customer_id": "customer", **OBJECT},
        new_ids=("body.id",),
        body=lambda company: {"id": str(new_id()), "title": company.text("表单记录")},
    ),
    ("GET", "/customers/{customer_id}/cases/new"): Case(ids={"path.customer_id": "customer"}),
    ("POST", "/customers/{customer_id}/cases/new"): Case(
        ids={"path.customer_id": "customer"},
        new_ids=("body.id",),
        body=lambda company: {"id": str(new_id()), "subject": company.text("表单服务单")},
    ),
    ("POST", "/customers/{customer_id}/relationship/tasks"): Case(
        ids={"path.customer_id": "customer"}
    ),
    ("GET", "/quality"): Case(ids={"query.owner_id": "user"}, answers={"query.owner_id": 200}),
    ("POST", "/customers/{customer_id}/registrations"): Case(
        ids={"path.customer_id": "unregistered"}, body=lambda _: {}, spends="path.customer_id"
    ),
    ("GET", "/customers/{customer_id}/requests/new"): Case(
        ids={"path.customer_id": "customer", "query.opportunity_id": "opportunity"},
    ),
    ("POST", "/customers/{customer_id}/requests/new"): Case(
        ids={"path.customer_id": "customer"},
        new_ids=("body.id",),
        body=lambda company: {"id": str(new_id()), "subject": company.text("表单申请")},
    ),
    ("GET", "/duplicates"): Case(),
    ("GET", "/customers/{customer_id}/duplicates"): Case(ids={"path.customer_id": "customer"}),
    ("GET", "/duplicates/{kept_id}/{other_id}"): Case(
        ids={"path.kept_id": "survivor", "path.other_id": "customer"}
    ),
    ("POST", "/duplicates/{kept_id}/{other_id}"): Case(
        ids={"path.kept_id": "survivor", "path.other_id": "customer"}, spends="path.other_id"
    ),
    ("POST", "/duplicates/{kept_id}/{other_id}/apart"): Case(
        ids={"path.kept_id": "survivor", "path.other_id": "customer"},
        succeeds=False,  # nobody took these two for one
    ),
    ("GET", "/tags"): Case(),
    ("GET", "/tags/new"): Case(),
    ("POST", "/tags/new"): Case(
        ids={"body.owner_id": "user"},
        new_ids=("body.id",),
        body=lambda company: {"name": company.text("表单标签"), "meaning": company.text("义")},
    ),
    ("GET", "/tags/{tag_id}"): Case(ids={"path.tag_id": "tag"}),
    ("POST", "/tags/{tag_id}"): Case(
        ids={"path.tag_id": "tag", "body.owner_id": "user"},
        body=lambda company: {"name": company.text("标签"), "meaning": company.text("改义")},
    ),
    ("POST", "/tags/{tag_id}/removal"): Case(ids={"path.tag_id": "tag"}, spends="path.tag_id"),
    ("GET", "/bulk"): Case(),
    ("GET", "/bulk/new"): Case(),
    ("POST", "/bulk/new"): Case(
        ids={
            "body.owner_id": "user",
            "body.add_tags": "tag",
            "body.remove_tags": "tag",
            "body.look_owner_id": "user",
            "body.look_tag": "tag",
        },
        new_ids=("body.id",),
        body=lambda company: {"industry": company.text("业"), "look_city": company.text("城")},
        answers=dict.fromkeys(("body.owner_id", "body.add_tags", "body.remove_tags"), 422)
        | dict.fromkeys(("body.look_owner_id", "body.look_tag"), 422),
    ),
    ("GET", "/bulk/{bulk_id}"): Case(ids={"path.bulk_id": "bulk"}),
    ("POST", "/bulk/{bulk_id}/undo"): Case(ids={"path.bulk_id": "bulk"}),
    ("GET", "/customers/{customer_id}/release"): Case(ids={"path.customer_id": "customer"}),
    ("POST", "/customers/{customer_id}/release"): Case(
        ids={"path.customer_id": "customer", "body.pool_id": "pool"},
        body=lambda company: {"pool_id": str(company.ids["pool"])},
        spends="path.customer_id",
    ),
    ("GET", "/customers/export.csv"): Case(ids={"query.tag": "tag", "query.owner_id": "user"}),
}

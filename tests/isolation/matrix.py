"""The matrix: every route, where it takes ids of a tenant, and a request that would succeed.

A route is added here together with its code; a test fails until it is. Places of ids are written
``path.customer_id``, ``query.tag``, ``body.owner_id``; the kinds are those of `world.FRESH` and of
`Company.ids`.
"""

from collections.abc import Callable
from itertools import cycle
from typing import Any, Final
from uuid import UUID

import msgspec

from partner_portal.processes import sketch
from server.access import Role
from server.kit import clock
from sync_protocol.attachments import chunk_hash
from sync_protocol.process.built_in import BUILT_IN
from sync_protocol.version import PROTOCOL_VERSION, SCHEMA_VERSION
from tests.factories import new_id
from tests.isolation import rhythm
from tests.isolation.world import BRANCHES, CHUNK, Company
from tests.partner_portal.forms import fields_of

Body = Callable[[Company], Any]
Route = tuple[str, str]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """How a route is asked."""

    ids: dict[str, str] = {}
    """Where it takes an id, and of what; only ids that belong to a tenant."""
    shared: dict[str, str] = {}
    """Where it takes an id that is of no tenant."""
    words: dict[str, str] = {}
    """Other parameters of the path."""
    new_ids: tuple[str, ...] = ()
    """Where the sender makes a new id: the same id may stand in another tenant."""
    query: dict[str, str] = {}
    """Parameters that are always there."""
    file: bytes = b""
    """A file that is sent instead of a body."""
    body: Body | None = None
    """A body that is accepted; ids in it are replaced one by one."""
    role: Role = Role.AGENT_OWNER
    """Who may do it."""
    is_page: bool = False
    """A page: signed in by cookie, sends forms."""
    spends: str = ""
    """The place whose record is gone afterwards, so that each try takes a fresh one."""
    answers: dict[str, int] = {}
    """Place -> status, where an id of another company is not answered by 404."""
    succeeds: bool = True
    """False where one's own ids are refused as well, with the reason in a comment."""


def _customer(company: Company) -> dict[str, Any]:
    """Write a new customer."""
    return {
        "id": str(new_id()),
        "name": company.text("新客户"),
        "owner_id": str(company.tenant.rep.user_id),
        "tags": [str(company.ids["tag"])],
    }


def _process_form(company: Company) -> dict[str, Any]:
    """Write the form of a small process: one step, and the signature."""
    first, *_, signed = sketch.drawn(BUILT_IN)
    small = {**first, "t": first["t"][:1]}
    name = company.text("表单流程")
    return {"family_id": str(new_id()), "name": name, **fields_of([small, signed])}


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


def _sharing(company: Company) -> dict[str, Any]:
    """Write a line between two teams; several in turn, for each has so many lines at most."""
    branch = new_id().int % BRANCHES
    return {
        "from_team_id": str(company.ids["team"]),
        "to_team_id": str(company.ids[f"branch{branch}" if branch else "branch"]),
    }


_NOBODYS: Final = "0000-0000-0000"
"""A code that is well-formed, and no benefit's."""


def _benefit(company: Company) -> dict[str, Any]:
    """Write a request for a benefit."""
    return {
        "id": str(new_id()),
        "customer_id": str(company.ids["customer"]),
        "program_id": str(company.ids["program"]),
    }


def _plan_version(_: Company) -> dict[str, Any]:
    """Write a first version of a new plan of the product."""
    return {
        "id": str(new_id()),
        "plan_id": str(new_id()),
        "name": "专业版",
        "begins_on": "2098-01-01",
        "price_minor": 100,
    }


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


_OF_BULK: Final = (
    *("body.change.owner_id", "body.change.team_id"),
    *("body.change.add_tags.0", "body.change.remove_tags.0"),
    *("body.filters.owner_id", "body.filters.team_id", "body.filters.tag"),
)
"""What a bulk change names beside customers; another company's is refused as unknown."""


def pull(cursor: str | None = None) -> dict[str, Any]:
    """Write a pull."""
    return {"cursor": cursor, "limit": 200}


def push(*ops: dict[str, Any]) -> dict[str, Any]:
    """Write a push."""
    return {
        "protocol": PROTOCOL_VERSION,
        "schema": SCHEMA_VERSION,
        "device_time_ms": clock.to_ms(clock.now()),
        "ops": list(ops),
    }


_FILTERS: Final = {"query.owner_id": "user", "query.team_id": "team", "query.tag": "tag"}
_DEAL: Final = {"path.opportunity_id": "opportunity"}
_OBJECT: Final = {"path.object_id": "custom_object"}
_RECORD: Final = {"path.record_id": "custom_record"}
_QUOTE: Final = {"path.quote_id": "quote"}
_LOOKED_AT: Final = tuple(
    f"body.look.{name}"
    for name in (
        *("owner_id", "tag", "family_id", "process_id", "source_id", "campaign_id", "assignee_id"),
    )
)
"""What a view is narrowed by; whoever opens it sees of that what they may."""
_CONTRACT: Final = {"path.contract_id": "contract"}
_CASE: Final = {"path.case_id": "case"}
_REGISTRATION: Final = {"path.registration_id": "registration"}
_DISPUTED: Final = {"path.registration_id": "disputed"}
_REQUEST: Final = {"path.request_id": "help_request"}
_MADE_FROM: Final = {
    "customer_id": "customer",
    "opportunity_id": "opportunity",
    "quote_id": "quote",
    "renews_id": "contract",
}
"""What a contract is made from."""
_PRICE: Final = {"path.price_book_id": "price_book", "path.product_id": "product"}
_NEWEST: Final = "999999999999999"
"""A form that was made after everything."""
_PLATFORM: Final = Role.PLATFORM_OPERATOR
_FINANCE: Final = Role.PLATFORM_FINANCE
_RECON_FILE: Final = {"path.file_id": "recon_file"}
_MONTHS: Final = cycle(f"{2000 + n // 12}-{1 + n % 12:02d}" for n in range(20 * 12))
"""Each has one statement of an agent; the world has drawn up none of these."""


def _of_agent(*, answer: int = 200, **fields: Any) -> Case:
    """Let the platform do something with an agent, which knows them all."""
    answers = {"path.agent_id": answer}
    return Case(ids={"path.agent_id": "tenant"}, role=_PLATFORM, answers=answers, **fields)


def _agreement(company: Company) -> dict[str, Any]:
    """Write an agreement down."""
    days = {"signed_on": "2026-01-01", "valid_from": "2026-01-01"}
    return {"id": str(new_id()), "number": "A-1", "title": company.text("协议"), **days}


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
    ("GET", "/v1/opportunities/export.csv"): Case(
        ids={
            "query.customer_id": "customer",
            "query.owner_id": "user",
            "query.family_id": "family",
            "query.process_id": "process",
        }
    ),
    ("GET", "/v1/opportunities"): Case(
        ids={
            "query.customer_id": "customer",
            "query.owner_id": "user",
            "query.family_id": "family",
            "query.process_id": "process",
        }
    ),
    ("POST", "/v1/opportunities"): Case(
        ids={
            "body.customer_id": "customer",
            "body.process_id": "process",
            "body.account_manager_id": "user",
            "body.solution_manager_id": "user",
            "body.fulfilment_manager_id": "user",
        },
        new_ids=("body.id", "body.lead_id"),
        body=lambda company: {
            "customer_id": str(company.ids["customer"]),
            "name": company.text("新商机"),
        },
    ),
    ("GET", "/v1/opportunities/{opportunity_id}"): Case(ids=_DEAL),
    ("PATCH", "/v1/opportunities/{opportunity_id}"): Case(
        ids={
            **_DEAL,
            "body.account_manager_id": "user",
            "body.solution_manager_id": "user",
            "body.fulfilment_manager_id": "user",
        },
        new_ids=("body.do_steps.0", "body.undo_steps.0"),
        body=lambda company: {"name": company.text("改商机")},
    ),
    ("DELETE", "/v1/opportunities/{opportunity_id}"): Case(ids=_DEAL, spends="path.opportunity_id"),
    ("POST", "/v1/opportunities/{opportunity_id}/moves"): Case(
        ids=_DEAL,
        new_ids=("body.id",),
        body=lambda _: {"verb": "lose", "reason": "price"},
        spends="path.opportunity_id",
    ),
    ("POST", "/v1/opportunities/{opportunity_id}/openings"): Case(
        ids=_DEAL,
        new_ids=("body.id", "body.template_id"),
        body=lambda _: {"template_id": BUILT_IN.first.steps[0].templates[0].id},
    ),
    ("GET", "/v1/custom-fields"): Case(),
    ("POST", "/v1/custom-fields"): Case(
        ids={"body.object_id": "custom_object"},
        new_ids=("body.id", "body.options.0.id"),
        body=lambda company: {
            "subject": "custom_record",
            "object_id": str(company.ids["custom_object"]),
            "type": "choice",
            "label_zh": company.text("新字段"),
            "meaning": company.text("问店主"),
            "options": [{"zh": company.text("选项")}],
        },
    ),
    ("PATCH", "/v1/custom-fields/{field_id}"): Case(
        ids={"path.field_id": "custom_field"},
        new_ids=("body.options.0.id",),
        body=lambda company: {"options": [{"zh": company.text("改选项")}]},
    ),
    ("GET", "/v1/custom-objects"): Case(),
    ("POST", "/v1/custom-objects"): Case(
        new_ids=("body.id",),
        body=lambda company: {
            "name_zh": company.text("新对象"),
            "meaning": company.text("问店主"),
            "title_zh": company.text("标题"),
        },
    ),
    ("PATCH", "/v1/custom-objects/{object_id}"): Case(
        ids={"path.object_id": "custom_object"},
        body=lambda company: {"meaning": company.text("改意思")},
    ),
    ("GET", "/v1/custom-objects/{object_id}/export.csv"): Case(ids=_OBJECT),
    ("GET", "/v1/custom-records"): Case(
        ids={
            "query.object_id": "custom_object",
            "query.customer_id": "customer",
            "query.store_id": "store",
        },
    ),
    ("GET", "/v1/custom-records/{record_id}"): Case(ids=_RECORD),
    ("PATCH", "/v1/custom-records/{record_id}"): Case(
        ids={**_RECORD, "body.store_id": "store"},
        body=lambda company: {"title": company.text("改记录")},
    ),
    ("DELETE", "/v1/custom-records/{record_id}"): Case(ids=_RECORD, spends="path.record_id"),
    ("POST", "/v1/custom-records/{record_id}/restoration"): Case(ids=_RECORD),
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
    ("GET", "/v1/products"): Case(),
    ("POST", "/v1/products"): Case(
        new_ids=("body.id",), body=lambda company: {"name": company.text("新产品")}
    ),
    ("PATCH", "/v1/products/{product_id}"): Case(
        ids={"path.product_id": "product"}, body=lambda company: {"name": company.text("改产品")}
    ),
    ("GET", "/v1/price-books"): Case(),
    ("POST", "/v1/price-books"): Case(
        new_ids=("body.id",), body=lambda company: {"name": company.text("新价目表")}
    ),
    ("PATCH", "/v1/price-books/{price_book_id}"): Case(
        ids={"path.price_book_id": "price_book"},
        body=lambda company: {"name": company.text("改价目表")},
    ),
    ("GET", "/v1/price-books/{price_book_id}/prices"): Case(
        ids={"path.price_book_id": "price_book"}
    ),
    ("PUT", "/v1/price-books/{price_book_id}/prices/{product_id}"): Case(
        ids=_PRICE, body=lambda _: {"list_minor": 100_00, "floor_minor": 80_00}
    ),
    ("GET", "/v1/price-books/{price_book_id}/prices/{product_id}"): Case(
        # Of a product that the book does not sell there is no version.
        ids=_PRICE,
        answers={"path.product_id": 200},
    ),
    ("GET", "/v1/prices/export.csv"): Case(),
    ("GET", "/v1/quotes/export.csv"): Case(
        ids={"query.customer_id": "customer", "query.opportunity_id": "opportunity"}
    ),
    ("GET", "/v1/quotes"): Case(
        ids={"query.customer_id": "customer", "query.opportunity_id": "opportunity"}
    ),
    ("POST", "/v1/quotes"): Case(
        ids={
            "body.opportunity_id": "opportunity",
            "body.price_book_id": "price_book",
            "body.lines.0.product_id": "product",
        },
        # As a product that the book does not sell.
        answers={"body.lines.0.product_id": 409},
        new_ids=("body.id", "body.lines.0.id"),
        body=lambda company: {
            "opportunity_id": str(company.ids["opportunity"]),
            "price_book_id": str(company.ids["price_book"]),
            "name": company.text("新报价"),
            "lines": [{"product_id": str(company.ids["product"]), "quantity_milli": 1_000}],
        },
    ),
    ("GET", "/v1/quotes/{quote_id}/quote.pdf"): Case(ids=_QUOTE),
    ("GET", "/v1/quotes/{quote_id}"): Case(ids=_QUOTE),
    ("PATCH", "/v1/quotes/{quote_id}"): Case(
        ids={**_QUOTE, "body.lines.0.product_id": "product"},
        answers={"body.lines.0.product_id": 409},
        new_ids=("body.lines.0.id",),
        body=lambda company: {
            "name": company.text("改报价"),
            "lines": [{"product_id": str(company.ids["product"]), "quantity_milli": 1_000}],
        },
    ),
    ("POST", "/v1/quotes/{quote_id}/decisions"): Case(
        ids=_QUOTE,
        new_ids=("body.id",),
        body=lambda _: {"verb": "withdraw"},
        spends="path.quote_id",
    ),
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
    ("GET", "/v1/customers/{customer_id}/relationship"): Case(ids={"path.customer_id": "customer"}),
    ("POST", "/v1/customers/{customer_id}/relationship/tasks"): Case(
        ids={"path.customer_id": "customer"}
    ),
    ("GET", "/v1/customers/{customer_id}/quality"): Case(ids={"path.customer_id": "customer"}),
    ("GET", "/v1/quality"): Case(ids={"query.owner_id": "user"}, answers={"query.owner_id": 200}),
    ("GET", "/v1/quality/averages"): Case(),
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
    ("GET", "/v1/registrations"): Case(ids={"query.customer_id": "customer"}),
    ("GET", "/v1/registrations/wall"): Case(),
    ("GET", "/v1/registrations/terms"): Case(),
    ("GET", "/v1/registrations/rules"): Case(),
    ("POST", "/v1/registrations"): Case(
        ids={"body.customer_id": "unregistered"},
        new_ids=("body.id",),
        body=lambda company: {"customer_id": str(company.ids["unregistered"])},
        spends="body.customer_id",
    ),
    ("POST", "/v1/registrations/checks"): Case(body=lambda company: {"phone": company.phone()}),
    ("GET", "/v1/registrations/{registration_id}"): Case(ids=_REGISTRATION),
    ("POST", "/v1/registrations/{registration_id}/decisions"): Case(
        ids={**_REGISTRATION, "body.evidence.record_id": "contract"},
        new_ids=("body.id",),
        # It is not decided yet, so nothing is extended, whatever is shown.
        answers={"body.evidence.record_id": 409},
        body=lambda company: {
            "verb": "extend",
            "evidence": {"kind": "contract", "record_id": str(company.ids["contract"])},
        },
        succeeds=False,
    ),
    ("GET", "/v1/registrations/{registration_id}/case"): Case(ids=_DISPUTED),
    ("GET", "/v1/registrations/{registration_id}/evidence"): Case(ids=_DISPUTED),
    ("GET", "/v1/registrations/{registration_id}/waits"): Case(ids=_DISPUTED),
    # What is shown must be of the disputed customer, which has no contract.
    ("POST", "/v1/registrations/{registration_id}/evidence"): Case(
        ids={**_DISPUTED, "body.evidence.record_id": "contract"},
        new_ids=("body.id",),
        answers={"body.evidence.record_id": 422},
        body=lambda company: {
            "evidence": {"kind": "contract", "record_id": str(company.ids["contract"])}
        },
        succeeds=False,
    ),
    ("POST", "/v1/registrations/{registration_id}/waiver"): Case(ids=_DISPUTED),
    # Nobody has decided yet, so there is nothing to appeal.
    ("POST", "/v1/registrations/{registration_id}/appeal"): Case(
        ids=_DISPUTED, body=lambda company: {"reason": company.text("申诉")}, succeeds=False
    ),
    # The platform decides between its agents, whoever they are.
    ("GET", "/v1/platform/registrations/cases"): Case(role=_PLATFORM),
    ("GET", "/v1/platform/registrations/cases/{case_id}"): Case(
        ids={"path.case_id": "registration_case"},
        answers={"path.case_id": 200},
        role=_PLATFORM,
    ),
    ("POST", "/v1/platform/registrations/cases/{case_id}/word"): Case(
        ids={"path.case_id": "registration_case", "body.registration_id": "disputed"},
        # A party of another case is none of this one's.
        answers={"path.case_id": 422, "body.registration_id": 422},
        body=lambda company: {"registration_id": str(company.ids["disputed"])},
        role=_PLATFORM,
    ),
    ("POST", "/v1/platform/registrations/cases/{case_id}/verdict"): Case(
        ids={"path.case_id": "registration_case", "body.winner_id": "disputed"},
        answers={"path.case_id": 422, "body.winner_id": 422},
        body=lambda company: {
            "winner_id": str(company.ids["disputed"]),
            "reason": company.text("理由"),
        },
        role=_PLATFORM,
        # Not all have been heard.
        succeeds=False,
    ),
    ("GET", "/v1/platform/registrations/rules"): Case(role=_PLATFORM),
    ("POST", "/v1/platform/registrations/rules"): Case(
        role=_PLATFORM, body=lambda _: {"steps": ["territory", "lot"]}
    ),
    # Nobody has looked at what it would change.
    ("POST", "/v1/platform/registrations/rules/switch-on"): Case(
        role=_PLATFORM,
        body=lambda _: {"version": 1, "diff_hash": "unseen"},
        succeeds=False,
    ),
    ("POST", "/v1/platform/registrations/replays"): Case(role=_PLATFORM),
    ("POST", "/v1/platform/registrations/terms"): Case(
        role=_PLATFORM, body=lambda _: {"holds_from": "2099-01-01T00:00:00Z", "terms": {}}
    ),
    ("GET", "/v1/platform/registrations/house"): Case(role=_PLATFORM),
    ("POST", "/v1/platform/registrations/house"): Case(
        role=_PLATFORM,
        new_ids=("body.id",),
        body=lambda company: {"label": "直客", "customer": {"phone": company.phone()}},
    ),
    # What the platform has registered is nobody's id.
    ("POST", "/v1/platform/registrations/house/{house_id}/release"): Case(
        role=_PLATFORM, shared={"path.house_id": "program"}, succeeds=False
    ),
    ("POST", "/v1/platform/registrations/contacts"): Case(
        role=_PLATFORM,
        new_ids=("body.id",),
        body=lambda company: {"kind": "call", "customer": {"phone": company.phone()}},
    ),
    ("POST", "/v1/platform/registrations/honeytokens"): Case(
        role=_PLATFORM, body=lambda company: {"phone": company.phone()}
    ),
    ("GET", "/v1/platform/registrations/alarms"): Case(role=_PLATFORM),
    ("GET", "/v1/platform/registrations/waits"): Case(role=_PLATFORM),
    ("GET", "/v1/platform/registrations/waits/open"): Case(role=_PLATFORM),
    # The platform answers whatever its agents have sent to it.
    ("GET", "/v1/platform/requests"): Case(role=_PLATFORM),
    ("GET", "/v1/platform/requests/figures"): Case(role=_PLATFORM),
    ("POST", "/v1/platform/requests/{dispatch_id}/answers"): Case(
        ids={"path.dispatch_id": "dispatch"},
        answers={"path.dispatch_id": 200},
        new_ids=("body.id",),
        body=lambda _: {"verb": "decline", "text": "没有名额"},
        role=_PLATFORM,
        spends="path.dispatch_id",
    ),
    ("GET", "/v1/contracts"): Case(
        ids={"query.customer_id": "customer", "query.opportunity_id": "opportunity"}
    ),
    ("GET", "/v1/contracts/export.csv"): Case(
        ids={"query.customer_id": "customer", "query.opportunity_id": "opportunity"}
    ),
    ("POST", "/v1/contracts"): Case(
        ids={
            **{f"body.{name}": kind for name, kind in _MADE_FROM.items()},
            "body.account_manager_id": "user",
        },
        new_ids=("body.id", "body.plan.0.id"),
        body=lambda company: {
            "customer_id": str(company.ids["customer"]),
            "title": company.text("新合同"),
            "amount_minor": 100_00,
            "plan": [{"name": "首付", "due_on": "2027-01-31", "amount_minor": 100_00}],
        },
    ),
    ("GET", "/v1/contracts/{contract_id}"): Case(ids=_CONTRACT),
    ("PATCH", "/v1/contracts/{contract_id}"): Case(
        ids={**_CONTRACT, "body.account_manager_id": "user"},
        new_ids=("body.plan.0.id",),
        body=lambda company: {
            "remark": company.text("改合同"),
            "plan": [{"name": "全款", "due_on": "2027-01-31", "amount_minor": 1_00}],
        },
    ),
    ("POST", "/v1/contracts/{contract_id}/decisions"): Case(
        ids=_CONTRACT,
        new_ids=("body.id",),
        body=lambda company: {"verb": "void", "remark": company.text("作废")},
        spends="path.contract_id",
    ),
    ("POST", "/v1/contracts/{contract_id}/receipts"): Case(
        ids={"path.contract_id": "signed_contract", "body.instalment_id": "instalment"},
        # As an instalment that the plan does not have.
        answers={"body.instalment_id": 422},
        new_ids=("body.id",),
        body=lambda company: {"amount_minor": 1, "instalment_id": str(company.ids["instalment"])},
    ),
    ("GET", "/v1/pipeline"): Case(ids={"query.family_id": "family"}),
    ("GET", "/v1/pipeline/board"): Case(ids={"query.family_id": "family"}),
    ("GET", "/v1/pipeline/forecast"): Case(),
    ("GET", "/v1/processes"): Case(),
    ("POST", "/v1/processes/{family_id}/retirement"): Case(
        ids={"path.family_id": "family"}, spends="path.family_id"
    ),
    ("POST", "/v1/processes/{process_id}/migration"): Case(
        ids={
            "path.process_id": "process",
            "body.to_id": "process",
            "body.opportunity_ids.0": "opportunity",
        },
        body=lambda company: {"to_id": str(company.ids["process"])},
    ),
    ("POST", "/v1/processes/built-in/migration"): Case(
        ids={"body.to_id": "process", "body.opportunity_ids.0": "opportunity"},
        body=lambda company: {"to_id": str(company.ids["process"])},
    ),
    ("POST", "/v1/processes/{process_id}/migration-preview"): Case(
        ids={
            "path.process_id": "process",
            "body.to_id": "process",
            "body.opportunity_ids.0": "opportunity",
        },
        body=lambda company: {"to_id": str(company.ids["process"])},
    ),
    ("POST", "/v1/processes/built-in/migration-preview"): Case(
        ids={"body.to_id": "process", "body.opportunity_ids.0": "opportunity"},
        body=lambda company: {"to_id": str(company.ids["process"])},
    ),
    ("GET", "/v1/process-versions"): Case(),
    ("GET", "/v1/process-drafts"): Case(),
    ("PUT", "/v1/process-drafts"): Case(
        new_ids=("body.family_id",),
        body=lambda company: {
            "family_id": str(new_id()),
            "name": company.text("新流程"),
            "definition": msgspec.to_builtins(BUILT_IN),
        },
    ),
    ("GET", "/v1/process-drafts/{family_id}"): Case(ids={"path.family_id": "family"}),
    ("DELETE", "/v1/process-drafts/{family_id}"): Case(
        ids={"path.family_id": "family"}, spends="path.family_id"
    ),
    ("POST", "/v1/process-drafts/{family_id}/publication"): Case(
        ids={"path.family_id": "family"},
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "revision": 1},
        spends="path.family_id",
    ),
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
    ("POST", "/v1/customers/{customer_id}/reveal"): Case(
        ids={"path.customer_id": "customer"},
        body=lambda company: {"reason": company.text("原因")},
    ),
    ("GET", "/v1/customers/{customer_id}/reveals"): Case(ids={"path.customer_id": "customer"}),
    ("GET", "/v1/analyses"): Case(),
    ("GET", "/v1/analyses/values/{dimension}"): Case(words={"dimension": "tag"}),
    ("POST", "/v1/analyses"): Case(
        body=lambda _: {"subject": "customers", "by": ["tag", "source"], "measures": ["customers"]}
    ),
    ("GET", "/v1/imports"): Case(),
    ("POST", "/v1/imports"): Case(
        query={"file_name": "客户.csv"},
        file="name,phone\n某客户,13812345678\n".encode(),
        new_ids=("query.id",),
    ),
    ("GET", "/v1/imports/template.csv"): Case(),
    ("GET", "/v1/imports/{import_id}"): Case(ids={"path.import_id": "import"}),
    ("POST", "/v1/imports/{import_id}/preview"): Case(
        ids={"path.import_id": "import"}, body=lambda _: {"duplicates": "skip"}
    ),
    ("POST", "/v1/imports/{import_id}/start"): Case(
        ids={"path.import_id": "import"},
        body=lambda _: {"duplicates": "skip"},
        spends="path.import_id",
    ),
    ("GET", "/v1/imports/{import_id}/problems"): Case(ids={"path.import_id": "import"}),
    ("GET", "/v1/imports/{import_id}/errors.csv"): Case(ids={"path.import_id": "import"}),
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
    ("POST", "/v1/customers/{customer_id}/release"): Case(
        ids={"path.customer_id": "customer", "body.pool_id": "pool"},
        body=lambda company: {"pool_id": str(company.ids["pool"])},
        spends="path.customer_id",
    ),
    ("GET", "/v1/customers/{customer_id}/attachments"): Case(ids={"path.customer_id": "customer"}),
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
    ("GET", "/v1/sync/conflicts"): Case(ids={"query.customer_id": "customer"}),
    ("POST", "/v1/sync/conflicts/{conflict_id}/resolution"): Case(
        ids={"path.conflict_id": "conflict"},
        body=lambda _: {"decision": "dismiss"},
        spends="path.conflict_id",
    ),
    ("POST", "/v1/sync/pull"): Case(body=lambda _: pull(), role=Role.SALES_REP),
    ("POST", "/v1/sync/digest"): Case(body=lambda _: {"pull": pull()}, role=Role.SALES_REP),
    ("POST", "/v1/sync/push"): Case(body=lambda _: push(), role=Role.SALES_REP),
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
    ("GET", "/v1/visits/export.csv"): Case(
        ids={"query.customer_id": "customer", "query.visitor_id": "user"},
        answers={"query.customer_id": 200, "query.visitor_id": 200},
    ),
    ("GET", "/v1/visits"): Case(
        ids={"query.customer_id": "customer", "query.visitor_id": "user"},
        answers={"query.customer_id": 200, "query.visitor_id": 200},
    ),
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
    ("GET", "/v1/platform-reads"): Case(),
    ("GET", "/v1/platform/overview"): Case(role=_PLATFORM),
    ("GET", "/v1/platform/agents"): Case(role=_PLATFORM),
    ("POST", "/v1/platform/agents"): Case(
        role=_PLATFORM,
        new_ids=("body.id",),
        body=lambda _: {
            "name": f"新代理{new_id().hex[-8:]}",
            "city": "宁波",
            "owner": {"login": f"o{new_id().hex}", "name": "老板"},
        },
    ),
    ("GET", "/v1/platform/agents/territories"): Case(
        ids={"query.agent_id": "tenant"}, answers={"query.agent_id": 200}, role=_PLATFORM
    ),
    ("POST", "/v1/platform/agents/territories"): Case(
        ids={"body.agent_id": "tenant"},
        new_ids=("body.id",),
        role=_PLATFORM,
        answers={"body.agent_id": 200},
        body=lambda company: {
            "agent_id": str(company.tenant.tenant_id),
            "division": "330782",
            "valid_from": "2026-01-01",
        },
    ),
    ("GET", "/v1/platform/agents/territories/holder"): Case(
        role=_PLATFORM, query={"division": "330782", "on": "2026-01-01"}
    ),
    ("POST", "/v1/platform/agents/territories/{territory_id}/end"): Case(
        ids={"path.territory_id": "place"},
        role=_PLATFORM,
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
        role=_PLATFORM,
        body=lambda _: {"code": "visit", "label_zh": "走访", "label_en": "Visit"},
    ),
    ("GET", "/v1/company/takeout"): Case(),
    ("GET", "/v1/partnership"): Case(),
    ("GET", "/v1/partnership/glass"): Case(),
    ("POST", "/v1/partnership/contracts/{version}/acceptance"): Case(words={"version": "1"}),
    ("GET", "/v1/divisions"): Case(),
    ("GET", "/v1/divisions/located"): Case(query={"city": "金华"}),
    # The owner has joined, so the platform may not invite; an id of nobody's is still 404.
    ("POST", "/v1/platform/agents/{agent_id}/owner-invitation"): Case(
        ids={"path.agent_id": "tenant"},
        role=_PLATFORM,
        answers={"path.agent_id": 409},
        succeeds=False,
    ),
    # The platform knows its agents; for everybody else an agent is somebody else's tenant.
    ("GET", "/v1/platform/agents/{agent_id}"): Case(
        ids={"path.agent_id": "tenant"}, role=_PLATFORM, answers={"path.agent_id": 200}
    ),
    ("GET", "/v1/platform/programs"): Case(role=_PLATFORM),
    ("POST", "/v1/platform/programs"): Case(
        role=_PLATFORM,
        body=lambda _: {
            "id": str(new_id()),
            "name": "新计划",
            "amount_minor": 100,
            "opens_at": "2026-01-01T00:00:00Z",
        },
        new_ids=("body.id",),
    ),
    ("GET", "/v1/platform/programs/{program_id}"): Case(
        role=_PLATFORM, shared={"path.program_id": "program"}
    ),
    ("POST", "/v1/platform/programs/{program_id}/funding"): Case(
        shared={"path.program_id": "program"},
        role=_PLATFORM,
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "amount_minor": 100},
    ),
    ("GET", "/v1/platform/programs/{program_id}/allocations"): Case(
        role=_PLATFORM, shared={"path.program_id": "program"}
    ),
    ("POST", "/v1/platform/programs/{program_id}/allocations"): Case(
        ids={"body.agent_id": "tenant"},
        answers={"body.agent_id": 201},
        shared={"path.program_id": "program"},
        role=_PLATFORM,
        body=lambda company: {
            "id": str(new_id()),
            "agent_id": str(company.ids["tenant"]),
            "amount_minor": 1_000_000,
        },
        new_ids=("body.id",),
    ),
    ("GET", "/v1/platform/batches"): Case(role=_PLATFORM),
    ("GET", "/v1/platform/voucher-alarms"): Case(role=_PLATFORM),
    # The platform decides about every agent's.
    ("GET", "/v1/platform/batches/{batch_id}"): Case(
        ids={"path.batch_id": "batch"}, answers={"path.batch_id": 200}, role=_PLATFORM
    ),
    # What was looked at are other rows.
    ("POST", "/v1/platform/batches/{batch_id}/approval"): Case(
        ids={"path.batch_id": "batch"},
        answers={"path.batch_id": 409},
        role=_PLATFORM,
        body=lambda _: {"content_hash": "unseen"},
        succeeds=False,
    ),
    ("POST", "/v1/platform/batches/{batch_id}/refusal"): Case(
        ids={"path.batch_id": "batch"},
        answers={"path.batch_id": 201},
        role=_PLATFORM,
        body=lambda _: {"reason": "先补充拜访"},
        spends="path.batch_id",
    ),
    ("GET", "/v1/platform/benefit-reviews"): Case(role=_PLATFORM),
    ("GET", "/v1/platform/benefit-review-outcomes"): Case(
        shared={"query.program_id": "guarded"}, role=_PLATFORM
    ),
    ("GET", "/v1/platform/benefit-reviews/{issuance_id}"): Case(
        ids={"path.issuance_id": "review"}, answers={"path.issuance_id": 200}, role=_PLATFORM
    ),
    ("POST", "/v1/platform/benefit-reviews/{issuance_id}/taking"): Case(
        ids={"path.issuance_id": "review"}, answers={"path.issuance_id": 201}, role=_PLATFORM
    ),
    ("POST", "/v1/platform/benefit-reviews/{issuance_id}/decision"): Case(
        ids={"path.issuance_id": "review"},
        answers={"path.issuance_id": 201},
        role=_PLATFORM,
        body=lambda _: {"verdict": "release", "reason": "两家店同一老板"},
        spends="path.issuance_id",
    ),
    ("GET", "/v1/platform/programs/{program_id}/guards"): Case(
        shared={"path.program_id": "program"}, role=_PLATFORM
    ),
    ("PUT", "/v1/platform/programs/{program_id}/guards"): Case(
        shared={"path.program_id": "program"}, role=_PLATFORM, body=lambda _: {}
    ),
    ("GET", "/v1/platform/programs/{program_id}/rules"): Case(
        role=_PLATFORM, shared={"path.program_id": "program"}
    ),
    ("POST", "/v1/platform/programs/{program_id}/rules"): Case(
        shared={"path.program_id": "program"},
        role=_PLATFORM,
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "rules": {"requirements": []}},
    ),
    ("GET", "/v1/platform/programs/{program_id}/rules/{version}"): Case(
        role=_PLATFORM, shared={"path.program_id": "program"}, words={"version": "1"}
    ),
    # What it would do was not looked at.
    ("POST", "/v1/platform/programs/{program_id}/rules/publication"): Case(
        role=_PLATFORM,
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
        role=_PLATFORM,
    ),
    ("GET", "/v1/platform/issuance-totals"): Case(role=_PLATFORM),
    ("GET", "/v1/commissions/lines"): Case(),
    ("GET", "/v1/commissions/statement"): Case(query={"month": "2026-11"}),
    ("GET", "/v1/commissions/statement.xlsx"): Case(query={"month": "2026-11"}),
    # Nothing of it is sealed: the worker does that.
    ("GET", "/v1/commissions/proven-statement"): Case(succeeds=False),
    ("GET", "/v1/commissions/heads/{size}"): Case(words={"size": "1"}, succeeds=False),
    ("GET", "/v1/plan"): Case(),
    ("GET", "/v1/plan/invoices"): Case(),
    # No invoice of either company was made: the worker does that.
    ("GET", "/v1/plan/invoices/{invoice_id}"): Case(
        shared={"path.invoice_id": "program"}, succeeds=False
    ),
    ("GET", "/v1/platform/plans"): Case(role=_FINANCE),
    ("POST", "/v1/platform/plans"): Case(
        role=_FINANCE, new_ids=("body.id", "body.plan_id"), body=_plan_version
    ),
    # Whose company it is about may be any; the plan was not published.
    ("POST", "/v1/platform/plan-changes"): Case(
        ids={"body.agent_id": "tenant"},
        answers={"body.agent_id": 404},
        shared={"body.plan_id": "program"},
        new_ids=("body.id",),
        role=_FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "agent_id": str(company.ids["tenant"]),
            "begins_on": "2098-01-01",
            "plan_id": str(company.ids["program"]),
        },
        succeeds=False,
    ),
    ("POST", "/v1/platform/plan-grants"): Case(
        ids={"body.agent_id": "tenant"},
        answers={"body.agent_id": 201},
        new_ids=("body.id",),
        role=_FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "agent_id": str(company.ids["tenant"]),
            "source": "benefit",
            "meter": "seats",
            "units": 1,
            "begins_on": "2098-01-01",
        },
    ),
    # Nothing of it is there.
    ("POST", "/v1/platform/plan-grants/{grant_id}/end"): Case(
        shared={"path.grant_id": "program"},
        role=_FINANCE,
        body=lambda _: {"ends_on": "2098-01-01"},
        succeeds=False,
    ),
    ("POST", "/v1/platform/agents/{agent_id}/plan-clock"): Case(
        ids={"path.agent_id": "tenant"},
        answers={"path.agent_id": 201},
        role=_FINANCE,
        body=lambda _: {"until": "2098-01-01", "is_preview": True},
    ),
    ("GET", "/v1/platform/agents/{agent_id}/invoices"): Case(
        ids={"path.agent_id": "tenant"}, answers={"path.agent_id": 200}, role=_FINANCE
    ),
    ("POST", "/v1/platform/invoice-payments"): Case(
        shared={"body.invoice_id": "program"},
        new_ids=("body.id",),
        role=_FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "invoice_id": str(company.ids["program"]),
            "amount_minor": 1,
            "paid_on": "2026-11-01",
        },
        succeeds=False,
    ),
    ("POST", "/v1/platform/credit-notes"): Case(
        shared={"body.invoice_id": "program"},
        new_ids=("body.id",),
        role=_FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "invoice_id": str(company.ids["program"]),
            "amount_minor": 1,
            "reason": "误开",
        },
        succeeds=False,
    ),
    ("POST", "/v1/platform/invoices/{invoice_id}/fapiao"): Case(
        shared={"path.invoice_id": "program"},
        role=_FINANCE,
        body=lambda _: {"number": "26442000000123456789"},
        succeeds=False,
    ),
    ("GET", "/v1/platform/commission-plans"): Case(role=_FINANCE),
    ("POST", "/v1/platform/commission-plans"): Case(
        role=_FINANCE, new_ids=("body.id", "body.plan_id"), body=_commission_plan
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
        role=_FINANCE,
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
    # Sales, lines, batches and payments are the platform's own; there are none of these ids.
    ("GET", "/v1/platform/commission-sales/{sale_id}/lines"): Case(
        shared={"path.sale_id": "program"}, role=_FINANCE, succeeds=False
    ),
    ("POST", "/v1/platform/commission-refunds"): Case(
        shared={"body.sale_id": "program"},
        new_ids=("body.id",),
        role=_FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "sale_id": str(company.ids["program"]),
            "refunded": 100,
        },
        succeeds=False,
    ),
    ("POST", "/v1/platform/commission-corrections"): Case(
        shared={"body.line_id": "program"},
        new_ids=("body.id",),
        role=_FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "line_id": str(company.ids["program"]),
            "amount_minor": -100,
            "reason": "多计",
        },
        succeeds=False,
    ),
    ("GET", "/v1/platform/agents/{agent_id}/commission-statement"): Case(
        ids={"path.agent_id": "tenant"},
        answers={"path.agent_id": 200},
        query={"month": "2026-11"},
        role=_FINANCE,
    ),
    ("GET", "/v1/platform/payouts"): Case(role=_FINANCE),
    ("POST", "/v1/platform/payouts"): Case(
        role=_FINANCE, new_ids=("body.id",), body=lambda _: {"id": str(new_id())}
    ),
    ("GET", "/v1/platform/payouts/{batch_id}"): Case(
        shared={"path.batch_id": "program"}, role=_FINANCE, succeeds=False
    ),
    ("POST", "/v1/platform/payouts/{batch_id}/approval"): Case(
        shared={"path.batch_id": "program"},
        role=_FINANCE,
        body=lambda _: {"hash": "0" * 64},
        succeeds=False,
    ),
    ("POST", "/v1/platform/payouts/{batch_id}/bank-file"): Case(
        ids={"body.payees.0.agent_id": "tenant"},
        answers={"body.payees.0.agent_id": 404},
        shared={"path.batch_id": "program"},
        role=_FINANCE,
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
        role=_FINANCE,
        body=lambda _: {"answer": "paid"},
        succeeds=False,
    ),
    # Periods of the books, the chart and vouchers are the platform's own; there are none.
    ("GET", "/v1/platform/accounting/periods"): Case(role=_FINANCE),
    ("POST", "/v1/platform/accounting/periods"): Case(
        role=_FINANCE,
        new_ids=("body.id",),
        body=lambda _: {
            "id": str(new_id()),
            "begins_on": "2026-02-01",
            "ends_on": "2026-01-31",
        },
        succeeds=False,
    ),
    ("GET", "/v1/platform/accounting/periods/{period_id}"): Case(
        shared={"path.period_id": "program"}, role=_FINANCE, succeeds=False
    ),
    ("POST", "/v1/platform/accounting/periods/{period_id}/state"): Case(
        shared={"path.period_id": "program"},
        role=_FINANCE,
        body=lambda _: {"state": "soft_closed", "reason": "月结"},
        succeeds=False,
    ),
    ("GET", "/v1/platform/accounting/chart"): Case(role=_FINANCE),
    # Below nothing.
    ("POST", "/v1/platform/accounting/chart"): Case(
        role=_FINANCE,
        body=lambda _: {
            "accounts": [{"code": "199901", "name": "无上级", "category": "asset", "side": "debit"}]
        },
        succeeds=False,
    ),
    # In no century of ours.
    ("POST", "/v1/platform/accounting/chart/beginning"): Case(
        role=_FINANCE,
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "standard": "enterprise", "begins_on": "1900-01-01"},
        succeeds=False,
    ),
    ("POST", "/v1/platform/accounting/rules"): Case(
        role=_FINANCE,
        new_ids=("body.id",),
        body=lambda _: {
            "id": str(new_id()),
            "kind": "bank",
            "account_code": "1999",
            "begins_on": "2026-01-01",
        },
        succeeds=False,
    ),
    ("POST", "/v1/platform/accounting/treatments"): Case(
        shared={"body.program_id": "program"},
        role=_FINANCE,
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "standard": "enterprise",
            "program_id": str(company.ids["program"]),
            "treatment": "selling_expense",
            "begins_on": "2026-01-01",
        },
        succeeds=False,
    ),
    ("POST", "/v1/platform/accounting/templates"): Case(
        role=_FINANCE,
        new_ids=("body.id",),
        body=lambda _: {
            "id": str(new_id()),
            "event": "test.never",
            "begins_on": "2026-01-01",
            "summary": "{nobody}",
        },
        succeeds=False,
    ),
    ("GET", "/v1/platform/accounting/periods/{period_id}/vouchers"): Case(
        shared={"path.period_id": "program"}, role=_FINANCE, succeeds=False
    ),
    ("POST", "/v1/platform/accounting/periods/{period_id}/runs"): Case(
        shared={"path.period_id": "program"},
        role=_FINANCE,
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id())},
        succeeds=False,
    ),
    ("POST", "/v1/platform/accounting/runs/{run_id}/check"): Case(
        shared={"path.run_id": "program"},
        role=_FINANCE,
        body=lambda _: {"hash": "0" * 64},
        succeeds=False,
    ),
    ("POST", "/v1/platform/accounting/runs/{run_id}/refusal"): Case(
        shared={"path.run_id": "program"},
        role=_FINANCE,
        body=lambda _: {"reason": "摘要不对"},
        succeeds=False,
    ),
    ("GET", "/v1/platform/accounting/vouchers/{voucher_id}"): Case(
        shared={"path.voucher_id": "program"}, role=_FINANCE, succeeds=False
    ),
    ("GET", "/v1/platform/accounting/vouchers/{voucher_id}/transfers"): Case(
        shared={"path.voucher_id": "program", "query.after": "program"},
        role=_FINANCE,
        succeeds=False,
    ),
    ("POST", "/v1/platform/accounting/vouchers/{voucher_id}/reversal"): Case(
        shared={"path.voucher_id": "program"},
        role=_FINANCE,
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "reason": "科目不对"},
        succeeds=False,
    ),
    ("POST", "/v1/platform/accounting/exports"): Case(
        shared={"body.period_id": "program"},
        role=_FINANCE,
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "period_id": str(company.ids["program"]),
            "format": "csv",
        },
        succeeds=False,
    ),
    ("GET", "/v1/platform/accounting/exports/{export_id}/file"): Case(
        shared={"path.export_id": "program"}, role=_FINANCE, succeeds=False
    ),
    ("GET", "/v1/statements"): Case(),
    ("GET", "/v1/statements/{statement_id}"): Case(ids={"path.statement_id": "statement"}),
    ("GET", "/v1/statements/{statement_id}/lines"): Case(ids={"path.statement_id": "statement"}),
    # Nothing moved in its month, so that it has no line to speak of.
    ("POST", "/v1/statements/{statement_id}/confirmations"): Case(
        ids={"path.statement_id": "statement"}, body=lambda _: {"lines": [1]}, succeeds=False
    ),
    ("POST", "/v1/statements/{statement_id}/disputes"): Case(
        ids={"path.statement_id": "statement"},
        body=lambda _: {"line": 1, "reason": "少计"},
        succeeds=False,
    ),
    ("POST", "/v1/statements/{statement_id}/signature"): Case(
        ids={"path.statement_id": "statement"}, body=lambda _: {"hash": "0" * 64}, succeeds=False
    ),
    # The platform has not signed it.
    ("GET", "/v1/statements/{statement_id}/signed.txt"): Case(
        ids={"path.statement_id": "statement"}, succeeds=False
    ),
    ("GET", "/v1/statements/{statement_id}/statement.xlsx"): Case(
        ids={"path.statement_id": "statement"}
    ),
    ("GET", "/v1/statements/{statement_id}/statement.pdf"): Case(
        ids={"path.statement_id": "statement"}
    ),
    ("GET", "/v1/platform/statements"): Case(
        ids={"query.agent_id": "tenant"}, answers={"query.agent_id": 200}, role=_FINANCE
    ),
    ("POST", "/v1/platform/statements"): Case(
        ids={"body.agent_id": "tenant"},
        answers={"body.agent_id": 201},
        new_ids=("body.id",),
        role=_FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "agent_id": str(company.ids["tenant"]),
            "month": next(_MONTHS),
        },
    ),
    ("GET", "/v1/platform/statement-disputes"): Case(role=_FINANCE),
    ("GET", "/v1/platform/statements/{statement_id}"): Case(
        ids={"path.statement_id": "statement"}, answers={"path.statement_id": 200}, role=_FINANCE
    ),
    ("GET", "/v1/platform/statements/{statement_id}/lines"): Case(
        ids={"path.statement_id": "statement"}, answers={"path.statement_id": 200}, role=_FINANCE
    ),
    ("POST", "/v1/platform/statements/{statement_id}/answers"): Case(
        ids={"path.statement_id": "statement"},
        shared={"body.transfer_id": "program"},
        # Neither has this line.
        answers={"path.statement_id": 404},
        role=_FINANCE,
        body=lambda company: {
            "line": 1,
            "outcome": "corrected",
            "note": "已补记",
            "transfer_id": str(company.ids["program"]),
        },
        succeeds=False,
    ),
    ("POST", "/v1/platform/statements/{statement_id}/signature"): Case(
        ids={"path.statement_id": "statement"},
        answers={"path.statement_id": 409},
        role=_FINANCE,
        body=lambda _: {"hash": "0" * 64},
        succeeds=False,
    ),
    ("GET", "/v1/reconciliation/files"): Case(),
    ("GET", "/v1/reconciliation/files/{file_id}"): Case(ids=_RECON_FILE),
    ("GET", "/v1/reconciliation/files/{file_id}/exceptions"): Case(ids=_RECON_FILE),
    ("GET", "/v1/reconciliation/files/{file_id}/rejected.csv"): Case(ids=_RECON_FILE),
    ("POST", "/v1/reconciliation/exceptions/{exception_id}/answer"): Case(
        ids={"path.exception_id": "recon_exception"}, body=lambda _: {"said": "已补记"}
    ),
    ("GET", "/v1/platform/reconciliation/sources"): Case(
        ids={"query.agent_id": "tenant"}, answers={"query.agent_id": 200}, role=_FINANCE
    ),
    ("POST", "/v1/platform/reconciliation/sources"): Case(
        ids={"body.agent_id": "tenant"},
        answers={"body.agent_id": 201},
        new_ids=("body.id",),
        role=_FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "agent_id": str(company.ids["tenant"]),
            "name": "ERP",
            "column_map": {"columns": {"id": "单号"}},
        },
    ),
    ("GET", "/v1/platform/reconciliation/files"): Case(
        ids={"query.agent_id": "tenant"}, answers={"query.agent_id": 200}, role=_FINANCE
    ),
    # No source reads a column of this name.
    ("POST", "/v1/platform/reconciliation/files"): Case(
        ids={"query.source_id": "recon_source"},
        answers={"query.source_id": 422},
        new_ids=("query.id",),
        query={"id": str(new_id()), "month": "2020-01", "file_name": "b.csv"},
        role=_FINANCE,
        file="备注\n无\n".encode(),
        succeeds=False,
    ),
    ("GET", "/v1/platform/reconciliation/files/{file_id}"): Case(
        ids=_RECON_FILE, answers={"path.file_id": 200}, role=_FINANCE
    ),
    ("GET", "/v1/platform/reconciliation/files/{file_id}/exceptions"): Case(
        ids=_RECON_FILE, answers={"path.file_id": 200}, role=_FINANCE
    ),
    ("GET", "/v1/platform/reconciliation/files/{file_id}/rejected.csv"): Case(
        ids=_RECON_FILE, answers={"path.file_id": 200}, role=_FINANCE
    ),
    # The books have no such transfers.
    ("POST", "/v1/platform/reconciliation/exceptions/{exception_id}/resolution"): Case(
        ids={"path.exception_id": "recon_exception"},
        shared={"body.group_id": "program"},
        answers={"path.exception_id": 422},
        role=_FINANCE,
        body=lambda company: {
            "outcome": "corrected_here",
            "note": "已补记",
            "group_id": str(company.ids["program"]),
        },
        succeeds=False,
    ),
    ("POST", "/v1/platform/issuances/{issuance_id}/void"): Case(
        ids={"path.issuance_id": "issuance"},
        role=_PLATFORM,
        answers={"path.issuance_id": 201},
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "reason": "误发"},
        spends="path.issuance_id",
    ),
}
"""The API. Ids that the platform makes for all (programs) are of no tenant."""

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
    ("POST", "/customers/{customer_id}/visits"): Case(
        ids={"path.customer_id": "customer"},
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "planned_at": "2031-01-01T09:30",
            "purpose": company.text("表单拜访"),
        },
    ),
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
    ("POST", "/account/calendar"): Case(body=lambda _: {"shows_customers": "1"}),
    ("POST", "/account/calendar/revocation"): Case(),
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
    ("POST", "/visits/{visit_id}/decision"): Case(
        ids={"path.visit_id": "visit"},
        body=lambda _: {"decision": "upheld"},
        spends="path.visit_id",
    ),
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
    ("GET", "/deals/export.csv"): Case(),
    ("GET", "/deals"): Case(ids={"query.family": "family"}),
    ("POST", "/deals/moves"): Case(
        ids={"body.deal": "opportunity", "body.family": "family"},
        body=lambda company: {
            "deal": str(company.ids["opportunity"]),
            "verb": "advance",
            "from_stage": "lead",
            "to_stage": "pre_opportunity",
        },
        succeeds=False,  # it was moved when it was made
    ),
    ("GET", "/deals/list"): Case(
        ids={"query.family_id": "family", "query.process_id": "process", "query.owner_id": "user"}
    ),
    ("GET", "/deals/forecast"): Case(),
    ("GET", "/processes"): Case(),
    ("GET", "/processes/new"): Case(),
    ("GET", "/processes/built-in"): Case(),
    ("GET", "/processes/{family_id}"): Case(ids={"path.family_id": "family"}),
    ("GET", "/processes/{family_id}/draft"): Case(ids={"path.family_id": "family"}),
    ("POST", "/processes/new"): Case(new_ids=("body.family_id",), body=_process_form),
    ("POST", "/processes/{family_id}/draft"): Case(
        ids={"path.family_id": "family"},
        body=lambda company: {**_process_form(company), "revision": "1"},
        spends="path.family_id",
    ),
    ("POST", "/processes/{family_id}/draft-removal"): Case(
        ids={"path.family_id": "family"}, spends="path.family_id"
    ),
    ("POST", "/processes/{family_id}/publication"): Case(
        ids={"path.family_id": "family"},
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "revision": "1"},
        spends="path.family_id",
    ),
    ("POST", "/processes/{family_id}/retirement"): Case(
        ids={"path.family_id": "family"}, spends="path.family_id"
    ),
    ("GET", "/processes/migration"): Case(
        ids={"query.from": "process", "query.to": "process"}, query={"from": "built-in"}
    ),
    ("POST", "/processes/migration"): Case(
        ids={"body.from": "process", "body.to": "process", "body.deal": "opportunity"},
        body=lambda company: {
            "from": "built-in",
            "to": str(company.ids["process"]),
            "deal": str(company.ids["opportunity"]),
            "act": "move",
        },
    ),
    ("GET", "/customers/{customer_id}/deals/new"): Case(ids={"path.customer_id": "customer"}),
    ("POST", "/customers/{customer_id}/deals/new"): Case(
        ids={"path.customer_id": "customer", "body.process_id": "process"},
        new_ids=("body.id",),
        body=lambda company: {"name": company.text("表单商机")},
    ),
    ("GET", "/quotes/export.csv"): Case(),
    ("GET", "/quotes"): Case(),
    ("GET", "/deals/{opportunity_id}/quotes/new"): Case(ids=_DEAL),
    ("POST", "/deals/{opportunity_id}/quotes/new"): Case(
        ids={**_DEAL, "body.price_book_id": "price_book"},
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "name": company.text("表单报价"),
            "price_book_id": str(company.ids["price_book"]),
        },
    ),
    ("GET", "/quotes/{quote_id}"): Case(ids=_QUOTE),
    ("GET", "/quotes/{quote_id}/quote.pdf"): Case(ids=_QUOTE),
    ("POST", "/quotes/{quote_id}"): Case(
        ids={**_QUOTE, "body.product_id": "product"},
        answers={"body.product_id": 409},
        body=lambda company: {
            "discount": "0.01",
            "product_id": str(company.ids["product"]),
            "quantity": "2.5",
        },
    ),
    ("POST", "/quotes/{quote_id}/decisions"): Case(
        ids=_QUOTE,
        body=lambda _: {"verb": "withdraw"},
        spends="path.quote_id",
    ),
    ("POST", "/customers/{customer_id}/reveal"): Case(
        ids={"path.customer_id": "customer"},
        body=lambda company: {"reason": company.text("原因")},
    ),
    ("POST", "/people/rights/sharings"): Case(
        ids={"body.from_team_id": "team", "body.to_team_id": "branch"},
        answers={"body.from_team_id": 422, "body.to_team_id": 422},
        new_ids=("body.id", "body.tag_id"),
        body=lambda company: {"id": str(new_id()), **_sharing(company)},
    ),
    ("POST", "/people/rights/sharings/{line_id}/removal"): Case(
        ids={"path.line_id": "sharing"}, spends="path.line_id"
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
    ("GET", "/people/rights"): Case(),
    ("POST", "/people/rights/phone-mask"): Case(body=lambda _: {"reveals_per_day": "20"}),
    ("GET", "/analyses"): Case(),
    ("GET", "/objects"): Case(),
    ("GET", "/objects/new"): Case(),
    ("POST", "/objects/new"): Case(
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "name_zh": f"{company.text('表单对象')}{new_id().hex[-6:]}",
            "meaning": company.text("问店主"),
            "title_zh": company.text("标题"),
            "writers": "everyone",
        },
    ),
    ("GET", "/objects/{object_id}"): Case(ids=_OBJECT),
    ("GET", "/objects/{object_id}/export.csv"): Case(ids=_OBJECT),
    ("GET", "/objects/{object_id}/edit"): Case(ids=_OBJECT),
    ("POST", "/objects/{object_id}/edit"): Case(
        ids=_OBJECT,
        body=lambda company: {
            "name_zh": company.text("表单改对象"),
            "meaning": company.text("问店主"),
            "title_zh": company.text("标题"),
            "writers": "everyone",
        },
    ),
    ("POST", "/objects/{object_id}/state"): Case(ids=_OBJECT, body=lambda _: {"state": "active"}),
    ("GET", "/customers/{customer_id}/records/{object_id}/new"): Case(
        ids={"path.customer_id": "customer", **_OBJECT}
    ),
    ("POST", "/customers/{customer_id}/records/{object_id}/new"): Case(
        ids={"path.customer_id": "customer", **_OBJECT},
        new_ids=("body.id",),
        body=lambda company: {"id": str(new_id()), "title": company.text("表单记录")},
    ),
    ("GET", "/records/{record_id}"): Case(ids=_RECORD),
    ("POST", "/records/{record_id}"): Case(
        ids=_RECORD, body=lambda company: {"title": company.text("表单改记录")}
    ),
    ("POST", "/records/{record_id}/removal"): Case(ids=_RECORD, spends="path.record_id"),
    ("POST", "/records/{record_id}/restoration"): Case(ids=_RECORD),
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
    ("GET", "/customers/{customer_id}/cases/new"): Case(ids={"path.customer_id": "customer"}),
    ("POST", "/customers/{customer_id}/cases/new"): Case(
        ids={"path.customer_id": "customer"},
        new_ids=("body.id",),
        body=lambda company: {"id": str(new_id()), "subject": company.text("表单服务单")},
    ),
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
    ("POST", "/customers/{customer_id}/relationship/tasks"): Case(
        ids={"path.customer_id": "customer"}
    ),
    ("GET", "/quality"): Case(ids={"query.owner_id": "user"}, answers={"query.owner_id": 200}),
    ("GET", "/registrations"): Case(),
    ("POST", "/customers/{customer_id}/registrations"): Case(
        ids={"path.customer_id": "unregistered"}, body=lambda _: {}, spends="path.customer_id"
    ),
    ("GET", "/registrations/check"): Case(),
    ("POST", "/registrations/check"): Case(body=lambda company: {"phone": company.phone()}),
    ("GET", "/registrations/terms"): Case(),
    ("GET", "/registrations/{registration_id}"): Case(ids=_REGISTRATION),
    # What is shown must be of the disputed customer, which has no contract.
    ("POST", "/registrations/{registration_id}/evidence"): Case(
        ids=_DISPUTED,
        body=lambda company: {"shown": f"contract:{company.ids['contract']}"},
        succeeds=False,
    ),
    ("POST", "/registrations/{registration_id}/decisions"): Case(
        ids=_REGISTRATION, body=lambda _: {"verb": "release"}, spends="path.registration_id"
    ),
    ("POST", "/registrations/{registration_id}/waiver"): Case(ids=_DISPUTED),
    # Nobody has decided yet, so there is nothing to appeal.
    ("POST", "/registrations/{registration_id}/appeal"): Case(
        ids=_DISPUTED, body=lambda company: {"reason": company.text("申诉")}, succeeds=False
    ),
    ("GET", "/requests"): Case(),
    ("GET", "/customers/{customer_id}/requests/new"): Case(
        ids={"path.customer_id": "customer", "query.opportunity_id": "opportunity"},
    ),
    ("POST", "/customers/{customer_id}/requests/new"): Case(
        ids={"path.customer_id": "customer"},
        new_ids=("body.id",),
        body=lambda company: {"id": str(new_id()), "subject": company.text("表单申请")},
    ),
    ("GET", "/requests/{request_id}"): Case(ids=_REQUEST),
    ("POST", "/requests/{request_id}"): Case(
        ids=_REQUEST, body=lambda company: {"detail": company.text("表单说明")}
    ),
    ("POST", "/requests/{request_id}/decisions"): Case(
        ids=_REQUEST,
        body=lambda company: {"verb": "decline", "text": company.text("没空")},
        spends="path.request_id",
    ),
    ("GET", "/contracts"): Case(),
    ("GET", "/contracts/export.csv"): Case(),
    ("GET", "/contracts/new"): Case(ids={f"query.{n}": kind for n, kind in _MADE_FROM.items()}),
    ("POST", "/contracts/new"): Case(
        ids={f"body.{name}": kind for name, kind in _MADE_FROM.items()},
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "customer_id": str(company.ids["customer"]),
            "title": company.text("表单合同"),
        },
    ),
    ("GET", "/contracts/{contract_id}"): Case(ids=_CONTRACT),
    ("POST", "/contracts/{contract_id}"): Case(
        ids=_CONTRACT, body=lambda company: {"remark": company.text("表单备注")}
    ),
    ("POST", "/contracts/{contract_id}/decisions"): Case(
        ids=_CONTRACT,
        body=lambda company: {"verb": "void", "remark": company.text("作废")},
        spends="path.contract_id",
    ),
    ("POST", "/contracts/{contract_id}/receipts"): Case(
        ids={"path.contract_id": "signed_contract", "body.instalment_id": "instalment"},
        # As an instalment that the plan does not have.
        answers={"body.instalment_id": 422},
        new_ids=("body.id",),
        body=lambda company: {"received": "0.01", "instalment_id": str(company.ids["instalment"])},
    ),
    ("POST", "/contracts/{contract_id}/papers"): Case(
        ids=_CONTRACT,
        file=b"no picture",
        # Bytes that are nothing are not kept.
        succeeds=False,
    ),
    ("GET", "/contracts/{contract_id}/papers/{attachment_id}"): Case(
        ids={**_CONTRACT, "path.attachment_id": "attachment"}
    ),
    ("GET", "/prices/export.csv"): Case(),
    ("GET", "/prices"): Case(ids={"query.book": "price_book"}),
    ("POST", "/prices/books"): Case(
        new_ids=("body.id",), body=lambda company: {"name": company.text("表单价目表")}
    ),
    ("POST", "/prices/products"): Case(
        new_ids=("body.id",), body=lambda company: {"name": company.text("表单产品"), "tax": "13"}
    ),
    ("POST", "/prices/{price_book_id}/{product_id}"): Case(
        ids=_PRICE, body=lambda _: {"list": "100", "floor": "80"}
    ),
    ("GET", "/deals/{opportunity_id}"): Case(ids=_DEAL),
    ("POST", "/deals/{opportunity_id}"): Case(
        ids={
            **_DEAL,
            "body.account_manager_id": "user",
            "body.solution_manager_id": "user",
            "body.fulfilment_manager_id": "user",
        },
        body=lambda company: {"name": company.text("改表单商机")},
    ),
    ("POST", "/deals/{opportunity_id}/moves"): Case(
        ids=_DEAL,
        new_ids=("body.id",),
        body=lambda _: {"verb": "lose", "reason": "price"},
        spends="path.opportunity_id",
    ),
    ("POST", "/deals/{opportunity_id}/steps"): Case(
        ids=_DEAL,
        new_ids=("body.do",),
        body=lambda _: {"do": BUILT_IN.first.steps[0].id},
    ),
    ("POST", "/deals/{opportunity_id}/openings"): Case(
        ids=_DEAL,
        new_ids=("body.template",),
        body=lambda _: {"template": BUILT_IN.first.steps[0].templates[0].id},
    ),
    ("GET", "/conflicts"): Case(),
    ("POST", "/conflicts/{conflict_id}"): Case(
        ids={"path.conflict_id": "conflict"},
        body=lambda _: {"decision": "dismiss"},
        spends="path.conflict_id",
    ),
    ("GET", "/fields"): Case(),
    ("GET", "/fields/new"): Case(),
    ("POST", "/fields/new"): Case(
        new_ids=("body.id",),
        body=lambda company: {
            "subject": "store",
            "type": "text",
            "label_zh": company.text("表单字段"),
            "meaning": company.text("义"),
        },
    ),
    ("GET", "/fields/{field_id}"): Case(ids={"path.field_id": "custom_field"}),
    ("POST", "/fields/{field_id}"): Case(
        ids={"path.field_id": "custom_field"},
        body=lambda company: {
            "label_zh": company.text("改字段"),
            "meaning": company.text("改义"),
            "option_zh_0": company.text("选项"),
        },
    ),
    ("POST", "/fields/{field_id}/state"): Case(
        ids={"path.field_id": "custom_field"}, body=lambda _: {"state": "archived"}
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
    ("GET", "/people/{user_id}/hand-over"): Case(ids={"path.user_id": "user"}),
    ("POST", "/people/{user_id}/hand-over"): Case(
        ids={"path.user_id": "user", "body.to_ids": "user"},
        new_ids=("body.id",),
        body=lambda company: {"to_ids": str(company.tenant.owner.user_id)},
        answers={"body.to_ids": 422},
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
    ("GET", "/customers/{customer_id}/release"): Case(ids={"path.customer_id": "customer"}),
    ("POST", "/customers/{customer_id}/release"): Case(
        ids={"path.customer_id": "customer", "body.pool_id": "pool"},
        body=lambda company: {"pool_id": str(company.ids["pool"])},
        spends="path.customer_id",
    ),
    ("GET", "/benefits"): Case(),
    ("GET", "/benefits/redeem"): Case(),
    # A code of nobody.
    ("POST", "/benefits/redeem"): Case(
        body=lambda _: {"id": str(new_id()), "code": _NOBODYS, "step": "use"},
        new_ids=("body.id",),
        succeeds=False,
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
    ("GET", "/platform-reads"): Case(),
    ("GET", "/customers/export.csv"): Case(ids={"query.tag": "tag", "query.owner_id": "user"}),
    ("GET", "/imports"): Case(),
    ("POST", "/imports"): Case(
        file="name,phone\n某客户,13812345678\n".encode(),
        body=lambda _: {"id": str(new_id())},
        new_ids=("body.id",),
    ),
    ("GET", "/imports/template.csv"): Case(),
    ("GET", "/imports/{import_id}"): Case(ids={"path.import_id": "import"}),
    ("POST", "/imports/{import_id}/plan"): Case(
        ids={"path.import_id": "import"},
        body=lambda _: {"column_0": "name", "duplicates": "skip"},
    ),
    ("POST", "/imports/{import_id}/start"): Case(
        ids={"path.import_id": "import"},
        body=lambda _: {"column_0": "name", "duplicates": "skip"},
        spends="path.import_id",
    ),
    ("GET", "/imports/{import_id}/errors.csv"): Case(ids={"path.import_id": "import"}),
    ("GET", "/console"): Case(role=_PLATFORM),
    ("GET", "/console/agents"): Case(role=_PLATFORM),
    ("GET", "/console/programs/new"): Case(role=_PLATFORM),
    ("POST", "/console/programs/new"): Case(
        role=_PLATFORM,
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
        role=_PLATFORM, shared={"path.program_id": "program"}
    ),
    ("POST", "/console/programs/{program_id}/funding"): Case(
        role=_PLATFORM,
        shared={"path.program_id": "program"},
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "amount": "1", "direction": "in"},
    ),
    ("GET", "/console/agents/new"): Case(role=_PLATFORM),
    ("POST", "/console/agents/new"): Case(
        role=_PLATFORM,
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
        role=_PLATFORM,
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
        role=_PLATFORM,
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
    ("GET", "/statements"): Case(),
    ("GET", "/statements/{statement_id}"): Case(ids={"path.statement_id": "statement"}),
    ("GET", "/statements/{statement_id}/statement.pdf"): Case(
        ids={"path.statement_id": "statement"}
    ),
    ("GET", "/statements/{statement_id}/statement.xlsx"): Case(
        ids={"path.statement_id": "statement"}
    ),
    # As over the API: nothing moved in its month, and the platform has not signed it.
    ("GET", "/statements/{statement_id}/signed.txt"): Case(
        ids={"path.statement_id": "statement"}, succeeds=False
    ),
    ("POST", "/statements/{statement_id}/confirmations"): Case(
        ids={"path.statement_id": "statement"}, body=lambda _: {"lines": "1"}, succeeds=False
    ),
    ("POST", "/statements/{statement_id}/disputes"): Case(
        ids={"path.statement_id": "statement"},
        body=lambda _: {"line": "1", "reason": "少计"},
        succeeds=False,
    ),
    ("POST", "/statements/{statement_id}/signature"): Case(
        ids={"path.statement_id": "statement"}, body=lambda _: {"hash": "0" * 64}, succeeds=False
    ),
    ("GET", "/partnership"): Case(),
    ("GET", "/plan"): Case(),
    ("GET", "/partnership/takeout"): Case(),
    ("GET", "/partnership/exit"): Case(succeeds=False),
    ("GET", "/partnership/exit/plan.csv"): Case(succeeds=False),
    ("POST", "/partnership/exit/consents"): Case(
        ids={"body.customer": "customer"},
        body=lambda company: {"customer": str(company.ids["customer"]), "successor": "none"},
        succeeds=False,
    ),
    ("GET", "/console/waits"): Case(role=_PLATFORM),
    ("POST", "/partnership/contracts/{version}/acceptance"): Case(words={"version": "1"}),
    ("GET", "/console/court"): Case(role=_PLATFORM),
    ("GET", "/console/court/{case_id}"): Case(
        ids={"path.case_id": "registration_case"},
        answers={"path.case_id": 200},
        role=_PLATFORM,
    ),
    # A party of another case is none of this one's.
    ("POST", "/console/court/{case_id}/word"): Case(
        ids={"path.case_id": "registration_case"},
        answers={"path.case_id": 422},
        body=lambda company: {"registration_id": str(company.ids["disputed"])},
        role=_PLATFORM,
    ),
    ("GET", "/console/rules"): Case(role=_PLATFORM),
    ("POST", "/console/rules"): Case(
        role=_PLATFORM, body=lambda _: {"step_1": "territory", "step_2": "lot"}
    ),
    # Nobody has looked at what it would change.
    ("POST", "/console/rules/{version}/switch-on"): Case(
        words={"version": "1"},
        role=_PLATFORM,
        body=lambda _: {"diff_hash": "unseen"},
        succeeds=False,
    ),
    # Numbers are missing.
    ("POST", "/console/terms"): Case(
        role=_PLATFORM, body=lambda _: {"holds_on": "2099-01-01"}, succeeds=False
    ),
    # Decided once; asked again it is decided already.
    ("POST", "/console/court/{case_id}/verdict"): Case(
        ids={"path.case_id": "registration_case"},
        answers={"path.case_id": 409},
        body=lambda company: {"reason": company.text("理由")},
        role=_PLATFORM,
        succeeds=False,
    ),
    ("GET", "/console/requests"): Case(role=_PLATFORM),
    ("POST", "/console/requests/{dispatch_id}/answers"): Case(
        ids={"path.dispatch_id": "dispatch"},
        role=_PLATFORM,
        answers={"path.dispatch_id": 303},
        body=lambda _: {"verb": "decline", "text": "没有名额"},
        spends="path.dispatch_id",
    ),
    ("GET", "/console/programs/{program_id}/rules"): Case(
        role=_PLATFORM, shared={"path.program_id": "program"}
    ),
    ("POST", "/console/programs/{program_id}/rules"): Case(
        role=_PLATFORM,
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
        role=_PLATFORM,
        shared={"path.program_id": "program"},
        body=lambda _: {"version": "1", "until": "2026-01-01T00:00:00Z", "hash": "unseen"},
        succeeds=False,
    ),
    # Periods of the books, the chart and vouchers are the platform's own; there are none.
    ("GET", "/console/statements"): Case(
        ids={"query.agent_id": "tenant"}, answers={"query.agent_id": 200}, role=_FINANCE
    ),
    ("POST", "/console/statements"): Case(
        ids={"body.agent_id": "tenant"},
        answers={"body.agent_id": 303},
        new_ids=("body.id",),
        role=_FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "agent_id": str(company.ids["tenant"]),
            "month": next(_MONTHS),
            "answer_days": "15",
        },
    ),
    ("GET", "/console/statements/{statement_id}"): Case(
        ids={"path.statement_id": "statement"}, answers={"path.statement_id": 200}, role=_FINANCE
    ),
    # As over the API: neither has this line, and the hash is none.
    ("POST", "/console/statements/{statement_id}/answers"): Case(
        ids={"path.statement_id": "statement"},
        shared={"body.transfer_id": "program"},
        answers={"path.statement_id": 404},
        role=_FINANCE,
        body=lambda company: {
            "line": "1",
            "outcome": "corrected",
            "note": "已补记",
            "transfer_id": str(company.ids["program"]),
        },
        succeeds=False,
    ),
    ("POST", "/console/statements/{statement_id}/signature"): Case(
        ids={"path.statement_id": "statement"},
        answers={"path.statement_id": 409},
        role=_FINANCE,
        body=lambda _: {"hash": "0" * 64},
        succeeds=False,
    ),
    ("GET", "/console/accounting"): Case(role=_FINANCE),
    ("GET", "/console/accounting/chart"): Case(role=_FINANCE),
    ("POST", "/console/accounting/periods"): Case(
        role=_FINANCE,
        body=lambda _: {"begins_on": "2026-02-01", "ends_on": "2026-01-31"},
        succeeds=False,
    ),
    ("POST", "/console/accounting/chart"): Case(
        role=_FINANCE,
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "standard": "enterprise", "begins_on": "1900-01-01"},
        succeeds=False,
    ),
    ("GET", "/console/accounting/periods/{period_id}"): Case(
        shared={"path.period_id": "program"}, role=_FINANCE, succeeds=False
    ),
    ("POST", "/console/accounting/periods/{period_id}/state"): Case(
        shared={"path.period_id": "program"},
        role=_FINANCE,
        body=lambda _: {"state": "soft_closed", "reason": "月结"},
        succeeds=False,
    ),
    ("POST", "/console/accounting/periods/{period_id}/runs"): Case(
        shared={"path.period_id": "program"},
        role=_FINANCE,
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id())},
        succeeds=False,
    ),
    ("POST", "/console/accounting/periods/{period_id}/runs/{run_id}/check"): Case(
        shared={"path.period_id": "program", "path.run_id": "program"},
        role=_FINANCE,
        body=lambda _: {"hash": "0" * 64},
        succeeds=False,
    ),
    ("POST", "/console/accounting/periods/{period_id}/runs/{run_id}/refusal"): Case(
        shared={"path.period_id": "program", "path.run_id": "program"},
        role=_FINANCE,
        body=lambda _: {"reason": "摘要不对"},
        succeeds=False,
    ),
    ("POST", "/console/accounting/periods/{period_id}/exports"): Case(
        shared={"path.period_id": "program"},
        role=_FINANCE,
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "format": "csv"},
        succeeds=False,
    ),
    ("GET", "/console/accounting/vouchers/{voucher_id}"): Case(
        shared={"path.voucher_id": "program"}, role=_FINANCE, succeeds=False
    ),
    ("POST", "/console/accounting/vouchers/{voucher_id}/reversal"): Case(
        shared={"path.voucher_id": "program"},
        role=_FINANCE,
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "reason": "科目不对"},
        succeeds=False,
    ),
    ("GET", "/console/accounting/exports/{export_id}/file"): Case(
        shared={"path.export_id": "program"}, role=_FINANCE, succeeds=False
    ),
    ("GET", "/console/batches"): Case(role=_PLATFORM),
    ("GET", "/console/batches/{batch_id}"): Case(
        ids={"path.batch_id": "batch"}, answers={"path.batch_id": 200}, role=_PLATFORM
    ),
    # What was looked at are other rows.
    ("POST", "/console/batches/{batch_id}/approval"): Case(
        ids={"path.batch_id": "batch"},
        answers={"path.batch_id": 409},
        role=_PLATFORM,
        body=lambda _: {"content_hash": "unseen"},
        succeeds=False,
    ),
    ("POST", "/console/batches/{batch_id}/refusal"): Case(
        ids={"path.batch_id": "batch"},
        answers={"path.batch_id": 303},
        role=_PLATFORM,
        body=lambda _: {"reason": "先补充拜访"},
        spends="path.batch_id",
    ),
    ("GET", "/console/reviews"): Case(role=_PLATFORM),
    ("GET", "/console/reviews/{issuance_id}"): Case(
        ids={"path.issuance_id": "review"}, answers={"path.issuance_id": 200}, role=_PLATFORM
    ),
    ("POST", "/console/reviews/{issuance_id}/taking"): Case(
        ids={"path.issuance_id": "review"}, answers={"path.issuance_id": 303}, role=_PLATFORM
    ),
    ("POST", "/console/reviews/{issuance_id}/decision"): Case(
        ids={"path.issuance_id": "review"},
        answers={"path.issuance_id": 303},
        role=_PLATFORM,
        body=lambda _: {"verdict": "release", "reason": "两家店同一老板"},
        spends="path.issuance_id",
    ),
    ("GET", "/console/issuances"): Case(
        ids={"query.agent_id": "tenant"},
        shared={"query.program_id": "program"},
        answers={"query.agent_id": 200},
        role=_PLATFORM,
    ),
}
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


def replaced(body: Any, place: str, value: UUID | str) -> Any:
    """Give a body with one id in it replaced; ``customers.0.tags.0`` is a place."""
    head, _, rest = place.partition(".")
    if isinstance(body, list):
        items = list(body)
        items[int(head)] = replaced(items[int(head)], rest, value) if rest else str(value)
        return items
    fields = dict(body)
    if not rest:
        return {**fields, head: str(value)}
    missing: Any = [] if rest.partition(".")[0].isdigit() else {}
    held = fields.get(head, missing)
    if held == [] and rest.isdigit():
        return {**fields, head: [str(value)]}
    return {**fields, head: replaced(held, rest, value)}

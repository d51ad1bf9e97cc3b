"""Routes of deals, quotes, contracts and processes."""

from typing import Any, Final

import msgspec

from partner_portal.processes import sketch
from sync_protocol.process.built_in import BUILT_IN
from tests.factories import new_id
from tests.isolation.matrix.case import Case, Route
from tests.isolation.world import Company
from tests.partner_portal.forms import fields_of


def _process_form(company: Company) -> dict[str, Any]:
    """Write the form of a small process: one step, and the signature."""
    first, *_, signed = sketch.drawn(BUILT_IN)
    small = {**first, "t": first["t"][:1]}
    name = company.text("表单流程")
    return {"family_id": str(new_id()), "name": name, **fields_of([small, signed])}


_DEAL: Final = {"path.opportunity_id": "opportunity"}


_QUOTE: Final = {"path.quote_id": "quote"}


_CONTRACT: Final = {"path.contract_id": "contract"}


_MADE_FROM: Final = {
    "customer_id": "customer",
    "opportunity_id": "opportunity",
    "quote_id": "quote",
    "renews_id": "contract",
}
"""What a contract is made from."""


_PRICE: Final = {"path.price_book_id": "price_book", "path.product_id": "product"}


API: Final[dict[Route, Case]] = {
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
}

PAGES: Final[dict[Route, Case]] = {
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
}

"""A price list's rows become products and prices: new versions where something is different."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

import msgspec
from typing_extensions import override

from server.access import Actor, Permission
from server.imports.rules.rows import Action, Interpreted, Policy, Problem, Verdict
from server.imports.targets import Target, Work, Written
from server.sales import queries
from server.sales.imports.columns import COLUMNS_ZH, VOCABULARY
from server.sales.imports.rows import Reading, read_row, reading_of
from server.sales.schemas import PriceBookView, ProductView
from server.sales.service import listing
from server.sales.service.listing import Listed


class _Prices(Target):
    """Products and prices as what rows become."""

    name = "prices"
    permission = Permission.PRICES_MANAGE
    vocabulary = VOCABULARY
    policies = (Policy.UPDATE, Policy.SKIP)
    named_by = ("name", "code", "id")
    unnamed = "Say which column is the product's name or code."
    template = tuple(said for field, said in COLUMNS_ZH.items() if field != "id")
    columns_zh: Mapping[str, str] = COLUMNS_ZH
    reasons_zh: Mapping[str, str] = {
        "ambiguous_price_book": "有几个在用的价目表叫这个名字，请先改名。",
        "bad_tax": "税率不对，请按百分比填写，如 13 或 9%；不足 1% 的请写上百分号。",
        "duplicate_in_file": "与本表中的另一行是同一产品、同一价目表。",
        "duplicate_in_tenant": "这个产品已经有了。",
        "ambiguous_product": "有几个同名的产品，请填写产品编码。",
        "floor_above_list": "底价不能高于标价。",
        "not_found": "没有这个产品。",
        "product_code_taken": "另一个产品已用了这个编码。",
        "product_retired": "这个产品已停用，请先恢复或另填编码。",
        "sum_row": "这一行是合计，不是产品。",
        "unknown_price_book": "没有这个价目表，或已停用，请先建好再导入。",
    }

    @override
    async def begin(self, actor: Actor, import_id: UUID, policy: Policy) -> Work:
        """Look up the price books."""
        return _Work(actor, import_id, policy, await queries.price_books(actor))

    @override
    async def choices(self, actor: Actor) -> Mapping[str, Sequence[str]]:
        """Offer the price books that are in use."""
        books = await queries.price_books(actor)
        return {"book": sorted({each.name for each in books if each.state == "active"})}

    @override
    async def names_of(self, actor: Actor, record_ids: Sequence[str]) -> Mapping[str, str]:
        """Name products."""
        wanted = set(record_ids)
        return {
            str(each.id): each.name
            for each in await queries.products(actor)
            if str(each.id) in wanted
        }


PRICES: Final = _Prices()


class _Work(Work):
    """One import of a price list."""

    def __init__(
        self, actor: Actor, import_id: UUID, policy: Policy, books: Sequence[PriceBookView]
    ) -> None:
        self._actor = actor
        self._import_id = import_id
        self._policy = policy
        active = [each for each in books if each.state == "active"]
        self._books = {each.name: each.id for each in active}
        called = [each.name for each in active]
        self._ambiguous = {name for name in called if called.count(name) > 1}
        self._rows: dict[tuple[str, str | None], int] = {}
        """The rows of the file by product and price book; the first of each."""
        self._before: list[tuple[int, Reading]] = []
        """Rows that an earlier run wrote, until their products are looked up."""

    @override
    def interpret(self, number: int, cells: Mapping[str, str]) -> Interpreted:
        """Understand a row as a product and its price."""
        return read_row(number, cells)

    @override
    async def judge(self, rows: Sequence[Interpreted]) -> list[Verdict]:
        """Judge rows against the company's products and the rows before."""
        shelf = Shelf.of(await queries.products(self._actor))
        for number, reading in self._before:
            _, held = shelf.find(reading)
            self._rows.setdefault((held or self._id_of(reading), reading.book), number)
        self._before = []
        return [self._judge_one(row, shelf) for row in rows]

    def _judge_one(self, row: Interpreted, shelf: "Shelf") -> Verdict:
        """Judge one row."""
        if row.problems:
            return Verdict(row, Action.REFUSE, problems=row.problems)
        reading = reading_of(row)
        problem, held = shelf.find(reading)
        if reading.book is not None and reading.book not in self._books:
            detail = "There is no such price book in use; make it first."
            problem = Problem("book", "unknown_price_book", detail)
        elif reading.book in self._ambiguous:
            detail = "Several price books in use are called so; rename one first."
            problem = Problem("book", "ambiguous_price_book", detail)
        if problem is not None:
            return Verdict(row, Action.REFUSE, problems=(problem,))
        target = held or self._id_of(reading)
        first = self._rows.setdefault((target, reading.book), row.number)
        if first != row.number:
            problem = Problem("", "duplicate_in_file", f"Row {first} is the same product.")
            return Verdict(row, Action.SKIP, target, (problem,))
        if held is not None and self._policy is Policy.SKIP:
            problem = Problem("", "duplicate_in_tenant", "There already.", record_id=target)
            return Verdict(row, Action.SKIP, target, (problem,))
        is_new = shelf.takes(target, reading) and held is None
        return Verdict(row, Action.CREATE if is_new else Action.UPDATE, target)

    @override
    def remember(self, rows: Mapping[int, Mapping[str, str]]) -> None:
        """Note which rows were written; their products are among the company's by now."""
        for number, cells in rows.items():
            row = read_row(number, cells)
            if not row.problems:
                self._before.append((number, reading_of(row)))

    @override
    async def write(self, judged: Sequence[Verdict], *, now: datetime) -> Written:
        """Keep products and prices; a row that says what is held already changes nothing."""
        taken = [each for each in judged if each.action in {Action.CREATE, Action.UPDATE}]
        listed = [_listed(each, self._books) for each in taken]
        changed = await listing.keep(self._actor, listed, now=now)
        return Written(
            unchanged=frozenset(
                each.row.number
                for each, is_changed in zip(taken, changed, strict=True)
                if not is_changed
            )
        )

    def _id_of(self, reading: Reading) -> str:
        """Give the id of the product that rows make: the same however often the import is run."""
        return str(uuid5(self._import_id, ":".join(reading.key)))


_RETIRED: Final = Problem(
    "name", "product_retired", "This product is retired; take it back up, or give another code."
)

_CODE_TAKEN: Final = Problem(
    "code", "product_code_taken", "Another product has this code; choose another."
)


class Shelf(msgspec.Struct):
    """The products that rows may mean."""

    by_id: dict[str, str]
    """Its code, or nothing."""
    by_code: dict[str, str]
    by_name: dict[str, list[str]]
    retired: set[str]
    """A row means one of these by its id alone."""

    @classmethod
    def of(cls, products: Sequence[ProductView]) -> "Shelf":
        """Sort products by what they are found by."""
        shelf = cls({}, {}, {}, {str(each.id) for each in products if each.state != "active"})
        for each in products:
            shelf._put(str(each.id), each.code, each.name)
        return shelf

    def find(self, reading: Reading) -> tuple[Problem | None, str | None]:
        """Give the product that a row means, or why none may be meant."""
        of_code = self.by_code.get(reading.code) if reading.code else None
        if reading.id is not None:
            if reading.id not in self.by_id:
                return Problem("id", "not_found", "There is no such product."), None
            return (None, reading.id) if of_code in {None, reading.id} else (_CODE_TAKEN, None)
        if of_code is None:
            return self._named(reading)
        if of_code in self.retired:
            return _RETIRED, None
        # A row that calls a product without a code by its name gives it this one.
        is_of_another = any(each != of_code for each in self._uncoded(reading))
        return (_CODE_TAKEN, None) if is_of_another else (None, of_code)

    def _uncoded(self, reading: Reading) -> list[str]:
        """Give the products of a row's name that have no code."""
        return [each for each in self.by_name.get(reading.name or "", ()) if not self.by_id[each]]

    def _named(self, reading: Reading) -> tuple[Problem | None, str | None]:
        """Give the product of a row's name; one of another code is another product."""
        named = self.by_name.get(reading.name or "", [])
        same = self._uncoded(reading) if reading.code else named
        if same and self.retired.issuperset(same):
            return _RETIRED, None
        same = [each for each in same if each not in self.retired]
        if len(same) > 1:
            detail = "Several products are called so; give the code."
            return Problem("name", "ambiguous_product", detail), None
        if not same and not reading.name:
            return Problem("name", "field_required", "A new product needs a name."), None
        return None, same[0] if same else None

    def takes(self, target: str, reading: Reading) -> bool:
        """Put what a row says of its product among the others; say whether that is new there.

        A code that a row gives is taken for the rows behind it, of whichever product.
        """
        is_new = target not in self.by_id
        self._put(target, reading.code, reading.name or "")
        return is_new

    def _put(self, product_id: str, code: str | None, name: str) -> None:
        """Put a product where it is found; one that stood there is found by its old ways, too."""
        self.by_id[product_id] = code or self.by_id.get(product_id, "")
        if code:
            self.by_code[code] = product_id
        named = self.by_name.setdefault(name, [])
        if product_id not in named:
            named.append(product_id)


def _listed(verdict: Verdict, books: Mapping[str, UUID]) -> Listed:
    """Say what is to be kept of a row."""
    reading = reading_of(verdict.row)
    fields = {
        "code": reading.code,
        "name": reading.name,
        "unit": reading.unit,
        "tax_bp": reading.tax,
    }
    return Listed(
        product_id=UUID(verdict.target),
        fields={name: value for name, value in fields.items() if value is not None},
        book_id=books[reading.book] if reading.book and reading.list_price is not None else None,
        list_minor=reading.list_price,
        floor_minor=reading.floor_price,
    )

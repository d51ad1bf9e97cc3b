"""What names a page asks for, in its address and in its form: known by listening while it does.

A list kept by hand would miss a page's new name, and try each of its names on every page.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import FormMultiDict, MultiDict


@contextmanager
def listening() -> Iterator[set[str]]:
    """Give the names that are asked for meanwhile; it grows."""
    heard: set[str] = set()

    class Address(_Heard, MultiDict[Any]):
        names = heard

    class Form(_Heard, FormMultiDict):
        names = heard

    read_address, read_form = vars(ASGIConnection)["query_params"].fget, Request.form

    def address(request: Any) -> Address:
        return Address(read_address(request))

    async def form(request: Any) -> Form:
        return Form((await read_form(request)).multi_items())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ASGIConnection, "query_params", property(address))
        patch.setattr(Request, "form", form)
        yield heard


def each(heard: set[str], known: Iterable[str] = ()) -> Iterator[str]:
    """Give each name once, also those that are heard of while the others are tried."""
    tried: set[str] = set()
    while rest := heard.union(known) - tried:
        name = min(rest)
        tried.add(name)
        yield name


class _Heard:
    """Of a mapping: writes down by what names it is asked."""

    names: set[str]

    def get(self, key: str, *args: Any) -> Any:
        self.names.add(key)
        return super().get(key, *args)  # type: ignore[misc]  # of the mapping beside it

    def getall(self, key: str, *args: Any) -> Any:
        self.names.add(key)
        return super().getall(key, *args)  # type: ignore[misc]  # of the mapping beside it

    def __getitem__(self, key: str) -> Any:
        self.names.add(key)
        return super().__getitem__(key)  # type: ignore[misc]  # of the mapping beside it

    def __contains__(self, key: object) -> bool:
        self.names.add(str(key))
        return bool(super().__contains__(key))  # type: ignore[misc]  # of the mapping beside it

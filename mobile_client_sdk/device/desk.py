"""What every command works with: the words, the terminal, and the records of this person."""

import re
from pathlib import Path
from typing import Final, TextIO

import msgspec

from mobile_client_sdk.client import Client, open_client, renew_lease
from mobile_client_sdk.device.tables import Column, table
from mobile_client_sdk.device.words import Words
from mobile_client_sdk.keys import write_durably
from mobile_client_sdk.records import Customer, Lead
from sync_protocol.texts import folded

DONE: Final = 0
NOT_DONE: Final = 1
USAGE: Final = 2
NO_NETWORK: Final = 3
SIGN_IN: Final = 4
LOCKED: Final = 5
ID_END: Final = 6
"""So many characters of an id tell a person's customers apart."""
_MOST_NAMED: Final = 10
_CHINESE_MOBILE: Final = re.compile(r"1[3-9][0-9]{9}")


class Stop(Exception):
    """A command that cannot go on says why, and with which exit code it ends."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class _Place(msgspec.Struct):
    url: str


class Desk:
    """The place of one person on one machine."""

    def __init__(self, home: Path, words: Words, out: TextIO) -> None:
        self.home = home
        self.words = words
        self._out = out
        self._is_terminal = out.isatty()

    # ------------------------------------------------------------------------------ the terminal

    def say(self, key: str, /, **values: object) -> None:
        """Print a sentence."""
        self.print(self.words(key, **values))

    def print(self, text: str) -> None:
        """Print a text."""
        self._out.write(text + "\n")

    def print_table(self, columns: list[Column], rows: list[list[str]]) -> None:
        """Print rows, with a head that stands out where the terminal can."""
        self.print(table(columns, rows, is_bold=self._is_terminal))

    def overwrite(self, text: str) -> None:
        """Show how far something is, in one line of a terminal; elsewhere nothing is shown."""
        if self._is_terminal:
            self._out.write(f"\r\033[K{text}")
            self._out.flush()

    # -------------------------------------------------------------------------------- the records

    @property
    def file(self) -> Path:
        """Answer where the store is."""
        return self.home / "device.db"

    @property
    def url(self) -> str:
        """Answer the server's address.

        :raises Stop: before the device is enrolled.
        """
        try:
            return msgspec.json.decode((self.home / "device.json").read_bytes(), type=_Place).url
        except FileNotFoundError:
            raise Stop(SIGN_IN, self.words("error.not_enrolled")) from None

    def remember(self, url: str) -> None:
        """Keep the server's address."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_durably(self.home / "device.json", msgspec.json.encode(_Place(url)))

    def open(self, url: str | None = None) -> Client:
        """Open the records.

        :raises Stop: before the device is enrolled.
        """
        client = open_client(self.file, url or self.url)
        if url is None and client.session is None:
            client.close()
            raise Stop(SIGN_IN, self.words("error.not_enrolled"))
        return client

    def renew(self, url: str | None = None, code: str | None = None, name: str = "") -> None:
        """Ask the server to open records that are locked."""
        renew_lease(self.file, url or self.url, code=code, device_name=name)

    def customer(self, client: Client, named: str) -> Customer:
        """Answer the customer whom a person means.

        :raises Stop: if there is none, or more than one.
        """
        exact = client.customer(named)
        if exact is not None:
            return exact
        found = list(client.customers(search=named)) or [
            each for each in client.customers() if each.id.endswith(named.lower())
        ]
        same = [each for each in found if folded(each.name) == folded(named)]
        found = same or found
        if not found:
            raise Stop(NOT_DONE, self.words("error.no_customer", named=named))
        if len(found) > 1:
            lines = [f"  {each.id[-ID_END:]}  {each.name}" for each in found[:_MOST_NAMED]]
            raise Stop(USAGE, "\n".join([self.words("error.several", named=named), *lines]))
        return found[0]

    def lead(self, client: Client, named: str) -> Lead:
        """Answer the waiting lead that a person means, by its id or its customer.

        :raises Stop: if there is none, or more than one.
        """
        found = [each for each in client.leads() if each.id.endswith(named.lower())]
        if not found:
            customer_id = self.customer(client, named).id
            found = [each for each in client.leads() if each.customer_id == customer_id]
        if not found:
            raise Stop(NOT_DONE, self.words("error.no_lead", named=named))
        if len(found) > 1:
            lines = [f"  {each.id[-ID_END:]}  {each.need or ''}" for each in found[:_MOST_NAMED]]
            raise Stop(USAGE, "\n".join([self.words("error.several", named=named), *lines]))
        return found[0]


def phone_spelled(text: str) -> str:
    """Answer a phone number as it is stored; people write a Chinese mobile without its country."""
    digits = re.sub(r"[\s()-]", "", text)
    return f"+86{digits}" if _CHINESE_MOBILE.fullmatch(digits) else digits

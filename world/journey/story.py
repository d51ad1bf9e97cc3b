"""The second act's people, and what each of its steps leaves for the next about one customer."""

from datetime import date

import msgspec

from server.kit import clock
from world.api import Api
from world.journey.cast import Cast, Company
from world.journey.offline import Phone
from world.model import Person
from world.people import CHINA


class Story(msgspec.Struct, kw_only=True):
    """One customer from its first interest on."""

    cast: Cast
    company: Company
    today: date
    """By the server's clock, which decides here."""
    phone: Phone
    """Of the rep who gets the lead, signs it, and leaves."""
    heirs: Phone
    """Of the colleague who takes over."""
    third: Person
    """Who picks the customer from the pool."""
    name: str = ""
    number: str = ""
    """The customer's phone."""
    source: str = ""
    campaign: str = ""
    spent_minor: int = 0
    customer: str = ""
    deal: str = ""
    quote: str = ""
    contract: str = ""
    signed_minor: int = 0
    ends_on: date = date.max
    """The contract's last day."""

    @property
    def owner(self) -> Api:
        """Give the owner's way to the server."""
        return self.company.owner

    @property
    def manager(self) -> Api:
        """Give the manager's way to the server."""
        return self.company.api(self.company.agent.managers()[0])

    @property
    def rep(self) -> Api:
        """Give the way to the server of the rep who gets the lead."""
        return self.company.api(self.phone.rep)

    @property
    def heir(self) -> Api:
        """Give the way to the server of the colleague who takes over."""
        return self.company.api(self.heirs.rep)

    @property
    def path(self) -> str:
        """Give the customer's address."""
        return f"/v1/customers/{self.customer}"


def begin(cast: Cast) -> Story:
    """Begin a story with the first company and its two reps' phones."""
    company = cast.companies[0]
    phone, heirs = cast.left["phones"]
    [third] = [rep for rep in company.agent.reps() if rep not in {phone.rep, heirs.rep}]
    story = Story(
        cast=cast,
        company=company,
        today=clock.now().astimezone(CHINA).date(),
        phone=phone,
        heirs=heirs,
        third=third,
    )
    cast.left["story"] = story
    return story


def of(cast: Cast) -> Story:
    """Give the story that has begun."""
    story: Story = cast.left["story"]
    return story

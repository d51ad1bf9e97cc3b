"""What custom fields are to have, as a request asks for it. Pure."""

from collections.abc import Sequence

import msgspec

from server.customers.schemas import CustomName, CustomText
from server.kit.errors import Invalid


def asked(given: Sequence[str]) -> dict[str, str]:
    """Read what custom fields are to have, each as ``name:value``.

    :raises Invalid: and names the field.
    """
    pairs = {name: value for name, _, value in (each.partition(":") for each in given)}
    try:
        return msgspec.convert(pairs, dict[CustomName, CustomText])
    except msgspec.ValidationError as error:
        detail = "A custom field is asked for as its name, a colon and the value."
        raise Invalid(detail, field="custom") from error

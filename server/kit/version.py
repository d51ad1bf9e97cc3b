"""Which version of the product this is."""

from importlib.metadata import PackageNotFoundError, version


def installed() -> str:
    """Give the installed version; 0 where the product runs without being installed."""
    try:
        return version("tonglu")
    except PackageNotFoundError:
        return "0"

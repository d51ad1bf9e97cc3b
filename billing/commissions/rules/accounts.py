"""Name the accounts of commissions: an id is derived from what the account is for."""

from uuid import UUID, uuid5


def cost_account(platform_id: UUID, currency: str) -> UUID:
    """Give what commissions cost the platform."""
    return uuid5(platform_id, f"commission_cost:{currency}")


def commission_account(agent_id: UUID, currency: str) -> UUID:
    """Give what an agent is owed; below nothing where it owes."""
    return uuid5(agent_id, f"commission:{currency}")


def payout_account(platform_id: UUID, currency: str) -> UUID:
    """Give what the bank was told to pay and has not paid yet."""
    return uuid5(platform_id, f"payout:{currency}")


def tax_account(platform_id: UUID, currency: str) -> UUID:
    """Give what was withheld of natural persons and is owed to the tax office."""
    return uuid5(platform_id, f"withheld_tax:{currency}")


def bank_account(platform_id: UUID, currency: str) -> UUID:
    """Give what left the platform's bank."""
    return uuid5(platform_id, f"bank:{currency}")

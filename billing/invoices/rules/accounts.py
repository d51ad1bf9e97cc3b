"""Name the accounts of invoices: an id is derived from what the account is for."""

from uuid import UUID, uuid5


def receivable_account(agent_id: UUID, currency: str) -> UUID:
    """Give what an agent owes for its plan: below nothing by so much."""
    return uuid5(agent_id, f"plan_receivable:{currency}")


def revenue_account(platform_id: UUID, currency: str) -> UUID:
    """Give what plans brought, their tax included."""
    return uuid5(platform_id, f"plan_revenue:{currency}")


def sponsored_account(platform_id: UUID, currency: str) -> UUID:
    """Give what of it the platform bore itself."""
    return uuid5(platform_id, f"plan_sponsored:{currency}")


def bank_account(platform_id: UUID, currency: str) -> UUID:
    """Give what left the platform's bank; commissions are paid from the same one."""
    return uuid5(platform_id, f"bank:{currency}")

"""What is beyond a company's plan is refused with what it is, how much is used, and what to do."""

from billing.plans.rules.entitlements import Decision, Verdict
from server.kit.errors import Conflict


class PlanLimitReached(Conflict):
    """The company's plan does not include so much, or it owes an invoice."""

    code = "plan_limit_reached"


def ensure_allowed(decision: Decision) -> None:
    """Refuse what a plan refuses.

    :raises PlanLimitReached: naming the meter, what is used and the most there is.
    """
    if decision.verdict is Verdict.REFUSED:
        raise PlanLimitReached(
            decision.en,
            detail_zh=decision.zh,
            meter=decision.meter.value,
            used=decision.used,
            asked=decision.asked,
            most=decision.most,
        )

"""Use and plan: what the company uses of its plan, and what that costs."""

"""Where leads come from and what that costs: campaigns, sources, and what is asked of leads."""

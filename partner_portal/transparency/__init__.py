"""What the platform saw of this agent: the agent's side of the glass."""

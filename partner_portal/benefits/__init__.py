"""Benefits as an agent sees them: what is offered, what was requested, what became of it."""

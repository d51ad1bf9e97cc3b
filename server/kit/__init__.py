"""Technical ground that knows no capability: doors, refusals, outbox, clock, pages, text."""

"""Technical ground that knows no capability: database doors, refusals, outbox, clock, pages, text."""

"""How much each agent uses: events that are counted once, in buckets of an hour."""

"""/_ui: every component of the kit on one page, with invented values; not served in production."""

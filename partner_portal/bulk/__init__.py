"""Pages for many customers at once: change them, hand a person's over, undo either."""

"""The books under a seed: many callers at once, keys sent again, connections killed, an audit."""

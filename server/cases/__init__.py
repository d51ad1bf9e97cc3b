"""Service cases: what customers complain of, who helps, and how soon."""

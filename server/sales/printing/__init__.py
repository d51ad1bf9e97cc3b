"""A quote on paper: what it says, and the process of its own that typesets it as PDF."""

"""Commissions: what the platform's finance keeps of them, and what an agent sees of its own."""

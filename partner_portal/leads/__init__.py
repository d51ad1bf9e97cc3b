"""Screens of leads: the queue, one lead, one's own leads, a campaign's public form."""

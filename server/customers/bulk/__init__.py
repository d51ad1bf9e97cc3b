"""Many customers changed at once, and handed over; each of these can be undone exactly."""

"""The journal: what was booked, as text that other people's programs check."""

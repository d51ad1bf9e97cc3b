"""Data quality: how far what is known of a customer can be worked with, and what to mend next."""

"""What a person has ahead, as a calendar feed: tasks, planned visits, ends of contracts."""

"""What people do for customers: visits and how far they are trusted."""

"""What people do for customers: visits with how far they are trusted, and tasks."""

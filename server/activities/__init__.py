"""What people do for customers: visits with where they were, and how far one can trust that."""

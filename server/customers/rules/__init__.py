"""What holds for customers without a database: normal forms, statuses, search keys."""

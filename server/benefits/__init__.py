"""Benefits (权益): programs, what agents request of them for customers, and what was issued."""

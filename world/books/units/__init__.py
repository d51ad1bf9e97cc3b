"""Units under trial: phones lease, promise and give back at once, retry, and lose backends."""

"""The company's tags: what they mean, who answers for them, until when they hold."""

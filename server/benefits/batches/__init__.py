"""Batches: benefits for many customers at once, approved as they are by somebody else."""

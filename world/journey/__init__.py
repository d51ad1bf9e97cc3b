"""The product's main job, end to end against real processes, step by step with its evidence."""

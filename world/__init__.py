"""A seeded channel with ground truth: for the demo, the journey, the tests and the benchmarks."""

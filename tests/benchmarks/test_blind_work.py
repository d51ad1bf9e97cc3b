"""The test by which two samples of times are held against each other tells what tables tell."""

import math

from benchmarks.blind_work import kolmogorov_smirnov, p_value


def test_the_distance_is_that_of_the_distributions() -> None:
    assert kolmogorov_smirnov([1, 2, 3], [3, 1, 2]) == 0
    assert kolmogorov_smirnov([1, 2], [3, 4]) == 1
    assert kolmogorov_smirnov([1, 2, 3, 4], [2, 3, 4, 5]) == 0.25


def test_the_likelihood_is_that_of_the_published_critical_values() -> None:
    """1.358 and 1.628 over the root of the size: five and one in a hundred."""
    root = math.sqrt(2_000 * 2_000 / 4_000)
    for critical, level in ((1.358, 0.05), (1.628, 0.01)):
        distance = critical / (root + 0.12 + 0.11 / root)
        assert math.isclose(p_value(distance, 2_000, 2_000), level, rel_tol=0.01)
    assert p_value(0, 2_000, 2_000) == 1
    assert p_value(1, 2_000, 2_000) < 1e-9

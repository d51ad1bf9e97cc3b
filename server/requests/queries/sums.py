"""How requests went, in SQL: the same sums for a company and for the platform."""

from typing import Final

MEDIANS: Final = """
    count(*) AS asked,
    count(*) FILTER (WHERE k.state IN ('requested', 'dispatched', 'accepted')) AS live,
    count(*) FILTER (WHERE k.state = 'done') AS done,
    count(*) FILTER (WHERE k.state = 'declined') AS declined,
    percentile_cont(0.5) WITHIN GROUP (
        ORDER BY extract(epoch FROM k.accepted_at - k.{sent_at})::float8 / 3600
    ) AS answer_hours,
    percentile_cont(0.5) WITHIN GROUP (
        ORDER BY extract(epoch FROM k.closed_at - k.{asked_at})::float8 / 3600
    ) FILTER (WHERE k.state = 'done') AS cycle_hours,
    count(k.verdict) AS judged,
    count(*) FILTER (WHERE k.verdict = 'helped') AS helped
"""
"""How requests (alias ``k``) went; a null time is not among those a median is taken of."""
BY_RESOURCE: Final = "GROUP BY GROUPING SETS ((k.resource), ()) ORDER BY k.resource NULLS FIRST"

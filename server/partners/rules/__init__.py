"""Decide about partners. Pure: no HTTP, no database, no clock.

`agents` says what tiers there are and which ids belong to a new agent, `territories` who may work
where, `sharing` what of an agent's the platform may see, `exits` what one that leaves may not
begin.
"""

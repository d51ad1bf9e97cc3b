"""Decide about registrations. Pure: no HTTP, no database, no clock.

`identity` says which registrations are of one customer, `times` when each was made as far as
anybody can know, `order` who is first, `words` why in plain words, `terms` how long and how many,
`states` what may become of a registration and of a case.
"""

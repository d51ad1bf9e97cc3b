"""A company's own figures: what may be counted and summed by what, without naming anybody."""

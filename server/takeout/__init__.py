"""A company's whole data as files that it takes along, and that rebuild it in a fresh install."""

"""The command ``tonglu-device``: a rep's records in a terminal, with or without a network."""

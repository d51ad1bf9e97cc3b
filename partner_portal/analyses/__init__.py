"""Figures over customers and deals, put together by whoever asks; they name nobody."""

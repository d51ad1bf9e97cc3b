"""Public pools (公海): customers without an owner, whom people of the company may pick by rule."""

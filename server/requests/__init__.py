"""Requests for help: what the field calls up, who is sent, what came back on the deal."""

"""Do things with exits. Each function is one use case and one transaction."""

from server.exits.service.carrying import carry, carry_out
from server.exits.service.consents import record_consents
from server.exits.service.drawing import choose, draw, draw_up

__all__ = ["carry", "carry_out", "choose", "draw", "draw_up", "record_consents"]

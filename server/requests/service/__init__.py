"""Do things with requests for help. Each function is one use case and one transaction."""

from server.requests.service.clock import remind, set_dues
from server.requests.service.deciding import decide
from server.requests.service.platform import Answered, answer, settle, show_platform
from server.requests.service.requests import create, edit

__all__ = [
    "Answered",
    "answer",
    "create",
    "decide",
    "edit",
    "remind",
    "set_dues",
    "settle",
    "show_platform",
]

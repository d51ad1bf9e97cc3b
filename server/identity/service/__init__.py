"""Do things with identity. Each function is one use case.

Signing in takes more than one transaction on purpose: the try is counted before it is looked at,
and no connection is held while a password is hashed.
"""

from server.identity.service.absences import add_absence, remove_absence
from server.identity.service.browsers import known_browser, remember_browser
from server.identity.service.devices import (
    device_synced,
    enrol,
    hold_device,
    new_enrolment_code,
    revoke_device,
)
from server.identity.service.invitations import (
    accept_invitation,
    invite_first_owner,
    look_at_invitation,
    new_invitation,
    revoke_invitation,
)
from server.identity.service.masks import set_phone_mask
from server.identity.service.proof import sign_in, unlock
from server.identity.service.sharing import share, unshare
from server.identity.service.tokens import refresh, sign_out
from server.identity.service.upkeep import sweep
from server.identity.service.users import (
    add_staff,
    change_password,
    change_user,
    disable_user,
    enable_user,
    found_company,
    invite,
    sign_out_elsewhere,
    sign_out_everywhere,
)
from server.identity.service.web import (
    web_cookie_name,
    web_presence,
    web_sign_in,
    web_sign_out,
)

__all__ = [
    "accept_invitation",
    "add_absence",
    "add_staff",
    "change_password",
    "change_user",
    "device_synced",
    "disable_user",
    "enable_user",
    "enrol",
    "found_company",
    "hold_device",
    "invite",
    "invite_first_owner",
    "known_browser",
    "look_at_invitation",
    "new_enrolment_code",
    "new_invitation",
    "refresh",
    "remember_browser",
    "remove_absence",
    "revoke_device",
    "revoke_invitation",
    "set_phone_mask",
    "share",
    "sign_in",
    "sign_out",
    "sign_out_elsewhere",
    "sign_out_everywhere",
    "sweep",
    "unlock",
    "unshare",
    "web_cookie_name",
    "web_presence",
    "web_sign_in",
    "web_sign_out",
]

"""Identity over HTTP: sign in, tokens, devices, people, me."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, Router, delete, get, patch, post, put
from litestar.datastructures import Cookie
from litestar.params import FromPath, JSONBody

from server.access.doors import OPEN_TO_ANALYSTS
from server.access.edge import CurrentActor
from server.identity import queries, service
from server.identity.schemas import (
    AbsenceView,
    Acceptance,
    DeviceView,
    Enrolment,
    EnrolmentCodeView,
    EnrolmentView,
    InvitationCode,
    InvitationView,
    Invited,
    Joined,
    KnownBrowser,
    Me,
    NewAbsence,
    NewEnrolmentCode,
    NewSharing,
    NewUser,
    PasswordChange,
    PhoneMaskView,
    Refresh,
    SharingView,
    SignIn,
    Tokens,
    UserChange,
    UserView,
)
from server.kit import addresses, clock
from server.kit.pages import Page
from server.kit.parameters import PageCursor


@post("/login", status_code=200, exclude_from_auth=True, security=[{}], summary="Sign in")
async def login(request: Request[Any, Any, Any], data: JSONBody[SignIn]) -> Response[Tokens]:
    """Sign in by login name and password, without a device.

    A client that keeps cookies is known again, and is then not kept out by strangers who have
    guessed too often at its login name.
    """
    now = clock.now()
    tokens = await service.sign_in(
        data.login,
        data.password,
        address=addresses.of(request),
        known_place=service.known_browser(request.cookies, data.login, now=now),
        now=now,
    )
    known = service.remember_browser(data.login, now=now)
    return Response(tokens, cookies=[known_browser_cookie(known)])


def known_browser_cookie(known: KnownBrowser) -> Cookie:
    """Set the cookie by which a browser is known again at the next sign-in."""
    return Cookie(
        known.cookie_name,
        value=known.token,
        max_age=known.max_age_s,
        secure=known.is_secure,
        httponly=True,
        samesite="strict",
    )


@post("/token", status_code=200, exclude_from_auth=True, security=[{}], summary="Turn a token over")
async def token(data: JSONBody[Refresh]) -> Tokens:
    """Give an access token and the next refresh token for the last one."""
    return await service.refresh(
        data.refresh_token,
        device_id=data.device_id,
        is_protected=data.is_protected,
        now=clock.now(),
    )


@post(
    "/invitation",
    status_code=200,
    exclude_from_auth=True,
    security=[{}],
    summary="Look at an invitation",
)
async def look_at_invitation(
    request: Request[Any, Any, Any], data: JSONBody[InvitationCode]
) -> Invited:
    """Tell who holds an open code to what they are invited."""
    address = addresses.of(request)
    return await service.look_at_invitation(data.code, address=address, now=clock.now())


@post(
    "/invitation/acceptance",
    status_code=200,
    exclude_from_auth=True,
    security=[{}],
    summary="Accept an invitation",
)
async def accept_invitation(request: Request[Any, Any, Any], data: JSONBody[Acceptance]) -> Joined:
    """Set one's login name and password by a one-time code; nobody else learns the password."""
    return await service.accept_invitation(data, address=addresses.of(request), now=clock.now())


@post("/logout", status_code=204, opt=OPEN_TO_ANALYSTS, summary="Sign out")
async def logout(actor: CurrentActor) -> None:
    """End the session of this token."""
    await service.sign_out(actor, now=clock.now())


@post("/enrolment-codes", summary="Make an enrolment code")
async def new_enrolment_code(
    actor: CurrentActor, data: JSONBody[NewEnrolmentCode]
) -> EnrolmentCodeView:
    """Make a one-time code for a device of one's own or of a person in one's charge."""
    return await service.new_enrolment_code(actor, user_id=data.user_id, now=clock.now())


@post("/enrolment", exclude_from_auth=True, security=[{}], summary="Enrol a device")
async def enrol(request: Request[Any, Any, Any], data: JSONBody[Enrolment]) -> EnrolmentView:
    """Make the device that presents the code the person's, and give it tokens."""
    return await service.enrol(data, address=addresses.of(request), now=clock.now())


@get("/", summary="List devices")
async def devices(actor: CurrentActor, cursor: PageCursor = None) -> Page[DeviceView]:
    """List the devices in one's charge."""
    return await queries.devices(actor, cursor=cursor)


@get("/{device_id:uuid}", summary="Show a device")
async def device(actor: CurrentActor, device_id: FromPath[UUID]) -> DeviceView:
    """Give one device in one's charge."""
    return await queries.device(actor, device_id)


@post("/{device_id:uuid}/revocation", status_code=204, summary="Revoke a device")
async def revoke_device(actor: CurrentActor, device_id: FromPath[UUID]) -> None:
    """End a device; it is refused within 30 seconds everywhere, and at its next write."""
    await service.revoke_device(actor, device_id, now=clock.now())


@post("/", summary="Invite a person")
async def invite(actor: CurrentActor, data: JSONBody[NewUser]) -> UserView:
    """Add a person with a role, a team and a scope."""
    return await service.invite(actor, data, now=clock.now())


@get("/", summary="List people")
async def users(actor: CurrentActor, cursor: PageCursor = None) -> Page[UserView]:
    """List the people of one's company."""
    return await queries.users(actor, cursor=cursor)


@get("/{user_id:uuid}", summary="Show a person")
async def user(actor: CurrentActor, user_id: FromPath[UUID]) -> UserView:
    """Give one person of one's company."""
    return await queries.user(actor, user_id)


@patch("/{user_id:uuid}", summary="Change a person")
async def change_user(
    actor: CurrentActor, user_id: FromPath[UUID], data: JSONBody[UserChange]
) -> UserView:
    """Change name, role, team or scope."""
    return await service.change_user(actor, user_id, data, now=clock.now())


@post("/{user_id:uuid}/disabling", status_code=200, summary="Let a person go")
async def disable_user(actor: CurrentActor, user_id: FromPath[UUID]) -> UserView:
    """End a person's sessions and devices and let nobody sign in as them."""
    return await service.disable_user(actor, user_id, now=clock.now())


@post("/{user_id:uuid}/enabling", status_code=200, summary="Let a person come back")
async def enable_user(actor: CurrentActor, user_id: FromPath[UUID]) -> UserView:
    """Let a person sign in again."""
    return await service.enable_user(actor, user_id, now=clock.now())


@post("/{user_id:uuid}/invitation", summary="Invite a person to set a password")
async def new_invitation(actor: CurrentActor, user_id: FromPath[UUID]) -> InvitationView:
    """Make a one-time code with which the person sets a password; one that is open ends."""
    return await service.new_invitation(actor, user_id, now=clock.now())


@delete("/{user_id:uuid}/invitation", summary="Revoke an invitation")
async def revoke_invitation(actor: CurrentActor, user_id: FromPath[UUID]) -> None:
    """End a person's open invitation."""
    await service.revoke_invitation(actor, user_id, now=clock.now())


@get("/{user_id:uuid}/absences", summary="List a person's absences")
async def absences(actor: CurrentActor, user_id: FromPath[UUID]) -> list[AbsenceView]:
    """List when a person is away, the latest first."""
    return await queries.absences(actor, user_id)


@post("/{user_id:uuid}/absences", summary="Note an absence")
async def add_absence(
    actor: CurrentActor, user_id: FromPath[UUID], data: JSONBody[NewAbsence]
) -> AbsenceView:
    """Note that a person is away; meanwhile no lead is routed to them."""
    return await service.add_absence(actor, user_id, data, now=clock.now())


@delete("/{absence_id:uuid}", summary="Take an absence back")
async def remove_absence(actor: CurrentActor, absence_id: FromPath[UUID]) -> None:
    """Take an absence back."""
    await service.remove_absence(actor, absence_id, now=clock.now())


@get("/", opt=OPEN_TO_ANALYSTS, summary="Show who is signed in")
async def me(actor: CurrentActor) -> Me:
    """Tell who is signed in, for which company, on which device."""
    return await queries.me(actor)


@post("/password", status_code=204, opt=OPEN_TO_ANALYSTS, summary="Change one's password")
async def change_password(
    request: Request[Any, Any, Any], actor: CurrentActor, data: JSONBody[PasswordChange]
) -> None:
    """Replace one's own password; other browsers are signed out."""
    await service.change_password(
        actor,
        data.current_password,
        data.new_password,
        address=addresses.of(request),
        now=clock.now(),
    )


@post("/sign-out-everywhere", status_code=204, opt=OPEN_TO_ANALYSTS, summary="Sign out everywhere")
async def sign_out_everywhere(actor: CurrentActor) -> None:
    """End all of one's sessions; devices need a new code."""
    await service.sign_out_everywhere(actor, now=clock.now())


@post("/sign-out-elsewhere", status_code=204, opt=OPEN_TO_ANALYSTS, summary="Sign out elsewhere")
async def sign_out_elsewhere(actor: CurrentActor) -> None:
    """End one's other browsers and API sessions; this one and the devices stay."""
    await service.sign_out_elsewhere(actor, now=clock.now())


@get("/", summary="Show from whom phones are hidden")
async def phone_mask(actor: CurrentActor) -> PhoneMaskView:
    """Say from which roles phones of customers that are not their own are hidden."""
    return await queries.phone_mask(actor)


@put("/", summary="Hide phones")
async def set_phone_mask(actor: CurrentActor, data: JSONBody[PhoneMaskView]) -> PhoneMaskView:
    """Set from which roles phones are hidden, and how often one may reveal them."""
    return await service.set_phone_mask(actor, data, now=clock.now())


@get("/", summary="List what teams share")
async def sharings(actor: CurrentActor) -> list[SharingView]:
    """List what the teams of one's company let each other see."""
    return await queries.sharings(actor)


@post("/", summary="Share customers with a team")
async def share(actor: CurrentActor, data: JSONBody[NewSharing]) -> SharingView:
    """Let the people of one team see customers of another, in part or whole."""
    return await service.share(actor, data, now=clock.now())


@delete("/{line_id:uuid}", summary="Stop sharing")
async def unshare(actor: CurrentActor, line_id: FromPath[UUID]) -> None:
    """Take a line of policy away."""
    await service.unshare(actor, line_id, now=clock.now())


router = Router(
    "/",
    route_handlers=[
        Router(
            "/auth", route_handlers=[login, token, logout, look_at_invitation, accept_invitation]
        ),
        Router(
            "/devices", route_handlers=[new_enrolment_code, enrol, devices, device, revoke_device]
        ),
        Router(
            "/users",
            route_handlers=[
                invite,
                users,
                user,
                change_user,
                disable_user,
                enable_user,
                new_invitation,
                revoke_invitation,
                absences,
                add_absence,
            ],
        ),
        Router("/phone-mask", route_handlers=[phone_mask, set_phone_mask]),
        Router("/sharings", route_handlers=[sharings, share, unshare]),
        Router("/absences", route_handlers=[remove_absence]),
        Router(
            "/me", route_handlers=[me, change_password, sign_out_elsewhere, sign_out_everywhere]
        ),
    ],
    tags=["identity"],
)

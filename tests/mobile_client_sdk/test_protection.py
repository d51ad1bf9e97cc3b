"""What is on the disk is noise without its key, and the key ends with the lease."""

import base64
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from mobile_client_sdk import backup, keys
from mobile_client_sdk import store as store_module
from mobile_client_sdk.client import Client, SyncState, opening
from mobile_client_sdk.keys import FileKeyKeeper, KeyMissing, WrongKey
from mobile_client_sdk.lease import HOUR_MS, ClockSetBack, LeaseEnded, StoreWiped, Vault
from mobile_client_sdk.session import ProtectionNeeded, SignedOut, Terms
from mobile_client_sdk.store import StoreUnusable, open_store
from mobile_client_sdk.testing import Fault
from tests.mobile_client_sdk.people import NOON, Phones, only

CANARY = "福满楼金丝雀"
SHARE = b"the server's part of the key, 32"
OFFICE_KEY = X25519PrivateKey.from_private_bytes(b"the office's own private key 32b")


@pytest.fixture(params=["with the server's share", "without"])
def leased(request: pytest.FixtureRequest, phones: Phones) -> Phones:
    """Phones whose server holds a part of each key, or does not."""
    if request.param != "without":
        phones.server.terms = {"lease_shares": [_text(SHARE)]}
    return phones


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def all_bytes(folder: Path) -> Iterator[bytes]:
    """Read everything that is on a phone's disk."""
    for file in folder.iterdir():
        yield file.read_bytes()


def test_nothing_of_a_customer_is_readable_on_the_disk(phones: Phones) -> None:
    phones.enrol("内勤").create_customer(name="x")
    wang = phones.enrol("王芳")
    wang.create_customer(name=CANARY, phone="+8613812345678")
    wang.sync()
    wang.create_customer(name=CANARY)
    session = wang.session
    assert session is not None

    assert wang.is_protected
    for secret in (CANARY, "13812345678", session.refresh_token, session.device_id):
        assert not any(secret.encode() in content for content in all_bytes(phones.folder))
    wang.close()
    assert not any(CANARY.encode() in content for content in all_bytes(phones.folder))


def test_keys_are_their_owners_alone(phones: Phones) -> None:
    phones.enrol("王芳").close()

    for ending in (".db.key", ".db.lease"):
        assert (phones.folder / f"王芳{ending}").stat().st_mode & 0o077 == 0


def test_another_passphrase_is_a_clear_error(phones: Phones) -> None:
    wang = phones.enrol("王芳", passphrase="三只老虎")
    wang.create_customer(name=CANARY)
    wang.close()

    for wrong in ("两只老虎", None):
        with pytest.raises(WrongKey):
            phones.open("王芳", passphrase=wrong)
    assert only(phones.open("王芳", passphrase="三只老虎")).name == CANARY


def test_a_copied_store_is_noise_without_what_lies_beside_it(phones: Phones) -> None:
    phones.enrol("王芳").close()
    phones.enrol("李强").close()
    thief = phones.file("贼")
    shutil.copy(phones.file("王芳"), thief)

    with pytest.raises(KeyMissing):
        phones.open("贼")
    for ending in (".key", ".lease"):
        shutil.copy(f"{phones.file('李强')}{ending}", f"{thief}{ending}")
    with pytest.raises(WrongKey):
        phones.open("贼")
    with pytest.raises(StoreUnusable):
        open_store(thief)
    with pytest.raises(StoreUnusable):
        open_store(thief, key=b"k" * 32)


def test_a_readable_store_is_encrypted_when_it_can_be(phones: Phones) -> None:
    wang = phones.enrol("王芳", protect=False)
    assert not wang.is_protected
    wang.create_customer(name=CANARY)
    wang.close()
    assert CANARY.encode() in phones.file("王芳").read_bytes()

    wang = phones.open("王芳")

    assert wang.is_protected
    assert only(wang).name == CANARY
    assert wang.sync().is_complete
    assert phones.server.settled == 1
    assert not any(CANARY.encode() in content for content in all_bytes(phones.folder))


def test_an_apps_own_key_encrypts_and_another_one_is_refused(phones: Phones) -> None:
    wang = phones.enrol("王芳", key=b"k" * 32)
    assert wang.is_protected
    assert wang.lease is None
    wang.close()

    for wrong in (b"j" * 32, b"short", None):
        with pytest.raises(StoreUnusable):
            phones.open("王芳", key=wrong)


def test_a_company_that_wants_leases_refuses_a_readable_store(phones: Phones) -> None:
    phones.server.terms = {"lease_only": True}

    with pytest.raises(ProtectionNeeded):
        phones.enrol("王芳", protect=False)
    assert phones.enrol("李强").sync().is_complete

    phones.server.terms = {}
    wang = phones.enrol("赵敏", protect=False)
    wang.create_customer(name=CANARY)
    phones.server.terms = {"lease_only": True}
    phones.now_ms += HOUR_MS
    report = wang.sync()
    assert (report.state, report.pending) == (SyncState.PROTECTION_NEEDED, 1)


def test_where_nothing_can_encrypt_a_store_says_so_and_promises_nothing(
    phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "CAN_ENCRYPT", False)
    monkeypatch.setattr(store_module, "CAN_ENCRYPT", False)
    monkeypatch.setattr(backup, "HAS_SEALS", False)
    wang = phones.enrol("王芳")
    wang.create_customer(name=CANARY)

    assert not wang.is_protected
    with pytest.raises(backup.BackupUnusable):
        wang.export_outbox(phones.folder / "out", passphrase="三只老虎")
    assert wang.export_outbox(phones.folder / "out").pending == 1
    for options in ({"passphrase": "三只老虎"}, {"protect": True}, {"key": b"k" * 32}):
        with pytest.raises(StoreUnusable):
            phones.open("李强", **options)


# -------------------------------------------------------------------------------------- lease


def a_rep_who_wrote_offline(phones: Phones) -> None:
    """Leave a phone with a customer that the server has, and one that it has not."""
    wang = phones.enrol("王芳")
    wang.create_customer(name="得月楼")
    wang.sync()
    wang.create_customer(name=CANARY)
    wang.close()


def test_the_store_opens_within_the_lease_and_not_after_it(leased: Phones) -> None:
    a_rep_who_wrote_offline(leased)
    leased.now_ms += 71 * HOUR_MS
    leased.open("王芳").close()

    leased.now_ms += 2 * HOUR_MS
    with pytest.raises(LeaseEnded):
        leased.open("王芳")
    for earlier in (NOON + HOUR_MS, NOON + 71 * HOUR_MS + HOUR_MS // 2):
        leased.now_ms = earlier
        with pytest.raises(LeaseEnded):
            leased.open("王芳")


def test_what_waited_is_there_again_after_the_renewal(leased: Phones) -> None:
    a_rep_who_wrote_offline(leased)
    leased.now_ms += 100 * HOUR_MS
    with pytest.raises(LeaseEnded):
        leased.open("王芳")

    leased.renew("王芳")

    wang = leased.open("王芳")
    assert {customer.name for customer in wang.customers()} == {"得月楼", CANARY}
    assert wang.pending_count == 1
    assert wang.sync().is_complete
    assert leased.server.settled == 2
    lease = wang.lease
    assert lease is not None
    assert lease.ends_at_ms is not None
    assert lease.ends_at_ms > leased.now_ms + 71 * HOUR_MS


def test_each_contact_begins_the_lease_anew_and_the_server_says_how_long(leased: Phones) -> None:
    leased.server.terms["lease_ms"] = 10 * HOUR_MS
    wang = leased.enrol("王芳")
    for _ in range(5):
        leased.now_ms += 9 * HOUR_MS
        assert wang.sync().is_complete
    wang.close()

    leased.now_ms += 9 * HOUR_MS
    leased.open("王芳").close()
    leased.now_ms += 2 * HOUR_MS
    with pytest.raises(LeaseEnded):
        leased.open("王芳")


def test_a_clock_that_was_set_back_opens_nothing(leased: Phones) -> None:
    a_rep_who_wrote_offline(leased)
    leased.now_ms += 60 * HOUR_MS
    leased.open("王芳").close()

    leased.now_ms -= 30 * HOUR_MS
    with pytest.raises(ClockSetBack):
        leased.open("王芳")
    leased.now_ms += 30 * HOUR_MS
    leased.open("王芳").close()


def test_a_clock_held_still_and_an_app_killed_each_day_gain_nothing(tmp_path: Path) -> None:
    clock_ms, uptime_ms = [NOON], [0]

    def started() -> Vault:
        return Vault(
            tmp_path / "rep.lease",
            FileKeyKeeper(tmp_path / "rep.key"),
            clock_ms=lambda: clock_ms[0],
            uptime_ms=lambda: uptime_ms[0],
        )

    vault = started()
    vault.create()
    vault.contact(Terms(lease_ms=72 * HOUR_MS, lease_shares=(SHARE,)))
    used_h = 0

    def another_day() -> None:
        nonlocal vault, used_h
        # A thief starts the phone, sets its clock just so that it opens, and never closes it.
        vault, uptime_ms[0] = started(), 0
        clock_ms[0] = vault.record.seen_ms - 4 * 60_000
        vault.open()
        for _ in range(20):
            uptime_ms[0] += HOUR_MS
            vault.ensure()
            used_h += 1

    for _ in range(3):
        another_day()
    with pytest.raises(LeaseEnded):
        another_day()

    assert used_h < 72


def test_a_phone_that_lay_closed_past_its_lease_opens_nothing_with_its_clock_set_back(
    tmp_path: Path,
) -> None:
    clock_ms, uptime_ms = [NOON], [5 * HOUR_MS]

    def started() -> Vault:
        return Vault(
            tmp_path / "rep.lease",
            FileKeyKeeper(tmp_path / "rep.key"),
            clock_ms=lambda: clock_ms[0],
            uptime_ms=lambda: uptime_ms[0],
        )

    vault = started()
    vault.create()
    vault.contact(Terms(lease_ms=72 * HOUR_MS, lease_shares=(SHARE,)))
    # It is on for days, the app is not, and a thief sets the clock to an hour after the contact.
    uptime_ms[0] += 73 * HOUR_MS
    clock_ms[0] += HOUR_MS

    with pytest.raises(LeaseEnded):
        started().open()
    # Nor does it help to start it anew.
    uptime_ms[0] = 0
    with pytest.raises(LeaseEnded):
        started().open()


def test_two_processes_on_one_store_lose_no_token_of_each_other(tmp_path: Path) -> None:
    def started(uptime_ms: Callable[[], int]) -> Vault:
        return Vault(
            tmp_path / "rep.lease",
            FileKeyKeeper(tmp_path / "rep.key"),
            clock_ms=lambda: NOON,
            uptime_ms=uptime_ms,
        )

    first = started(lambda: 0)
    first.create()
    first.contact(Terms(lease_ms=72 * HOUR_MS, lease_shares=(SHARE,)))
    renewing: list[threading.Thread] = []

    def renew_meanwhile() -> int:
        """Let the other process write while this one is about to: it has to wait its turn."""
        if second._opened != (0, 0) and not renewing:
            renewing.append(threading.Thread(target=first.put, args=("session", "the next token")))
            renewing[0].start()
            renewing[0].join(timeout=0.2)
        return 2 * HOUR_MS if renewing else HOUR_MS

    second = started(renew_meanwhile)
    second.open()
    second.pause()
    renewing[0].join()

    assert first.get("session") == "the next token"


def test_an_app_that_stays_open_is_locked_too_whatever_its_clock_says(leased: Phones) -> None:
    wang = leased.enrol("王芳")
    wang.create_customer(name=CANARY)
    leased.now_ms += 73 * HOUR_MS
    leased.skew_ms["王芳"] = -100 * HOUR_MS

    with pytest.raises(LeaseEnded):
        list(wang.customers())
    with pytest.raises(LeaseEnded):
        wang.create_customer(name="x")
    leased.server.faults = []
    report = wang.sync()
    assert report.is_complete
    assert report.pushed == 1
    assert only(wang).name == CANARY


def test_a_locked_app_without_a_network_says_so_and_keeps_its_count(leased: Phones) -> None:
    wang = leased.enrol("王芳")
    wang.create_customer(name=CANARY)
    wang.sync()
    wang.create_customer(name=CANARY)
    leased.server.faults = [Fault.LOSE_REQUEST]
    assert wang.sync().pending == 1
    leased.now_ms += 73 * HOUR_MS
    leased.server.faults = [Fault.LOSE_REQUEST]

    report = wang.sync()

    assert (report.state, report.pending) == (SyncState.OFFLINE, 1)


def test_a_record_that_was_edited_opens_nothing(phones: Phones) -> None:
    a_rep_who_wrote_offline(phones)
    record = Path(f"{phones.file('王芳')}.lease")
    content = record.read_bytes()

    for position in range(0, len(content), 7):
        record.write_bytes(
            content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]
        )
        with pytest.raises(WrongKey):
            phones.open("王芳")


def test_after_the_end_an_older_copy_of_the_record_opens_nothing(leased: Phones) -> None:
    a_rep_who_wrote_offline(leased)
    record = Path(f"{leased.file('王芳')}.lease")
    earlier, opened = record.read_bytes(), leased.now_ms
    leased.now_ms += 73 * HOUR_MS
    with pytest.raises(LeaseEnded):
        leased.open("王芳")

    record.write_bytes(earlier)
    leased.now_ms = opened

    with pytest.raises(WrongKey):
        leased.open("王芳")


def test_after_the_end_the_device_holds_nothing_that_opens_the_store(phones: Phones) -> None:
    phones.server.terms = {"lease_shares": [_text(SHARE)]}
    a_rep_who_wrote_offline(phones)
    phones.now_ms += 73 * HOUR_MS
    with pytest.raises(LeaseEnded):
        phones.open("王芳")

    keeper = keys.FileKeyKeeper(f"{phones.file('王芳')}.key")
    record = keeper.unwrap(
        Path(f"{phones.file('王芳')}.lease").read_bytes(), b"tonglu lease record 1"
    )

    assert SHARE not in record


def test_a_server_whose_keys_were_turned_over_still_renews(phones: Phones) -> None:
    phones.server.terms = {"lease_shares": [_text(SHARE)]}
    a_rep_who_wrote_offline(phones)
    phones.now_ms += 100 * HOUR_MS
    with pytest.raises(LeaseEnded):
        phones.open("王芳")

    phones.server.terms = {"lease_shares": [_text(b"newer" * 6), _text(SHARE)]}
    phones.renew("王芳")
    phones.server.terms = {"lease_shares": [_text(b"newer" * 6)]}
    phones.now_ms += 100 * HOUR_MS
    with pytest.raises(LeaseEnded):
        phones.open("王芳")
    phones.renew("王芳")

    assert phones.open("王芳").pending_count == 1


def test_somebody_who_was_signed_out_meanwhile_renews_with_a_new_code(leased: Phones) -> None:
    a_rep_who_wrote_offline(leased)
    leased.now_ms += 100 * HOUR_MS
    with pytest.raises(LeaseEnded):
        leased.open("王芳")
    for device in leased.server.devices.values():
        device.refresh += 2

    with pytest.raises(SignedOut):
        leased.renew("王芳")
    with pytest.raises(SignedOut):
        leased.renew("王芳", code=leased.server.enrolment_code("李强"))
    leased.renew("王芳", code=leased.server.enrolment_code("王芳"))

    wang = leased.open("王芳")
    assert wang.sync().is_complete
    assert {customer.name for customer in wang.customers()} == {"得月楼", CANARY}


# --------------------------------------------------------------------------------------- wipe


def revoke(phones: Phones, client: Client) -> None:
    """Take a device's right away."""
    session = client.session
    assert session is not None
    phones.server.revoke(session.device_id)


@pytest.mark.parametrize("protect", [True, False])
def test_a_revoked_device_destroys_all_but_what_its_owner_never_sent(
    phones: Phones, *, protect: bool
) -> None:
    phones.server.terms = {"seal_key": _text(OFFICE_KEY.public_key().public_bytes_raw())}
    wang = phones.enrol("王芳", protect=protect)
    wang.create_customer(name="得月楼")
    wang.sync()
    unsent = wang.create_customer(name=CANARY)
    revoke(phones, wang)

    report = wang.sync()

    assert report.state is SyncState.WIPED
    assert report.saved_to is not None
    assert [file for file in phones.folder.iterdir() if "王芳" in file.name] == [report.saved_to]
    with pytest.raises(StoreWiped):
        list(wang.customers())
    if protect:
        assert CANARY.encode() not in report.saved_to.read_bytes()
        with pytest.raises(backup.BackupUnusable):
            backup.read(report.saved_to)
    key = OFFICE_KEY.private_bytes_raw()
    head, words = backup.read(report.saved_to, server_key=key if protect else None)
    assert head.pending == 1
    assert [kept.op.id for kept in words.pending] == [unsent.id]


def test_a_wiped_device_with_nothing_unsent_leaves_nothing(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    revoke(phones, wang)

    report = wang.sync()

    assert (report.state, report.saved_to) == (SyncState.WIPED, None)
    assert list(phones.folder.iterdir()) == []
    assert wang.sync().state is SyncState.WIPED


def test_a_wipe_that_was_interrupted_goes_on(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    wang.create_customer(name=CANARY)
    assert wang._protection is not None
    wang._protection.vault.begin_wipe()
    wang.close()

    with pytest.raises(StoreWiped):
        phones.open("王芳")

    assert [file.name for file in phones.folder.iterdir()] == ["王芳.db.outbox"]


def test_a_locked_device_that_is_then_revoked_has_saved_its_words_before(phones: Phones) -> None:
    phones.server.terms = {
        "lease_shares": [_text(SHARE)],
        "seal_key": _text(OFFICE_KEY.public_key().public_bytes_raw()),
    }
    a_rep_who_wrote_offline(phones)
    phones.now_ms += 73 * HOUR_MS
    with pytest.raises(LeaseEnded):
        phones.open("王芳")
    for device in phones.server.devices.values():
        device.is_revoked = True

    with pytest.raises(StoreWiped):
        phones.renew("王芳")

    (left,) = phones.folder.iterdir()
    _, words = backup.read(left, server_key=OFFICE_KEY.private_bytes_raw())
    assert len(words.pending) == 1


def test_a_readable_store_is_sqlite_and_says_so(phones: Phones) -> None:
    wang = phones.enrol("王芳", protect=False)
    assert not wang.is_protected
    assert wang.lease is None
    wang.close()

    plain = sqlite3.connect(phones.file("王芳"))
    assert plain.execute("SELECT count(*) FROM base_customer").fetchone() == (0,)
    plain.close()

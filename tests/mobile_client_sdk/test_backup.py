"""What waits can be carried away in a file, and taking it in twice is once."""

from pathlib import Path

import msgspec
import pytest

from mobile_client_sdk import backup
from mobile_client_sdk.backup import BackupUnusable
from mobile_client_sdk.testing import Fault, refuse
from tests.mobile_client_sdk.people import Phones, only


def a_day_without_network(phones: Phones) -> Path:
    """Let Wang work offline and export; her phone never comes back."""
    wang = phones.enrol("王芳")
    shop = wang.create_customer(name="福满楼", city="杭州")
    wang.sync()
    with wang.edit(only(wang)) as c:
        c.city = "宁波"
    with wang.group(atomic=True):
        wang.add_note(shop, "要两箱")
        wang.add_contact(shop, name="陈老板")
    wang.request_benefit(shop, program_id=shop.id)
    file = phones.folder / "王芳.tonglu"
    wang.export_outbox(file, passphrase="三只老虎")
    return file


def test_another_device_sends_what_the_lost_one_could_not(phones: Phones) -> None:
    file = a_day_without_network(phones)
    spare = phones.open("备用")
    spare.enrol(phones.server.enrolment_code("王芳"), device_name="备用机")
    spare.sync()

    first = spare.import_outbox(file, passphrase="三只老虎")
    again = spare.import_outbox(file, passphrase="三只老虎")

    assert (first.added, first.known) == (4, 0)
    assert (again.added, again.known) == (0, 4)
    assert only(spare).city == "宁波"
    assert spare.sync().is_complete
    assert spare.import_outbox(file, passphrase="三只老虎").added == 0
    assert only(spare).city == "宁波"
    assert [note.body for note in spare.notes(only(spare))] == ["要两箱"]
    assert [contact.name for contact in spare.contacts(only(spare))] == ["陈老板"]
    assert len(phones.server.granted) == 1
    assert spare.refusals() == []


def test_a_lost_device_that_comes_back_after_all_doubles_nothing(phones: Phones) -> None:
    file = a_day_without_network(phones)
    spare = phones.open("备用")
    spare.enrol(phones.server.enrolment_code("王芳"), device_name="备用机")
    spare.sync()
    spare.import_outbox(file, passphrase="三只老虎")
    spare.sync()

    wang = phones.open("王芳")
    assert wang.sync().is_complete
    spare.sync()

    assert [len(wang.notes(only(wang))), len(wang.contacts(only(wang)))] == [1, 1]
    assert [len(spare.notes(only(spare))), len(spare.contacts(only(spare)))] == [1, 1]
    assert only(wang).city == only(spare).city == "宁波"
    assert wang.conflicts() == []
    assert len({asked.id for _, asked in phones.server.granted}) == 1


def test_the_device_itself_knows_its_own_words(phones: Phones) -> None:
    file = a_day_without_network(phones)
    wang = phones.open("王芳")

    assert wang.import_outbox(file, passphrase="三只老虎").added == 0
    wang.sync()
    assert wang.import_outbox(file, passphrase="三只老虎").added == 0
    assert wang.pending_count == 0


def test_what_was_refused_travels_along_to_be_read(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    phones.server.intents["benefits.request"] = refuse("budget_exhausted", "The budget is spent.")
    shop = wang.create_customer(name="福满楼")
    wang.request_benefit(shop, program_id=shop.id)
    wang.sync()
    head = wang.export_outbox(phones.folder / "out")

    assert (head.pending, head.refused) == (0, 1)
    came = phones.enrol("李强").import_outbox(phones.folder / "out")
    assert [each.outcome.code for each in came.refused] == ["budget_exhausted"]
    assert came.added == 0


def test_a_file_that_was_changed_or_cut_or_is_another_is_refused(phones: Phones) -> None:
    file = a_day_without_network(phones)
    whole = file.read_bytes()
    spare = phones.enrol("李强")
    head_end = whole.index(b"\n")

    broken = [
        whole[:-1],
        whole[: head_end + 1],
        whole[: head_end // 2],
        b"",
        b"Dear Sir or Madam",
        whole[:-9] + bytes([whole[-9] ^ 4]) + whole[-8:],
        whole.replace(b'"version":1', b'"version":2'),
    ]
    for content in broken:
        file.write_bytes(content)
        with pytest.raises(BackupUnusable):
            spare.import_outbox(file, passphrase="三只老虎")
    file.write_bytes(whole)
    for passphrase in ("两只老虎", None):
        with pytest.raises(BackupUnusable):
            spare.import_outbox(file, passphrase=passphrase)
    assert spare.pending_count == 0


def test_words_do_not_go_to_another_company(phones: Phones, tmp_path: Path) -> None:
    file = a_day_without_network(phones)
    spare = phones.enrol("李强")
    head, words = backup.read(file, passphrase="三只老虎")
    session = spare.session
    assert session is not None
    foreign = phones.folder / "foreign"
    other = msgspec.structs.replace(session, tenant_id="x")
    backup.write(foreign, words, other, now_ms=1)

    with pytest.raises(BackupUnusable):
        spare.import_outbox(foreign)
    assert head.pending == len(words.pending)


def test_anybody_may_read_whose_a_backup_is_but_not_what(phones: Phones) -> None:
    file = a_day_without_network(phones)

    head = backup.read_head(file)

    assert (head.user_id, head.pending) == (phones.server.user_id("王芳"), 4)
    assert "要两箱".encode() not in file.read_bytes()


def test_an_export_during_a_lost_answer_is_settled_once(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    wang.create_customer(name="福满楼")
    phones.server.faults = [Fault.LOSE_REPLY]
    wang.sync()
    wang.export_outbox(phones.folder / "out")

    spare = phones.open("备用")
    spare.enrol(phones.server.enrolment_code("王芳"), device_name="备用机")
    spare.import_outbox(phones.folder / "out")
    assert spare.sync().is_complete

    assert only(spare).name == "福满楼"
    assert spare.conflicts() == []

"""Two phones write on in one remark while neither has a network."""

from tests.mobile_client_sdk.people import Phones, only


def test_two_phones_write_on_in_one_remark(phones: Phones) -> None:
    wang, li = phones.enrol("王芳"), phones.enrol("李强")
    wang.create_customer(name="福满楼", remark="周三到货\n")
    assert wang.sync().is_complete
    assert li.sync().is_complete
    with wang.edit(only(wang)) as c:
        c.remark = "周三到货\n要发票\n"
    with li.edit(only(li)) as c:
        c.remark = "老板姓陈\n周三到货\n"

    assert wang.sync().is_complete
    report = li.sync()
    assert wang.sync().is_complete

    assert [each.code for each in report.merged] == ["text_merged"]
    for phone in (wang, li):
        assert only(phone).remark == "老板姓陈\n周三到货\n要发票\n"
        assert phone.conflicts() == []

"""The command line client, as a rep uses it: offline first, in Chinese or English."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid5

import pytest

from mobile_client_sdk.client import open_client
from mobile_client_sdk.device.command import main
from mobile_client_sdk.device.tables import Column, cut, table, when, width
from mobile_client_sdk.protection import Protection
from mobile_client_sdk.testing import FakeServer, refuse
from mobile_client_sdk.testing.company import SPACE
from sync_protocol.conflicts import Version
from sync_protocol.merge import HeldRecord
from sync_protocol.messages import Intent
from sync_protocol.schema import fields_of
from tests.mobile_client_sdk.test_units import PROGRAM
from tests.mobile_client_sdk.test_units import Server as Units


class Rep:
    """Somebody at a terminal."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *words: str, lang: str = "zh-CN") -> tuple[int, str]:
        """Run the command; answer its exit code and all that it printed."""
        out = io.StringIO()
        code = main(
            ["--home", str(self.home), "--lang", lang, *words],
            environment={},
            out=out,
            errors=out,
        )
        return code, out.getvalue()

    def does(self, *words: str, lang: str = "zh-CN") -> str:
        """Run a command that is done; answer what it printed."""
        code, said = self.run(*words, lang=lang)
        assert code == 0, said
        return said


@pytest.fixture
def server() -> FakeServer:
    """A server in memory."""
    return FakeServer()


@pytest.fixture
def url(server: FakeServer) -> Iterator[str]:
    """Its address."""
    with server.serve() as address:
        yield address


@pytest.fixture
def rep(tmp_path: Path) -> Rep:
    """A rep who is not enrolled."""
    return Rep(tmp_path / "wang")


def test_a_rep_works_through_a_day(rep: Rep, server: FakeServer, url: str, tmp_path: Path) -> None:
    assert "0 个客户" in rep.does("login", url, server.enrolment_code("王芳"))
    assert rep.does("list") == "没有客户。\n"
    rep.does(
        "add", "福满楼", "电话=138 0000 0000", "city=杭州市", "状态=意向客户", "预计收入=3000.50"
    )
    rep.does("add", "Golden Bowl", "city=宁波市", "expected_revenue_minor=5")
    rep.does("edit", "福满", "等级=B", "city=")
    rep.does("visit", "福满楼", "谈了", "中秋", "订货")
    rep.does("contact", "福满楼", "陈老板", "--phone", "13900000000", "--title", "店主")

    shown = rep.does("show", "福满")
    for each in ("+8613800000000", "意向客户", "¥3,000.50", "谈了 中秋 订货", "陈老板  店主"):
        assert each in shown
    assert "杭州市" not in shown
    assert "5 项改动等待上传" in rep.does("outbox")
    assert "上传 5" in rep.does("sync")
    assert rep.does("outbox") == "都已上传。\n"
    assert "1 个客户，共 2 个" in rep.does("list", "golden")
    assert "encrypted" in rep.does("status", lang="en")

    other = Rep(tmp_path / "li")
    other.does("login", url, server.enrolment_code("李强"))
    assert "福满楼" in other.does("list")


def test_what_waits_is_called_what_it_is(rep: Rep, server: FakeServer, url: str) -> None:
    rep.does("login", url, server.enrolment_code("王芳"))
    rep.does("add", "福满楼")
    rep.does("contact", "福满楼", "陈老板", "--title", "店主")
    rep.does("task", "福满楼", "送样品")

    waiting = rep.does("outbox")

    assert "职务=店主" in waiting
    assert "任务=送样品" in waiting


def test_offline_is_its_own_exit_code_and_all_is_kept(rep: Rep, server: FakeServer) -> None:
    with server.serve() as url:
        rep.does("login", url, server.enrolment_code("王芳"))
    rep.does("add", "福满楼")

    code, said = rep.run("sync")

    assert code == 3
    assert "1 项改动已存在本机" in said
    assert "福满楼" in rep.does("list")


def test_what_cannot_be_done_says_why(rep: Rep, server: FakeServer, url: str) -> None:
    assert rep.run("list")[0] == 4
    assert rep.run("login", url, "WRONG")[0] == 4
    rep.does("login", url, server.enrolment_code("王芳"))
    rep.does("add", "福满楼一店")
    rep.does("add", "福满楼二店")

    cases = {
        ("show", "得月楼"): (1, "没有找到客户「得月楼」"),
        ("note", "福满楼", "要两箱"): (2, "福满楼二店"),
        ("edit", "一店", "level=Z"): (1, "等级"),
        ("edit", "一店", "name="): (1, "不能为空"),
        ("edit", "一店", "鞋码=42"): (2, "没有字段「鞋码」"),
        ("edit", "一店", "level"): (2, "字段=值"),
        ("conflicts", "restore", "7"): (1, "没有第 7 行"),
        ("outbox", "import", str(rep.home / "device.db")): (1, "这个文件不能用"),
        ("outbox", "import", "nowhere"): (1, "这个文件不能用"),
        ("outbox", "export"): (2, "文件"),
    }
    for words, (code, sentence) in cases.items():
        ended, said = rep.run(*words)
        assert ended == code, words
        assert sentence in said
    with pytest.raises(SystemExit) as ending:
        rep.run("edit")
    assert ending.value.code == 2


def test_two_reps_settle_a_conflict(rep: Rep, server: FakeServer, url: str, tmp_path: Path) -> None:
    rep.does("login", url, server.enrolment_code("王芳"))
    rep.does("add", "福满楼")
    rep.does("sync")
    li = Rep(tmp_path / "li")
    li.does("login", url, server.enrolment_code("李强"))
    rep.does("edit", "福满楼", "phone=13800000001")
    rep.does("sync")
    li.does("edit", "福满楼", "phone=13800000002")

    assert "冲突 1" in li.does("sync")
    listed = li.does("conflicts")
    assert "+8613800000001" in listed
    assert "+8613800000002" in listed
    other = listed.splitlines()[1].split()[4]
    li.does("conflicts", "restore", "1")
    li.does("sync")
    rep.does("sync")

    assert other in rep.does("show", "福满楼")
    assert rep.does("conflicts") == "没有冲突。\n"


def test_what_the_server_refused_is_told_until_it_was_seen(
    rep: Rep, server: FakeServer, url: str
) -> None:
    server.intents["benefits.request"] = refuse("budget_exhausted", "The budget is spent.")
    rep.does("login", url, server.enrolment_code("王芳"))
    rep.does("add", "福满楼")
    with open_client(rep.home / "device.db", url) as client:
        client.request_benefit(next(iter(client.customers())), program_id="x" * 36)

    assert "未被接受 1" in rep.does("sync")
    assert "没有保存到服务器" in rep.does("outbox")
    rep.does("outbox", "seen")
    assert rep.does("outbox") == "都已上传。\n"


def test_words_are_carried_to_another_machine_once(
    rep: Rep, server: FakeServer, url: str, tmp_path: Path
) -> None:
    rep.does("login", url, server.enrolment_code("王芳"))
    rep.does("add", "福满楼")
    file = str(tmp_path / "out.tonglu")
    assert "1 项改动" in rep.does("outbox", "export", file)
    spare = Rep(tmp_path / "spare")
    spare.does("login", url, server.enrolment_code("王芳"))

    assert "读入 1 项" in spare.does("outbox", "import", file)
    assert "读入 0 项改动，1 项早已在这里" in spare.does("outbox", "import", file)
    spare.does("sync")
    rep.does("sync")

    assert rep.does("list").count("福满楼") == 1


def test_locked_records_open_with_a_sync(rep: Rep, server: FakeServer, url: str) -> None:
    rep.does("login", url, server.enrolment_code("王芳"))
    rep.does("add", "福满楼")
    Protection(rep.home / "device.db", clock_ms=lambda: 1).vault.end()

    code, said = rep.run("list")
    assert code == 5
    assert f"tonglu-device --home {rep.home} --lang zh-CN sync" in said
    assert "上传 1" in rep.does("sync")
    assert "福满楼" in rep.does("list")


def test_words_may_stand_behind_an_option(rep: Rep, server: FakeServer, url: str) -> None:
    rep.does("login", url, server.enrolment_code("王芳"))
    rep.does("add", "福满楼")
    rep.does("visit", "福满楼", "--at", "30.2741,120.1551", "谈了价格")

    rep.does("visit", "福满楼", "--out", "谈了中秋订货")

    assert "谈了中秋订货" in rep.does("show", "福满楼")


def test_what_is_advised_can_be_typed_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = str(tmp_path / "my phone")
    monkeypatch.setattr("sys.argv", [".venv/bin/tonglu-device", "--home", home, "list"])

    assert main(environment={"LANG": "en_GB.UTF-8"}) == 4
    assert f".venv/bin/tonglu-device --home '{home}' login URL CODE" in capsys.readouterr().err


def test_a_revoked_device_says_that_it_was_wiped(rep: Rep, server: FakeServer, url: str) -> None:
    rep.does("login", url, server.enrolment_code("王芳"))
    rep.does("add", "福满楼")
    for device in server.devices.values():
        server.revoke(device.id)

    code, said = rep.run("sync")

    assert code == 5
    assert "已清除" in said
    saved = rep.home / "device.db.outbox"
    assert json.loads(saved.read_bytes().partition(b"\n")[0])["pending"] == 1


def test_columns_line_up_where_characters_are_wide() -> None:
    columns = [Column("编号", 6), Column("名称", 12), Column("金额", 8, is_number=True)]
    rows = [["1", "福满楼餐饮管理有限公司", "5"], ["22", "Bowl", "1,000"]]

    lines = table(columns, rows, is_bold=False).splitlines()

    assert [width(line) for line in lines] == [width(lines[0])] * 3
    assert lines[1] == "1     福满楼餐...      5"
    assert cut("a\n b", 9) == "a b"


def test_every_command_explains_itself_in_both_languages(
    rep: Rep, capsys: pytest.CaptureFixture[str]
) -> None:
    for lang, word in (("zh-CN", "用法："), ("en", "usage: ")):
        for words in ([], ["login"], ["edit"], ["outbox"]):
            with pytest.raises(SystemExit):
                rep.run(*words, "--help", lang=lang)
            said = capsys.readouterr().out
            assert said.startswith(f"{word}tonglu-device")
            assert all(width(line) <= 80 for line in said.splitlines()), said


def test_a_deal_is_begun_stepped_and_advanced_without_a_network(
    rep: Rep, server: FakeServer, url: str
) -> None:
    rep.does("login", url, server.enrolment_code("王芳"))
    rep.does("add", "福满楼")
    begun = rep.does("deal", "福满楼", "收银三年", "--amount", "12800.50", "--on", "2027-01-31")
    assert "1. 核实联系人和需求" in begun

    code, kept = rep.run("advance", "收银")
    assert code == 1
    assert "核实联系人和需求" in kept
    rep.does("step", "收银", "1")
    assert "准商机" in rep.does("advance", "收银")

    listed = rep.does("deals", "福满楼")
    assert "准商机 · 在谈 (待同步确认)" in listed
    assert "12,800.50" in listed
    assert rep.run("step", "收银", "9", lang="en") == (2, "There is no step 9.\n")
    assert rep.run("deal", "福满楼", "另一单", "--amount", "很多")[0] == 2


def sells(server: FakeServer, name: str, minor: int) -> None:
    """Let the office have put a product into a price book."""
    book, product = (str(uuid5(SPACE, word)) for word in ("标准价", name))
    knows(
        server,
        ("price_book", book, {"name": "标准价", "currency": "CNY", "state": "active"}),
        ("product", product, {"name": name, "prices": [[book, minor]], "state": "active"}),
    )


def knows(server: FakeServer, *given: tuple[str, str, dict[str, Any]]) -> None:
    """Let managers have made records: of which kind, id and what they say."""
    for kind, record_id, fields in given:
        server.seq += 1
        server.records[kind, record_id] = HeldRecord(
            kind=kind,
            id=record_id,
            seq=server.seq,
            created=Version(server.seq, None, 0, 0),
            fields={each.name: fields.get(each.name) for each in fields_of(kind)},
            handle=server.seq + 1_000,
        )


def test_a_quote_is_written_and_submitted_without_a_network(
    rep: Rep, server: FakeServer, url: str
) -> None:
    sells(server, "收银机", 100_00)
    rep.does("login", url, server.enrolment_code("王芳"))
    rep.does("sync")
    rep.does("add", "福满楼")
    rep.does("deal", "福满楼", "收银三年")

    assert "100.00" in rep.does("products")
    written = rep.does("quote", "收银三年", "首份报价", "收银机=2.5@79.99", "--off", "0.98")
    assert "199.00" in written
    assert "待审批 (待同步确认)" in rep.does("decide", "首份", "submit")
    assert "199.00" in rep.does("quotes", "收银三年")

    assert rep.run("decide", "首份", "send", lang="en") == (
        1,
        "The quote is needs approval; not possible.\n",
    )
    for wrong in ("收银机=0", "收银机=1.0001", "收银机", "收银机=many"):
        assert rep.run("quote", "收银三年", "坏报价", wrong)[0] == 2
    assert rep.run("quote", "收银三年", "坏报价", "飞船=1")[0] == 1
    assert rep.run("quote", "收银三年", "坏报价", "收银机=1", "--off", "101")[0] == 2


def test_a_value_that_is_refused_says_what_the_field_takes(
    rep: Rep, server: FakeServer, url: str
) -> None:
    rep.does("login", url, server.enrolment_code("王芳"))
    rep.does("add", "福满楼")

    assert rep.run("edit", "福满楼", "电话=abc") == (
        1,
        "电话：请写手机号或带区号的号码，如 13800000000、+862161234567\n",
    )
    assert rep.run("edit", "福满楼", "等级=E") == (1, "等级：请填其中一个：A, B, C, D\n")
    assert "最多" in rep.run("edit", "福满楼", f"城市={'长' * 300}")[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pending"], "没有「pending」，可以是：login, status"),
        (["show"], "还缺：客户"),
        (["list", "--colour"], "不认识：--colour"),
    ],
)
def test_a_wrong_usage_is_told_in_the_persons_language(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    with pytest.raises(SystemExit):
        main(["--lang", "zh-CN", *arguments])

    assert said in capsys.readouterr().err


def test_a_task_is_noted_listed_and_done_without_a_network(
    rep: Rep, server: FakeServer, url: str
) -> None:
    rep.does("login", url, server.enrolment_code("王芳"))
    rep.does("add", "福满楼")
    rep.does("task", "福满楼", "送样机", "--due", "2027-01-31T15:00")
    rep.does("task", "福满楼", "回电话")

    listed = rep.does("tasks").splitlines()
    assert ["送样机" in line for line in listed] == [False, True, False]
    assert "2027-01-31 15:00" in listed[1]
    assert "送样机" in rep.does("show", "福满楼")
    assert rep.run("task", "福满楼", "再来", "--due", "明天")[0] == 2
    assert rep.run("done", "没有的", lang="en") == (1, "No open task is called 没有的\n")

    rep.does("done", "送样机", "收下了")
    assert "送样机" not in rep.does("tasks")
    rep.does("sync")
    assert "回电话" in rep.does("tasks")


def test_a_call_is_written_down_without_a_network(rep: Rep, server: FakeServer, url: str) -> None:
    rep.does("login", url, server.enrolment_code("王芳"))
    rep.does("add", "福满楼", "电话=13912345678")
    rep.does("contact", "福满楼", "李姐")
    assert rep.does("dial", "福满楼").strip() == "+8613912345678"
    assert rep.run("dial", "福满楼", "--contact", "李姐", lang="en")[0] == 1

    rep.does("call", "福满楼", "answered", "要样品", "--minutes", "3")
    rep.does("sync")
    assert "接通  要样品" in rep.does("show", "福满楼")


def test_s88_a_rep_writes_what_the_company_added_without_code(
    rep: Rep, server: FakeServer, url: str
) -> None:
    machine, colour, number, own = (str(uuid5(SPACE, name)) for name in ("机", "色", "号", "店"))
    red, blue = str(uuid5(SPACE, "红")), str(uuid5(SPACE, "蓝"))
    options = [{"id": red, "zh": "红", "en": "red"}, {"id": blue, "zh": "蓝"}]
    of = {"subject": "custom_record", "object_id": machine, "state": "active"}
    decimals = {"type": "decimal", "decimals": 2, "maximum": 10_000}
    knows(
        server,
        (
            *("custom_object", machine),
            {"name_zh": "设备", "name_en": "machine", "title_zh": "设备名称", "state": "active"},
        ),
        (
            *("custom_field", colour),
            {**of, "label_zh": "颜色", "type": "choice", "options": options, "place": 0},
        ),
        (
            *("custom_field", number),
            {**of, "label_zh": "价格", "label_en": "price", "place": 1, **decimals},
        ),
        (
            *("custom_field", own),
            {"subject": "customer", "label_zh": "开业", "type": "date", "state": "active"},
        ),
    )
    rep.does("login", url, server.enrolment_code("王芳"))
    rep.does("add", "福满楼", "开业=2020/3/1")
    rep.does("record", "福满楼", "设备", "封口机", "颜色=红", "价格=12.5")

    assert "颜色 价格" in rep.does("objects")
    assert "颜色 红 · 价格 12.50" in rep.does("records", "福满楼")
    rep.does("sync")
    rep.does("amend", "封口", "价格=", "颜色=蓝", "设备名称=打包机")
    rep.does("edit", "福满楼", "开业=2021-03-01")
    shown = rep.does("show", "福满楼")
    assert "2021-03-01" in shown
    assert "设备  打包机  颜色 蓝" in shown
    assert "price 3.00" in rep.does("amend", "打包", "price=3", lang="en") + rep.does(
        "records", "--object", "machine", lang="en"
    )

    assert rep.run("amend", "打包", "颜色=绿") == (1, "「颜色」请写：红 蓝\n")
    assert rep.run("amend", "打包", "价格=贵")[1] == "「价格」请写数字，小数最多 2 位。\n"
    assert rep.run("edit", "福满楼", "开业=明天")[1] == "「开业」请写日期，例如 2027-01-31。\n"
    assert rep.run("amend", "打包", "尺寸=大")[0] == 2
    assert rep.run("record", "福满楼", "课程", "x")[1] == "没有这个对象：课程。可以写：设备\n"
    rep.does("drop", "打包")
    assert rep.does("records") == "没有记录。\n"


@pytest.mark.parametrize(("lang", "heading"), [("zh-CN", "客户"), ("en", "customer")])
def test_the_protection_wall_names_customers_in_both_languages(
    rep: Rep, server: FakeServer, url: str, lang: str, heading: str
) -> None:
    rep.does("login", url, server.enrolment_code("王芳"))
    rep.does("add", "福满楼", "电话=13912345678")
    rep.does("register", "福满楼")
    rep.does("sync")
    with open_client(rep.home / "device.db", url) as client:
        (customer,) = client.customers()
    until = {"state": "granted", "protected_until": 1_801_378_800_000}
    registration = str(uuid5(SPACE, "报备"))
    knows(server, ("registration", registration, {"customer_id": customer.id, **until}))
    rep.does("sync")

    titles, row = rep.does("wall", lang=lang).splitlines()

    assert heading in titles.split()
    assert ["福满楼" in row, "2027-01-31 15:00" in row] == [True, True]


def test_who_brings_no_more_evidence_says_so_on_the_phone(
    rep: Rep, server: FakeServer, url: str
) -> None:
    rep.does("login", url, server.enrolment_code("王芳"))
    rep.does("add", "福满楼", "电话=13912345678")
    rep.does("sync")
    with open_client(rep.home / "device.db", url) as client:
        (customer,) = client.customers()
    registration = str(uuid5(SPACE, "举证"))
    refused = {"customer_id": customer.id, "state": "refused"}
    knows(server, ("registration", registration, refused))
    rep.does("sync")
    too_early = rep.run("registration", "福满楼", "waive")
    disputed = {"state": "contested", "evidence_until": 1_801_378_800_000}
    knows(server, ("registration", registration, {**refused, **disputed}))
    rep.does("sync")

    rep.does("registration", "福满楼", "waive")

    assert too_early == (1, "报备现在是「未通过」，不能这样做。\n")
    with open_client(rep.home / "device.db", url) as client:
        (asked,) = [made.op for made in client.pending()]
    assert isinstance(asked, Intent)
    assert (asked.name, asked.args["registration_id"]) == ("registration.waive", registration)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_times_are_shanghais_wherever_the_machine_stands(
    rep: Rep, server: FakeServer, url: str, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", zone)
        time.tzset()
        rep.does("login", url, server.enrolment_code("王芳"))
        rep.does("add", "福满楼")
        rep.does("task", "福满楼", "送样机", "--due", "2027-01-31T15:00")
        listed, told = rep.does("tasks"), when(1_801_378_800_000)
    time.tzset()

    assert "2027-01-31 15:00" in listed
    # 2027-01-31T07:00:00Z.
    assert told == "2027-01-31 15:00"


def test_a_benefit_is_promised_without_a_network(rep: Rep, server: FakeServer, url: str) -> None:
    leasing = Units(until_ms=4_102_444_800_000)
    server.intents |= {"benefits.lease": leasing.lease, "benefits.request": leasing.request}
    rep.does("login", url, server.enrolment_code("王芳"))
    rep.does("add", "福满楼")
    rep.does("add", "东来顺")
    assert "没有预领的额度" in rep.does("units")
    code, said = rep.run("promise", "福满楼")
    assert (code, "先用 lease 预领" in said) == (1, True)
    assert rep.run("lease", PROGRAM, "21")[0] == 2
    rep.does("lease", PROGRAM, "2")
    rep.does("sync")
    _, row = rep.does("units", lang="en").splitlines()
    assert row.split()[1:] == ["2", "50.00", "2100-01-01", "08:00"]

    assert "还剩 1 份" in rep.does("promise", "福满楼")
    code, said = rep.run("promise", "福满楼", "--program", PROGRAM[-4:])
    assert (code, "答应满" in said) == (1, True)
    rep.does("promise", "东来顺")
    assert rep.run("promise", "东来顺")[0] == 1
    rep.does("sync")

    assert (len(leasing.kept), leasing.broken) == (2, [])

"""What the command says, in Chinese first and in English."""

from typing import Final

from mobile_client_sdk.conflicts import Language

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "about": (
        "同路：随身的客户，没有网络也能用。先存在本机，联网后同步。",
        "Tonglu: your customers at hand, also without a network.\nSaved here first, synced later.",
    ),
    "epilog": (
        """\
客户可以写名称的一部分，或编号的最后几位。

退出码：0 完成  1 没有做成  2 用法不对  3 没有网络（已存在本机）
        4 需要重新登录  5 已锁定或已清除""",
        """\
A customer is named by a part of the name or by the last characters of the id.

Exit codes: 0 done  1 not done  2 wrong usage  3 no network (all is saved here)
            4 sign in again  5 locked or wiped""",
    ),
    "usage": ("用法：", "usage: "),
    "command": ("命令", "COMMAND"),
    "commands": ("命令", "commands"),
    "arguments": ("参数", "arguments"),
    "options": ("选项", "options"),
    "help.help": ("显示这段说明", "show this help"),
    "help.home": ("资料所在的文件夹", "the folder of the records"),
    "help.lang": ("语言：zh-CN 或 en", "the language: zh-CN or en"),
    "help.login": ("用一次性代码登记这台设备", "enrol this device with a one-time code"),
    "help.status": ("这台设备的情况", "how this device stands"),
    "help.list": ("列出客户", "list customers"),
    "help.show": ("看一个客户", "look at a customer"),
    "help.add": ("新建客户", "add a customer"),
    "help.edit": ("修改客户", "change a customer"),
    "help.note": ("记一条备忘", "note something about a customer"),
    "help.visit": ("在客户处签到；--out 签退", "check in at a customer, or out with --out"),
    "help.tasks": ("列出没做完的任务", "list the open tasks"),
    "help.task": ("给客户记一项任务", "note something to do for a customer"),
    "help.done": ("完成一项任务", "say that a task is done"),
    "help.contact": ("添加联系人", "add a person to a customer"),
    "help.leads": ("列出等待答复的线索", "list the leads that wait for an answer"),
    "help.accept": ("接收线索", "take on a lead"),
    "help.return": ("退回线索", "give a lead back"),
    "help.deals": ("列出商机", "list deals"),
    "help.deal": ("新建商机", "begin a deal with a customer"),
    "help.step": ("完成商机的步骤", "mark steps of a deal as done"),
    "help.advance": ("推进商机", "move a deal to the next stage"),
    "help.products": ("列出产品和价格", "list products and their prices"),
    "help.quotes": ("列出报价", "list quotes"),
    "help.quote": ("在商机里写一份报价", "write a quote in a deal"),
    "help.decide": (
        "提交、审批、发送报价，或记下客户答复",
        "submit, approve, send or close a quote",
    ),
    "help.sync": ("同步", "sync"),
    "help.conflicts": ("看冲突，恢复另一个值，或保留现值", "look at conflicts; restore or keep"),
    "help.outbox": (
        "看没有上传的内容；export/import 带到另一台设备",
        "look at what is not uploaded; export or import it",
    ),
    "meta.url": ("地址", "URL"),
    "meta.code": ("代码", "CODE"),
    "meta.search": ("搜索", "SEARCH"),
    "meta.customer": ("客户", "CUSTOMER"),
    "meta.task": ("任务", "TASK"),
    "meta.due": ("时间", "TIME"),
    "meta.lead": ("线索", "LEAD"),
    "meta.name": ("名称", "NAME"),
    "meta.fields": ("字段=值", "FIELD=VALUE"),
    "meta.text": ("内容", "TEXT"),
    "meta.note": ("说明", "NOTE"),
    "meta.deal": ("商机", "DEAL"),
    "meta.lines": ("产品=数量", "PRODUCT=QUANTITY"),
    "meta.quote": ("报价", "QUOTE"),
    "meta.remark": ("说明", "REMARK"),
    "meta.numbers": ("步骤", "STEP"),
    "meta.number": ("行号", "ROW"),
    "meta.file": ("文件", "FILE"),
    "arg.url": ("服务器地址，如 https://crm.example", "the server, such as https://crm.example"),
    "arg.code": ("一次性代码，如 6WM-BR8-KXK", "the one-time code, such as 6WM-BR8-KXK"),
    "arg.name": ("这台设备的名称", "a name for this device"),
    "arg.search": ("名称、电话或信用代码的一部分", "a part of a name, phone or credit code"),
    "arg.customer": ("客户：名称的一部分，或编号的末几位", "a part of the name, or the id's end"),
    "arg.lead": (
        "线索：编号的末几位，或客户名称的一部分",
        "the end of the lead's id, or a part of its customer's name",
    ),
    "arg.reason": (
        "原因（空号、重复、不在区域、无需求、资料不全、其他）",
        "why it goes back",
    ),
    "arg.fields": (
        "字段=值，如 电话=13800000000 city=杭州市；值为空则清除",
        "field=value, such as phone=+8613800000000; an empty value clears it",
    ),
    "arg.deal": (
        "商机：名称的一部分，或编号的末几位",
        "a part of the deal's name, or the id's end",
    ),
    "arg.amount": ("金额（元）", "the amount in yuan"),
    "arg.on": ("预计签约日，如 2027-01-31", "when it is expected, such as 2027-01-31"),
    "arg.lines": (
        "产品=数量，或 产品=数量@单价（元），如 收银机=10@79.5",
        "product=quantity or product=quantity@price in yuan, such as till=10@79.5",
    ),
    "arg.book": ("价目表的名称；只有一份时不必写", "the price book's name; not needed for one"),
    "arg.off": ("整单优惠（元）", "the discount on the whole, in yuan"),
    "arg.quote": (
        "报价：名称的一部分，或编号的末几位",
        "a part of the quote's name, or the id's end",
    ),
    "arg.verb": ("要做什么", "what is to be done"),
    "arg.steps": ("步骤的编号", "the numbers of the steps"),
    "arg.text": ("内容", "the text"),
    "arg.task": (
        "任务：标题的一部分，或编号的末几位",
        "a part of the task's title, or the end of its id",
    ),
    "arg.due": (
        "截止时间，如 2027-01-31 或 2027-01-31T15:00",
        "until when, such as 2027-01-31 or 2027-01-31T15:00",
    ),
    "arg.at": ("位置，如 30.2741,120.1551", "where you are, such as 30.2741,120.1551"),
    "arg.accuracy": ("定位误差（米）", "how many metres the position may be off"),
    "arg.out": ("签退", "check out"),
    "arg.limit": ("最多几行", "how many rows at most"),
    "arg.decision": ("restore 恢复另一个值，keep 保留现值", "restore the other value, or keep"),
    "arg.number": ("列表中的行号", "the row's number in the list"),
    "arg.file": ("文件", "a file"),
    "arg.do": (
        "export 写入文件，import 从文件读入，seen 已阅",
        "export to a file, import from one, or seen",
    ),
    "arg.passphrase": ("询问口令，用来加密文件", "ask for a passphrase that encrypts the file"),
    "customer": ("客户", "customer"),
    "id": ("编号", "id"),
    "when": ("时间", "when"),
    "what": ("内容", "what"),
    "change": ("改动", "change"),
    "record": ("记录", "record"),
    "contacts": ("联系人", "Contacts"),
    "stores": ("门店", "Stores"),
    "notes": ("备忘", "Notes"),
    "row": ("行", "row"),
    "kept": ("现在", "now"),
    "other": ("另一个", "other"),
    "field": ("字段", "field"),
    "tasks": ("任务", "Tasks"),
    "task": ("任务", "task"),
    "due": ("截止", "due"),
    "must_do": ("必做", "must do"),
    "no_tasks": ("没有要做的任务。", "Nothing is to be done."),
    "visits": ("拜访", "Visits"),
    "score": ("可信分 {score}", "trust score {score}"),
    "create": ("新建", "create"),
    "edit": ("修改", "edit"),
    "delete": ("删除", "delete"),
    "intent": ("申请", "request"),
    "kind.opportunity": ("商机", "deal"),
    "kind.process": ("流程", "process"),
    "kind.product": ("产品", "product"),
    "kind.price_book": ("价目表", "price book"),
    "kind.quote": ("报价", "quote"),
    "product": ("产品", "product"),
    "unit": ("单位", "unit"),
    "book": ("价目表", "price book"),
    "price": ("单价", "price"),
    "quote": ("报价", "quote"),
    "state": ("状态", "state"),
    "quote.draft": ("草稿", "draft"),
    "quote.waiting": ("待审批", "needs approval"),
    "quote.approved": ("可发送", "approved"),
    "quote.sent": ("已发送", "sent"),
    "quote.accepted": ("客户已接受", "accepted"),
    "quote.refused": ("客户未接受", "refused"),
    "quote.expired": ("已过期", "expired"),
    "quote.withdrawn": ("已撤回", "withdrawn"),
    "no_products": ("没有产品。", "No products."),
    "no_quotes": ("没有报价。", "No quotes."),
    "comes_to": ("合计 {amount}", "Comes to {amount}"),
    "quote_asked": ("已保存在本机：{name} · {state}", "Saved here: {name} · {state}"),
    "error.no_product": ("没有找到产品：{named}", "No product is called {named}."),
    "error.no_book": ("没有找到价目表：{named}", "No price book is called {named}."),
    "error.no_quote": ("没有找到报价：{named}", "No quote is called {named}."),
    "error.no_price": ("价目表里没有：{named}", "The price book has no {named}."),
    "error.line": ("看不懂：{text}", "This is no line: {text}"),
    "error.quote_state": (
        "报价现在是「{state}」，不能这样做。",
        "The quote is {state}; not possible.",
    ),
    "deal": ("商机", "deal"),
    "stage": ("阶段", "stage"),
    "amount": ("金额", "amount"),
    "expected": ("预计", "expected"),
    "deal.open": ("在谈", "open"),
    "deal.won": ("已签约", "won"),
    "deal.lost": ("已流失", "lost"),
    "provisional": ("待同步确认", "provisional"),
    "no_deals": ("没有商机。", "No deals."),
    "open_steps": ("接下来要做：", "To be done:"),
    "advanced": ("已保存在本机：{stage}", "Saved here: {stage}"),
    "error.no_step": ("没有第 {number} 个步骤。", "There is no step {number}."),
    "error.no_deal": ("没有找到商机：{named}", "No deal is called {named}."),
    "error.no_move": ("不能推进：{why}", "It cannot be moved: {why}"),
    "error.amount": ("金额不对：{text}", "This is no amount: {text}"),
    "kind.customer": ("客户", "customer"),
    "kind.store": ("门店", "store"),
    "kind.contact": ("联系人", "contact"),
    "kind.note": ("备忘", "note"),
    "kind.visit": ("拜访", "visit"),
    "kind.task": ("任务", "task"),
    "kind.tag": ("标签", "tag"),
    "kind.conflict": ("冲突", "conflict"),
    "kind.attachment": ("附件", "attachment"),
    "kind.lead": ("线索", "lead"),
    "kind.lead_source": ("来源", "source"),
    "kind.campaign": ("市场活动", "campaign"),
    "kind.intent": ("申请", "request"),
    "enrolled": ("已登记。正在取回客户……", "Enrolled. Fetching customers ..."),
    "fetched": ("本机有 {count} 个客户，没有网络也能用。", "{count} customers are here now."),
    "loading": ("已收到 {rows} 条", "{rows} records received"),
    "uploading": ("已上传 {pushed}，还有 {pending}", "{pushed} uploaded, {pending} to go"),
    "added": ("已保存在本机：{name}（{id}）", "Saved here: {name} ({id})"),
    "saved": ("已保存在本机。", "Saved here."),
    "unchanged": ("没有改动。", "Nothing has changed."),
    "empty": ("没有客户。", "No customers."),
    "shown": ("{shown} 个客户，共 {total} 个", "{shown} of {total} customers"),
    "no_leads": ("没有等待答复的线索。", "No lead waits for an answer."),
    "need": ("需求", "need"),
    "answer_by": ("最晚答复", "answer by"),
    "how_to_decide": (
        """\
恢复另一个值：tonglu-device conflicts restore 行号
保留现在的值：tonglu-device conflicts keep 行号""",
        """\
Bring the other back: tonglu-device conflicts restore ROW
Leave what is there:  tonglu-device conflicts keep ROW""",
    ),
    "no_conflicts": ("没有冲突。", "No conflicts."),
    "nothing_waits": ("都已上传。", "All is uploaded."),
    "waiting": ("{count} 项改动等待上传", "{count} changes wait to be uploaded"),
    "refusals": ("服务器没有接受：", "Not accepted by the server:"),
    "forgotten": ("已阅。", "Seen."),
    "restored": ("已恢复，同步后生效。", "Restored; it goes up with the next sync."),
    "dismissed": ("已保留现值。", "The present value stays."),
    "exported": (
        "已写入 {file}：{pending} 项改动，{refused} 项未被接受",
        "Written to {file}: {pending} changes, {refused} not accepted",
    ),
    "unsealed": (
        "文件没有加密，请妥善保管；加 --passphrase 可加密。",
        "The file is readable by anybody; --passphrase encrypts it.",
    ),
    "imported": (
        "读入 {added} 项改动，{known} 项早已在这里",
        "{added} changes taken in, {known} were here already",
    ),
    "passphrase": ("口令：", "Passphrase: "),
    "sync.complete": (
        "已同步：上传 {pushed}，冲突 {merged}，未被接受 {refused}",
        "Synced: {pushed} uploaded, {merged} in conflict, {refused} not accepted",
    ),
    "sync.offline": (
        "没有网络。{pending} 项改动已存在本机，联网后再同步。",
        "No network. {pending} changes are saved here for the next sync.",
    ),
    "sync.try_later": (
        "服务器暂时不行，稍后再试。{pending} 项改动已存在本机。",
        "The server cannot do it now; try later. {pending} changes are saved here.",
    ),
    "sync.signed_out": (
        "需要重新登录：tonglu-device login。{pending} 项改动还在本机。",
        "Sign in again: tonglu-device login. {pending} changes are still here.",
    ),
    "sync.update_needed": (
        "请更新本程序。{pending} 项改动还在本机。",
        "Update this program. {pending} changes are still here.",
    ),
    "sync.protection_needed": (
        "公司要求加密存储，请安装 tonglu-mobile-client-sdk[protected]。",
        "Your company wants encrypted stores: install tonglu-mobile-client-sdk[protected].",
    ),
    "sync.wiped": (
        "这台设备已被停用，资料已清除。",
        "This device was signed out and its records were destroyed.",
    ),
    "saved_to": ("没有上传的内容存在 {file}", "What was not uploaded is saved in {file}"),
    "look": ("看冲突：tonglu-device conflicts", "See them: tonglu-device conflicts"),
    "server": ("服务器", "Server"),
    "device": ("设备", "Device"),
    "store": ("资料", "Records"),
    "protection": ("加密", "Encryption"),
    "protected": ("已加密", "encrypted"),
    "unprotected": (
        "没有加密！请安装 tonglu-mobile-client-sdk[protected]",
        "NOT ENCRYPTED! Install tonglu-mobile-client-sdk[protected]",
    ),
    "lease": ("有效期", "Lease"),
    "lease.until": (
        "到 {when}；此前同步一次即续期",
        "until {when}; a sync before then renews it",
    ),
    "customers": ("客户数", "Customers"),
    "pending": ("等待上传", "To upload"),
    "conflicts": ("冲突", "Conflicts"),
    "refused": ("未被接受", "Not accepted"),
    "not_loaded": ("还没有取回客户：tonglu-device sync", "not fetched yet: tonglu-device sync"),
    "error.not_enrolled": (
        "这台设备还没有登记：tonglu-device login 地址 代码",
        "This device is not enrolled: tonglu-device login URL CODE",
    ),
    "error.no_customer": ("没有找到客户「{named}」", "There is no customer “{named}”"),
    "error.no_lead": ("没有这样的待答复线索：{named}", "No lead waits under this name: {named}"),
    "error.several": ("「{named}」不止一个，请写清楚：", "“{named}” is more than one; say which:"),
    "error.field": ("没有字段「{field}」。可用：{known}", "No field “{field}”. There are: {known}"),
    "error.fields": ("请写成 字段=值：{text}", "Write field=value: {text}"),
    "error.value": ("{field}：填写的内容不合要求", "{field}: the value is not of the right form"),
    "error.choices": ("{field}：请填其中一个：{known}", "{field}: write one of these: {known}"),
    "error.long": ("{field}：最多 {most} 个字", "{field}: at most {most} characters"),
    "error.phone": (
        "{field}：请写手机号或带区号的号码，如 13800000000、+862161234567",
        "{field}: write a number such as 13800000000 or +862161234567",
    ),
    "error.required": ("{field}：不能为空", "{field}: a value is needed"),
    "error.no_visit": ("这里没有签到过的拜访", "there is no visit here to check out of"),
    "error.no_task": ("没有找到任务：{named}", "No open task is called {named}"),
    "error.due": (
        "时间写成 2027-01-31 或 2027-01-31T15:00：{text}",
        "Write 2027-01-31 or 2027-01-31T15:00: {text}",
    ),
    "error.no_row": ("没有第 {number} 行", "There is no row {number}"),
    "error.locked": (
        "离开服务器太久，资料已锁定；内容都在，联网后执行 tonglu-device sync 即可打开。",
        (
            "Without the server for too long, so the records are locked. All is kept: "
            "go online and run tonglu-device sync."
        ),
    ),
    "error.clock": (
        "这台设备的时钟被调回去了；请校正时钟，或联网后执行 tonglu-device sync。",
        "The clock of this device was set back; set it right, or go online and sync.",
    ),
    "error.offline": ("没有网络，连不上服务器。", "No network; the server cannot be reached."),
    "error.code": ("代码无效或已用过。", "The code is not valid, or was used."),
    "error.other_person": (
        "这里是另一个人的资料，请换一个 --home。",
        "These records belong to another person; use another --home.",
    ),
    "error.no_choice": ("没有「{named}」，可以是：{known}", "no “{named}”; there are: {known}"),
    "error.missing": ("还缺：{named}", "still needed: {named}"),
    "error.unknown": ("不认识：{named}", "unknown: {named}"),
    "error.usage": (
        "用法不对（{why}）；看说明：{name} --help",
        "Wrong usage ({why}); see {name} --help",
    ),
    "error.unusable": ("打不开资料：{why}", "The records cannot be opened: {why}"),
    "error.backup": ("这个文件不能用：{why}", "This file cannot be used: {why}"),
    "error.refused": ("服务器拒绝：{why}", "The server refuses: {why}"),
}


class Words:
    """The words of one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, key: str, /, **values: object) -> str:
        """Answer a sentence."""
        return _WORDS[key][0 if self.language == "zh-CN" else 1].format(**values)


def language_of(named: str | None, environment: dict[str, str]) -> Language:
    """Answer the language that was asked for; Chinese unless the system is in another one."""
    wanted = named or next(
        (environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)),
        "zh",
    )
    is_chinese = wanted.lower().startswith(("zh", "c.", "posix")) or wanted == "C"
    return "zh-CN" if is_chinese else "en"

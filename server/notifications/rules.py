"""Decide what a notification says, through which channels it goes, and when. Pure."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from server.kit.calendars import ZONE
from server.kit.errors import Invalid
from server.kit.logs import scrub

_SUBJECT_MAX: Final = 60
_DAY: Final = timedelta(days=1)


class Kind(StrEnum):
    """What somebody is told."""

    VISIT_APPEALED = "visit_appealed"
    """A visitor speaks against a score; a manager decides."""
    APPEAL_DECIDED = "appeal_decided"
    """A manager has decided about one's appeal."""
    CUSTOMERS_HANDED_OVER = "customers_handed_over"
    """A colleague's customers are one's own now."""
    TASK_GIVEN = "task_given"
    """A task was given to one by somebody else, or by a rule."""
    TASK_DUE = "task_due"
    """A must-do task of one's own, or of somebody away in one's charge, is due soon."""
    TASK_OVERDUE = "task_overdue"
    """A must-do task of somebody in one's charge was not done in time."""
    CASE_OPENED = "case_opened"
    """A customer of one's own complains or asks for service."""
    CASE_OVERDUE = "case_overdue"
    """A service case was not closed in time."""
    RESOURCE_ASKED = "resource_asked"
    """A request for help waits for one: to be sent on, or to be answered."""
    RESOURCE_ANSWERED = "resource_answered"
    """A request for help was sent on, done, declined or taken back."""
    APPROVAL_ASKED = "approval_asked"
    """A quote or contract of somebody in one's charge waits for approval."""
    APPROVAL_DECIDED = "approval_decided"
    """Somebody has decided about a quote or contract of one's own."""
    CONTRACT_ENDS = "contract_ends"
    """A contract in one's charge ends in a month, or in a week."""
    TAG_ENDS = "tag_ends"
    """A tag for which one answers ends in a week: prolong it, or retire it."""
    PLAY_TOLD = "play_told"
    """One of the company's own rules has something to tell."""
    PLAY_UNSERVED = "play_unserved"
    """A rule wanted something done and found nobody who could."""
    PLAY_STOPPED = "play_stopped"
    """A rule that hands customers over was switched off: who let it act may not any more."""
    CUSTOMER_MOVED = "customer_moved"
    """A rule gave a customer of one's own to somebody else."""
    RESOURCE_OVERDUE = "resource_overdue"
    """A request for help was not sent on, answered or helped in time."""
    BENEFIT_HELD = "benefit_held"
    """A benefit waits: the platform looks at it before it can be used."""
    BENEFIT_REVIEWED = "benefit_reviewed"
    """The platform has looked at a benefit: it may be used, or is withdrawn."""
    REGISTRATION_MOVED = "registration_moved"
    """A registration of one's own was granted, refused, contested, revoked, or has run out."""
    REGISTRATION_DISPUTED = "registration_disputed"
    """Somebody speaks against a registration of one's own: bring evidence."""
    REGISTRATION_ENDS = "registration_ends"
    """A protection of one's own ends soon."""
    STATEMENT_DRAWN = "statement_drawn"
    """A statement of the company's month waits for its owner."""
    STATEMENT_ANSWERED = "statement_answered"
    """The platform has answered a dispute about a line of a statement."""
    FILE_COMPARED = "file_compared"
    """A file of the company's own books was compared with the platform's."""
    FILE_FAILED = "file_failed"
    """Such a file could not be read or compared; its page says what to do."""
    FILE_TAKEN_BACK = "file_taken_back"
    """The platform has taken such a file back: nothing of it counts any more."""
    DIFFERENCE_ASKED = "difference_asked"
    """The platform asks about differences of such a file; told once a day and file."""
    LINE_DISPUTED = "line_disputed"
    """An agent disputes lines of its statement: the platform's finance answers; told once a day."""
    PAYOUT_WAITS = "payout_waits"
    """A payout that a colleague put together waits for a second person of the platform's."""
    PERSON_SAID = "person_said"
    """The platform says that the company is a natural person: tax is withheld of commission."""
    PERSON_UNSAID = "person_unsaid"
    """It says so no more."""


class Channel(StrEnum):
    """A way outside of the product."""

    WECOM = "wecom"
    """企业微信: the key of a group's robot."""
    DINGTALK = "dingtalk"
    """钉钉: the token of a group's robot."""
    FEISHU = "feishu"
    """飞书: the token of a group's robot."""
    EMAIL = "email"


class BadChannel(Invalid):
    """What a channel is given to reach somebody by is none of its kind."""

    code = "bad_channel"


class BadQuietHours(Invalid):
    """Quiet hours have a beginning and an end, and these differ."""

    code = "bad_quiet_hours"


_SENTENCES: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.VISIT_APPEALED: ("有拜访得分待您裁定", "A visit's score waits for your decision"),
    Kind.APPEAL_DECIDED: ("您的拜访申诉已裁定", "Your appeal was decided"),
    Kind.CUSTOMERS_HANDED_OVER: (
        "同事的客户已移交给您",
        "A colleague's customers were handed over to you",
    ),
    Kind.TASK_GIVEN: ("您有一项新任务", "You have a new task"),
    Kind.TASK_DUE: ("必做任务即将到期", "A must-do task is due soon"),
    Kind.TASK_OVERDUE: ("必做任务已超时", "A must-do task is overdue"),
    Kind.CASE_OPENED: ("客户有新的服务单", "A customer has opened a service case"),
    Kind.CASE_OVERDUE: ("服务单已超时", "A service case is overdue"),
    Kind.APPROVAL_ASKED: ("有报价或合同待您审批", "A quote or contract waits for your approval"),
    Kind.APPROVAL_DECIDED: (
        "您的报价或合同已有审批结果",
        "A decision was made about your quote or contract",
    ),
    Kind.CONTRACT_ENDS: ("合同即将到期", "A contract ends soon"),
    Kind.TAG_ENDS: ("您负责的标签即将到期", "A tag of yours ends soon"),
    Kind.PLAY_TOLD: ("自动规则提醒", "A rule has something to tell"),
    Kind.PLAY_UNSERVED: ("自动规则找不到可派的人", "A rule found nobody to give a task to"),
    Kind.PLAY_STOPPED: (
        "自动规则已停用：启用它的人现在无权转交客户",
        "A rule was switched off: who let it act may hand no customers over now",
    ),
    Kind.BENEFIT_HELD: ("有权益正在复核", "A benefit is in review"),
    Kind.BENEFIT_REVIEWED: ("权益复核有结果", "A benefit was reviewed"),
    Kind.CUSTOMER_MOVED: (
        "您的客户已按规则转给同事",
        "A rule gave a customer of yours to a colleague",
    ),
    Kind.RESOURCE_ASKED: ("有支援申请等您处理", "A request for help waits for you"),
    Kind.RESOURCE_ANSWERED: ("支援申请有进展", "A request for help has moved"),
    Kind.RESOURCE_OVERDUE: ("支援申请已超时", "A request for help is overdue"),
    Kind.REGISTRATION_MOVED: ("您的报备有新结果", "A registration of yours has moved"),
    Kind.REGISTRATION_DISPUTED: (
        "您的报备被提出异议，请举证",
        "A registration of yours is disputed: bring evidence",
    ),
    Kind.REGISTRATION_ENDS: ("报备保护即将到期", "A protection ends soon"),
    Kind.STATEMENT_DRAWN: ("有新的结算单待确认", "A statement waits to be confirmed"),
    Kind.STATEMENT_ANSWERED: ("结算单异议已有答复", "A dispute about a statement was answered"),
    Kind.FILE_COMPARED: ("对账文件已有对账结果", "A file was reconciled"),
    Kind.FILE_FAILED: (
        "对账文件未能完成对账，请查看",
        "A file could not be reconciled: see what to do",
    ),
    Kind.FILE_TAKEN_BACK: (
        "平台取回了对账文件，结果不再计入",
        "The platform took a reconciled file back: nothing of it counts",
    ),
    Kind.DIFFERENCE_ASKED: (
        "平台就对账差异提问，请答复",
        "The platform asks about differences: reply",
    ),
    Kind.LINE_DISPUTED: ("代理商对结算单提出异议", "An agent disputes its statement"),
    Kind.PAYOUT_WAITS: ("有付款批次待您放行", "A payout waits for you to let it go"),
    Kind.PERSON_SAID: (
        "平台将贵公司设为自然人，付佣金时代扣个税",
        "The platform holds you for a natural person: tax is withheld of commission",
    ),
    Kind.PERSON_UNSAID: (
        "平台将贵公司设为非自然人，付佣金时不再代扣个税",
        "The platform holds you for no natural person: no tax is withheld of commission",
    ),
}


def sentence(kind: Kind, *, is_chinese: bool) -> str:
    """Say what happened, without saying to whom or about whom."""
    return _SENTENCES[kind][0 if is_chinese else 1]


def outside(kind: Kind, subject: str, *, shows_subject: bool) -> str:
    """Write what leaves the product: never a number or address of anybody.

    The subject, such as a task's title, goes along only where its reader wants that.
    """
    said = sentence(kind, is_chinese=True)
    if not (shows_subject and subject):
        return said
    return f"{said}：{scrub(subject)[:_SUBJECT_MAX]}"


class Reach(msgspec.Struct, frozen=True):
    """A channel, and by what it reaches somebody."""

    channel: Channel
    address: str

    @property
    def mark(self) -> str:
        """Tell addresses of a channel apart without saying them: they are keys of robots."""
        return hashlib.sha256(self.address.encode()).hexdigest()[:32]


_KEY: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
_MAIL: Final = _KEY | frozenset(".+@")


def ensure_reaches(reach: Reach) -> Reach:
    """Refuse what could lead anywhere else than to the channel.

    :raises BadChannel: naming the field.
    """
    wanted = _MAIL if reach.channel is Channel.EMAIL else _KEY
    is_mail = reach.address.count("@") == 1 and "." in reach.address.partition("@")[2]
    if not set(reach.address) <= wanted or (reach.channel is Channel.EMAIL and not is_mail):
        raise BadChannel(
            "Give the key of the group's robot, or one e-mail address.", field="address"
        )
    return reach


class Quiet(msgspec.Struct, frozen=True):
    """Hours in which nothing is sent, in minutes from midnight; they may go over midnight."""

    from_minute: int
    until_minute: int

    def first_after(self, moment: datetime) -> datetime:
        """Give the moment itself, or the end of the quiet hours that it lies in."""
        local = moment.astimezone(ZONE)
        minute = local.hour * 60 + local.minute
        length = (self.until_minute - self.from_minute) % (24 * 60)
        if (minute - self.from_minute) % (24 * 60) >= length:
            return moment
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        ends = midnight + timedelta(minutes=self.until_minute)
        return (ends if ends > local else ends + _DAY).astimezone(moment.tzinfo)


def quiet(from_minute: int | None, until_minute: int | None) -> Quiet | None:
    """Read quiet hours; none where neither end is given.

    :raises BadQuietHours: one end is missing, or both are the same.
    """
    if from_minute is None and until_minute is None:
        return None
    if from_minute is None or until_minute is None or from_minute == until_minute:
        raise BadQuietHours("Give both ends of the quiet hours, or none.", field="quiet_until")
    return Quiet(from_minute, until_minute)

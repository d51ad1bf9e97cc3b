"""Say in plain words what looked like fraud. Chinese first. Pure.

The agent reads what is about itself; how many of others there are is told to the platform alone.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from server.benefits.reviews.rules import Raised, Signal
from server.benefits.reviews.schemas import SignalView

_SAID: Final[Mapping[Signal, tuple[str, str]]] = {
    Signal.SELF_DEALING: (
        "客户电话是代理商自己员工的电话",
        "The customer's phone is that of one of the agent's own people",
    ),
    Signal.SHARED_PHONE: (
        "多位客户使用同一个电话",
        "Several customers have the same phone",
    ),
    Signal.RING: (
        "客户之间通过共用的电话或设备相互关联",
        "Customers hang together by phones or devices that they share",
    ),
    Signal.SHARED_DEVICE: ("多人使用同一台设备申请", "Several people asked from one device"),
    Signal.BURST_PERSON: (
        "同一人短时间内申请过多",
        "One person asked for unusually many in a short time",
    ),
    Signal.BURST_DEVICE: (
        "同一设备短时间内申请过多",
        "Unusually many were asked for from one device in a short time",
    ),
    Signal.BURST_AGENT: (
        "代理商短时间内申请过多",
        "The agent asked for unusually many in a short time",
    ),
    Signal.BURST_CUSTOMER: (
        "同一电话短时间内获得过多权益",
        "One phone received unusually many in a short time",
    ),
    Signal.INSTANT_USE: (
        "权益一发放即被使用",
        "Benefits are used the moment they are there",
    ),
    Signal.OUTLIER: (
        "申请量明显高于其他代理商",
        "The agent asks for far more than its peers",
    ),
    Signal.BEYOND_LIMIT: (
        "同一客户获得的权益超过规定份数",
        "The customer has received more than one may have",
    ),
}
_COUNTED: Final[Mapping[Signal, tuple[str, str]]] = {
    Signal.INSTANT_USE: (
        "{said}：{count}%（上限 {limit}%）",
        "{said}: {count}% (from {limit}% on)",
    ),
    Signal.SELF_DEALING: ("{said}", "{said}"),
}
_COUNT: Final = ("{said}：{count}（上限 {limit}）", "{said}: {count} (at most {limit})")


def said(signal: Signal, lang: int) -> str:
    """Write what a signal is, without numbers.

    :param lang: 0 for Chinese, 1 for English.
    """
    return _SAID[signal][lang]


def told(raised: Iterable[Raised], *, with_counts: bool) -> list[SignalView]:
    """Write signals, those that count most first."""
    return [
        SignalView(
            signal=each.signal,
            zh=_sentence(each, 0, with_counts=with_counts),
            en=_sentence(each, 1, with_counts=with_counts),
        )
        for each in raised
    ]


def _sentence(raised: Raised, lang: int, *, with_counts: bool) -> str:
    """Write a signal.

    :param lang: 0 for Chinese, 1 for English.
    """
    what = said(raised.signal, lang)
    if not with_counts:
        return what
    shape = _COUNTED.get(raised.signal, _COUNT)[lang]
    return shape.format(said=what, count=raised.count, limit=raised.limit)

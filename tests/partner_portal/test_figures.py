"""Drawings keep their proportions; numbers and times read as the reader's language has them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partner_portal import figures
from partner_portal.figures import Step
from partner_portal.formats import Formats, initial
from partner_portal.words import Language, catalogue
from sync_protocol.schema import MAX_TIME_MS

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=8))
def test_a_funnel_stays_on_its_paper_and_the_taller_bar_is_the_greater_count(
    counts: list[int],
) -> None:
    drawn = figures.funnel([Step("", count, str(count)) for count in counts])

    assert len(drawn.bars) == len(counts)
    assert all(bar.x >= 0 and bar.x + bar.width <= figures.WIDTH + 0.2 for bar in drawn.bars)
    assert all(bar.y >= 0 and bar.y + bar.height <= figures.GROUND + 0.2 for bar in drawn.bars)
    pairs = [(count, bar.height) for count, bar in zip(counts, drawn.bars, strict=True)]
    assert sorted(pairs) == sorted(pairs, key=lambda pair: (pair[1], pair[0]))


def test_a_suppressed_step_tells_no_rate() -> None:
    drawn = figures.funnel([Step("", 200, "200"), Step("", None, "<10"), Step("", 10, "10")])

    assert drawn.rates == []


def test_no_steps_are_no_funnel() -> None:
    assert figures.funnel([]).bars == []


def test_spreads_share_one_line_that_holds_all_of_them_and_nothing() -> None:
    below, above = figures.spreads([(-50, 0, 50), (100, 125, 150)])

    assert below == figures.Spread(low=0.0, middle=25.0, high=50.0, zero=25.0)
    assert above == figures.Spread(low=75.0, middle=87.5, high=100.0, zero=25.0)


def test_spreads_of_nothing_are_drawn_all_the_same() -> None:
    assert figures.spreads([(0, 0, 0)]) == [figures.Spread(0.0, 0.0, 0.0, 0.0)]
    assert figures.spreads([]) == []


@pytest.mark.parametrize(
    ("minor", "said"),
    [(4_200_000, "¥42,000"), (1_05, "¥1.05"), (0, "¥0"), (-12_50, "-¥12.50"), (None, "")],
)
def test_money_is_written_in_yuan(minor: int | None, said: str) -> None:
    assert Formats(catalogue(Language.CHINESE), NOW).money(minor) == said


@pytest.mark.parametrize(
    ("minor", "currency", "said", "column"),
    [
        (12_800, "JPY", "JPY 12,800", "12,800"),
        (-7, "JPY", "-JPY 7", "-7"),
        (1_005, "KWD", "KWD 1.005", "1.005"),
        (2_000, "KWD", "KWD 2", "2.000"),
        (12_50, "USD", "USD 12.50", "12.50"),
        (-4_200_000, "CNY", "-¥42,000", "-42,000.00"),
    ],
)
def test_money_has_the_decimals_of_its_currency(
    minor: int, currency: str, said: str, column: str
) -> None:
    formats = Formats(catalogue(Language.CHINESE), NOW)

    assert formats.money(minor, currency) == said
    assert formats.amount(minor, currency) == column


@pytest.mark.parametrize(
    ("minor", "currency", "said"),
    [
        (12_849, "CNY", "¥128"),
        (12_850, "CNY", "¥129"),
        (-12_849, "CNY", "-¥128"),
        (12_849, "JPY", "JPY 12,849"),
        (12_500, "KWD", "KWD 13"),
        (12_499, "KWD", "KWD 12"),
    ],
)
def test_an_estimate_is_told_in_whole_units_of_its_currency(
    minor: int, currency: str, said: str
) -> None:
    assert Formats(catalogue(Language.CHINESE), NOW).estimate(minor, currency) == said


@pytest.mark.parametrize(
    ("passed", "chinese", "english"),
    [
        (timedelta(seconds=5), "刚刚", "just now"),
        (timedelta(minutes=1), "1 分钟前", "1 minute ago"),
        (timedelta(hours=9), "9 小时前", "9 hours ago"),
        (timedelta(days=6), "6 天前", "6 days ago"),
        (timedelta(days=10), "11月13日", "Nov 13"),
        (timedelta(days=400), "2025年10月19日", "Oct 19, 2025"),
        (-timedelta(minutes=3), "刚刚", "just now"),
    ],
)
def test_the_past_is_told_as_people_do(passed: timedelta, chinese: str, english: str) -> None:
    assert Formats(catalogue(Language.CHINESE), NOW).ago(NOW - passed) == chinese
    assert Formats(catalogue(Language.ENGLISH), NOW).ago(NOW - passed) == english


def test_a_moment_is_told_on_the_channels_clock() -> None:
    assert Formats(catalogue(Language.CHINESE), NOW).moment(NOW) == "2026年11月23日 12:00"


def test_the_last_moment_that_a_record_holds_is_told_too() -> None:
    write = Formats(catalogue(Language.CHINESE), NOW)

    assert write.moment(write.from_ms(MAX_TIME_MS)).startswith("9999年12月30日")


def test_a_mobile_number_is_written_in_groups() -> None:
    write = Formats(catalogue(Language.CHINESE), NOW).phone

    assert write("+8613862147705") == "138 6214 7705"
    assert write("+85223456789") == "+85223456789"
    assert write(None) == ""


def test_a_count_that_is_hidden_says_so() -> None:
    assert Formats(catalogue(Language.CHINESE), NOW).count(None) == "隐去"


def test_freshness_is_judged_by_days() -> None:
    judge = Formats(catalogue(Language.CHINESE), NOW).freshness

    assert [judge(NOW - timedelta(hours=h)) for h in (1, 30, 100)] == ["ok", "warn", "bad"]
    assert judge(None) == ""


def test_a_nameless_thing_still_has_an_initial() -> None:
    assert initial("  ") == "?"
    assert initial("恒信数码") == "恒"

"""The timetable: what is due, in which order, whatever clocks and time zones do."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from prodigy_support import BID, MONDAY, Playground

from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.engine.refusals import Reason
from zenithd_prodigy.exchange import Market
from zenithd_prodigy.model.events import StatusChanged, TradingDayEnded, TradingDayStarted
from zenithd_prodigy.model.statuses import Status
from zenithd_prodigy.timetable.due import Place, due, next_due, place_at
from zenithd_prodigy.timetable.plan import (
    EXCHANGE_DAY,
    HALF_DAY,
    Phase,
    PhaseKind,
    Timetable,
    is_time_zone,
    round_the_clock,
)

SECOND = 1_000_000_000


def at(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * SECOND  # type: ignore[misc,arg-type]


def weekdays(zone: str = "UTC", **special: object) -> Timetable:
    days: tuple[str | None, ...] = ("day",) * 5 + (None, None)
    plans = {"day": EXCHANGE_DAY, "half": HALF_DAY}
    return Timetable(time_zone=zone, plans=plans, weekdays=days, **special)  # type: ignore[arg-type]


def phases(timetable: Timetable, since: int, until: int) -> list[tuple[str, str]]:
    """UTC time and kind of what is due between two instants."""
    return [
        (datetime.fromtimestamp(each.at / SECOND, UTC).strftime("%d %H:%M"), each.phase.kind.value)
        for each in due(timetable, place_at(timetable, since), until)
    ]


def test_a_day_in_its_order() -> None:
    assert phases(weekdays(), at(2026, 1, 5), at(2026, 1, 6)) == [
        ("05 07:00", "StartOfDay"), ("05 07:00", "PreOpen"), ("05 09:45", "PreAuction"),
        ("05 10:00", "Auction"),
        ("05 10:00", "Open"), ("05 16:00", "PreAuction"), ("05 16:10", "Auction"), ("05 16:10", "PreClose"),
        ("05 16:20", "Closed"), ("05 17:00", "EndOfDay"),
    ]  # fmt: skip


def test_weekends_holidays_and_half_days() -> None:
    timetable = weekdays(
        holidays={date(2026, 1, 26): "Australia Day"}, special_days={date(2026, 1, 27): "half"}
    )
    found = phases(timetable, at(2026, 1, 23, 16, 30), at(2026, 1, 27, 23))
    assert [entry for entry in found if entry[1] in ("EndOfDay", "StartOfDay")] == [
        ("23 17:00", "EndOfDay"), ("27 07:00", "StartOfDay"), ("27 15:00", "EndOfDay"),
    ]  # fmt: skip


def test_local_times_follow_the_clock_changes() -> None:
    sydney = weekdays("Australia/Sydney")
    opens = [
        time
        for since in (at(2026, 4, 2), at(2026, 4, 6))  # summer time ends on 5 April
        for time, kind in phases(sydney, since, since + 86_400 * SECOND)
        if kind == "Open"
    ]
    assert opens == ["02 23:00", "07 00:00"]


@pytest.mark.parametrize(
    ("day", "local", "utc"),
    [
        (date(2026, 3, 29), "02:30", at(2026, 3, 29, 1, 30)),  # skipped: as long after the change
        (date(2026, 3, 29), "03:00", at(2026, 3, 29, 1, 0)),
        (date(2026, 10, 25), "02:30", at(2026, 10, 25, 0, 30)),  # twice: the first time
        (date(2026, 10, 25), "03:00", at(2026, 10, 25, 2, 0)),
    ],
)
def test_hours_that_are_skipped_or_come_twice(day: date, local: str, utc: int) -> None:
    plan = (Phase(local, PhaseKind.OPEN),)
    timetable = Timetable(time_zone="Europe/Berlin", plans={"d": plan}, weekdays=("d",) * 7)
    following = next_due(timetable, Place(day, -1))
    assert following is not None
    assert following.at == utc


def test_a_phase_is_never_before_the_one_before_it() -> None:
    plan = (Phase("02:45", PhaseKind.PRE_AUCTION), Phase("03:10", PhaseKind.AUCTION))
    timetable = Timetable(time_zone="Europe/Berlin", plans={"d": plan}, weekdays=("d",) * 7)
    found = due(timetable, Place(date(2026, 3, 29), -1), at(2026, 3, 29, 12))
    assert [each.at for each in found] == [at(2026, 3, 29, 1, 45)] * 2


def test_nothing_comes_twice_when_the_clock_goes_back() -> None:
    timetable = weekdays()
    first = due(timetable, Place(MONDAY, -1), at(2026, 1, 5, 10))
    assert len(first) == 5
    assert due(timetable, first[-1].place, at(2026, 1, 5, 9)) == []
    assert [each.phase.kind for each in due(timetable, first[-1].place, at(2026, 1, 5, 16))] == [
        PhaseKind.PRE_AUCTION
    ]


def test_a_timetable_without_phases_is_never_due() -> None:
    never = Timetable(time_zone="UTC", plans={}, weekdays=(None,) * 7)
    assert next_due(never, Place(MONDAY, -1)) is None
    assert next_due(never, Place(date(9999, 12, 30), -1)) is None


@pytest.mark.parametrize(
    "values",
    [
        {"time_zone": "Nowhere/Land"},
        {"weekdays": ("day",)},
        {"weekdays": ("other",) * 7},
        {"special_days": {MONDAY: "other"}},
        {"plans": {"day": (Phase("25:00", PhaseKind.OPEN),)}},
        {"plans": {"day": (Phase("10:00", PhaseKind.OPEN), Phase("09:00", PhaseKind.CLOSED))}},
        {"plans": {"day": (Phase("10:00", PhaseKind.OPEN),) * 101}},
    ],
)
def test_impossible_timetables(values: dict[str, object]) -> None:
    usual: dict[str, object] = {"time_zone": "UTC", "plans": {"day": EXCHANGE_DAY}, "weekdays": ("day",) * 7}
    with pytest.raises(ValueError, match=r"time zone|weekdays|day plan|time HH"):
        Timetable(**usual | values)  # type: ignore[arg-type]


def test_round_the_clock() -> None:
    timetable = round_the_clock("UTC", "12:00", 90)
    assert phases(timetable, at(2026, 1, 5, 23), at(2026, 1, 6, 13)) == [
        ("06 00:00", "EndOfDay"), ("06 00:00", "StartOfDay"), ("06 11:58", "PreAuction"),
        ("06 12:00", "Auction"),
        ("06 12:00", "Open"),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="leaves no"):
        round_the_clock("UTC", "00:01")


def started() -> Playground:
    play = Playground(Status.CLOSED)
    play.now = at(2026, 1, 5, 6)
    play.do(c.EndTradingDay(market="M"), c.SetTimetable(market="M", timetable=weekdays()))
    return play


def test_missed_phases_are_made_up_in_order_and_a_restart_changes_nothing() -> None:
    play = started()
    tuesday = at(2026, 1, 6, 10, 30)
    restored = Market(checkpoint=play.model.checkpoint())
    lived: list[object] = []
    for hour in range(31):
        for events in play.market.catch_up(at(2026, 1, 5, 4) + hour * 3_600 * SECOND):
            lived += events
    made_up = [event for events in restored.catch_up(tuesday) for event in events]

    def shape(events: list[object]) -> list[object]:
        return [
            event.status if isinstance(event, StatusChanged) else event.trading_date
            for event in events
            if isinstance(event, StatusChanged | TradingDayStarted | TradingDayEnded)
        ]

    assert shape(lived)[: len(shape(made_up))] == shape(made_up)
    assert shape(made_up)[:3] == [Status.PRE_OPEN, Status.PRE_AUCTION, Status.AUCTION]
    assert date(2026, 1, 6) in shape(made_up)
    assert restored.model.status is Status.OPEN
    assert restored.engine.next_due() == at(2026, 1, 6, 16)
    assert list(restored.catch_up(tuesday)) == []


def test_the_operator_overrides_until_the_next_phase() -> None:
    play = started()
    list(play.market.catch_up(at(2026, 1, 6, 10, 30)))
    play.status(Status.INQUIRY)
    assert list(play.market.catch_up(at(2026, 1, 6, 15, 59))) == []
    assert play.model.status is Status.INQUIRY
    list(play.market.catch_up(at(2026, 1, 6, 16, 0)))
    assert play.model.status is Status.PRE_AUCTION
    play.do(c.SetTimetable(market="M", timetable=None))
    assert play.market.engine.due(at(2027, 1, 1)) == []
    assert play.market.engine.next_due() is None


def test_only_the_next_phase_and_only_when_it_is_due() -> None:
    play = started()
    first = c.RunPhase(market="M", day=date(2026, 1, 5), index=0)
    assert play.refuses(first) is Reason.PHASE
    play.now = at(2026, 1, 5, 8)
    assert play.refuses(c.RunPhase(market="M", day=date(2026, 1, 5), index=1)) is Reason.PHASE
    assert play.refuses(first) is None
    assert play.refuses(first) is Reason.PHASE


def test_a_day_through_all_phases_with_orders() -> None:
    play = started()
    for hour, minute in ((7, 0), (9, 50), (10, 0), (16, 5), (16, 10), (16, 20), (17, 0)):
        play.now = at(2026, 1, 6, hour, minute)
        for events in play.market.catch_up(play.now):
            play.events += events
        if play.symbol.rules.place:
            play.order(BID, 1, 100)
    assert play.model.order_count == 0
    assert play.model.day_ended
    statuses = [event.status for event in play.events if isinstance(event, StatusChanged)]
    assert statuses[-8:] == [
        Status.PRE_OPEN, Status.PRE_AUCTION, Status.AUCTION, Status.OPEN, Status.PRE_AUCTION, Status.AUCTION,
        Status.PRE_CLOSE, Status.CLOSED,
    ]  # fmt: skip


def test_a_timetable_that_comes_within_a_day_begins_it() -> None:
    """Else orders for the first day would outlive its end."""
    for hour, begins in ((6, False), (12, True), (18, False)):
        market = Market()
        now = at(2026, 1, 5, hour)
        assert isinstance(market.handle(c.CreateMarket(market="M"), now), list)
        assert isinstance(market.handle(c.SetTimetable(market="M", timetable=weekdays()), now), list)
        assert market.model.trading_date == (MONDAY if begins else None)
    play = Playground()  # it is in this day already
    play.now = at(2026, 1, 5, 12)
    play.do(c.SetTimetable(market="M", timetable=weekdays()))
    assert not any(isinstance(event, TradingDayEnded) for event in play.events)
    play.order(BID, 1, 100)
    list(play.market.catch_up(at(2026, 1, 5, 17)))
    assert play.model.order_count == 0


def test_what_is_due_is_done_before_the_timetable_is_another() -> None:
    play = started()
    list(play.market.catch_up(at(2026, 1, 5, 9, 50)))
    play.now = at(2026, 1, 5, 10)  # the auction and the opening are due, and not done yet
    christmas = weekdays(holidays={date(2026, 12, 25): "Christmas"})
    play.do(c.SetTimetable(market="M", timetable=christmas, command_id="holiday"))
    assert play.model.status is Status.OPEN
    assert play.model.place == Place(MONDAY, 4)
    assert play.refuses(c.SetTimetable(market="M", timetable=None, command_id="holiday")) is not None


def test_timetables_that_are_refused() -> None:
    """A journal may hold them: so they can be followed, and are not taken from anybody."""
    assert not any(map(is_time_zone, ("localtime", "right/UTC", "Mars/Base", "", "..", "a\0b")))
    play = Playground()
    days = {date.fromordinal(MONDAY.toordinal() + day): "" for day in range(10_001)}
    for wrong in (
        Timetable(time_zone="UTC", plans={str(n): () for n in range(101)}, weekdays=(None,) * 7),
        Timetable(time_zone="UTC", plans={"n" * 201: ()}, weekdays=(None,) * 7),
        Timetable(time_zone="UTC", plans={}, weekdays=(None,) * 7, holidays={MONDAY: "n" * 201}),
        Timetable(time_zone="UTC", plans={}, weekdays=(None,) * 7, holidays=days),
    ):
        assert play.refuses(c.SetTimetable(market="M", timetable=wrong)) is Reason.TIMETABLE

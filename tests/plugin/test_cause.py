"""Causes in one line."""

from __future__ import annotations

import sys
from types import FrameType

from zenithd.plugin.cause import TEXT_LENGTH_MAX, Place, describe, innermost_place


def fail(problem: BaseException) -> None:
    raise problem


def caught(problem: BaseException) -> BaseException:
    try:
        fail(problem)
    except BaseException as raised:
        return raised
    raise AssertionError


def test_type_message_and_place() -> None:
    line = fail.__code__.co_firstlineno + 1
    assert describe(caught(ValueError("no price")), {}) == f"ValueError: no price (test_cause.py:{line})"


def test_plugins_own_line_is_preferred_to_the_innermost() -> None:
    def inner() -> None:
        int("x")

    foreign = {"__name__": "library"}
    exec("def call(function):\n    function()\n", foreign)
    try:
        foreign["call"](inner)  # type: ignore[operator]
    except ValueError as problem:
        assert "(test_cause.py:" in describe(problem, {__name__: "example"})
        assert describe(problem, {"library": "example"}).endswith("(<string>:2)")


def test_submodules_belong_to_their_package() -> None:
    module = {"__name__": "acme.feed.client"}
    exec(compile("def fail():\n    1 / 0\n", "/site/acme/feed/client.py", "exec"), module)
    try:
        module["fail"]()  # type: ignore[operator]
    except ZeroDivisionError as problem:
        assert describe(problem, {"acme.feed": "feed"}).endswith("(acme/feed/client.py:2)")


def test_group_shows_its_first_leaf_and_how_many_more() -> None:
    group = ExceptionGroup("all", [ExceptionGroup("some", [OSError("first")]), KeyError("second")])
    assert describe(group, {}) == "OSError: first, and 1 more"


def test_message_is_one_line_of_bounded_length() -> None:
    text = describe(RuntimeError("a\n  b" + "c" * 10_000), {})
    assert text.startswith("RuntimeError: a bccc")
    assert len(text) < TEXT_LENGTH_MAX + 50


def test_message_that_cannot_be_shown() -> None:
    class Rude(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert describe(Rude(), {}) == "Rude: <exception str() failed>"


def test_without_a_message() -> None:
    assert describe(ValueError(), {}) == "ValueError"


def test_no_frames_no_place() -> None:
    assert innermost_place([], {}) is None


def test_the_event_loop_is_named_only_if_there_is_nothing_else() -> None:
    def frame_of(module: str) -> tuple[FrameType, int]:
        names = {"__name__": module, "sys": sys}
        exec(compile("frame = sys._getframe()", f"/site/{module}.py", "exec"), names)
        frame = names["frame"]
        assert isinstance(frame, FrameType)
        return frame, 1

    outer, loop = frame_of("library"), frame_of("trio")
    assert innermost_place([outer, loop], {}) == Place("library.py", 1)
    assert innermost_place([loop], {}) == Place("trio.py", 1)
    assert innermost_place([outer, loop], {"trio": "odd"}) == Place("trio.py", 1, "odd")

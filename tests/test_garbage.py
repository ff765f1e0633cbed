"""Collections look at what is new; what was set aside is looked at again when there is too much of it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from zenithd.garbage import SetAside


class Node:
    """Refers to itself, so that only a collection can free it."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(params=[10_000_000])
def started(request: pytest.FixtureRequest) -> Iterator[SetAside]:
    aside = SetAside(count_passes=1, growth_max=2.0, objects_max=request.param)
    aside.start()
    yield aside
    gc.callbacks.remove(aside)
    gc.unfreeze()


@pytest.mark.usefixtures("started")
def test_survivors_are_set_aside_and_new_garbage_is_found() -> None:
    kept, lost = Node(), Node()
    found = weakref.ref(lost)
    before = gc.get_freeze_count()
    del lost
    gc.collect()
    assert found() is None
    assert gc.get_freeze_count() > before
    assert not any(one is kept for one in gc.get_objects())


@pytest.mark.usefixtures("started")
def test_what_dies_when_it_was_set_aside_is_found_after_growth() -> None:
    node = Node()
    found = weakref.ref(node)
    gc.collect()
    del node
    gc.collect()
    assert found() is not None
    more = [[] for _ in range(2 * gc.get_freeze_count())]  # type: ignore[var-annotated]
    gc.collect()  # counts, and sees that everything must be looked at
    gc.collect()
    assert found() is None
    assert len(more) < gc.get_freeze_count()


@pytest.mark.parametrize("started", [1000], indirect=True)
@pytest.mark.usefixtures("started")
def test_too_many_are_never_looked_at_again() -> None:
    node = Node()
    found = weakref.ref(node)
    gc.collect()
    del node
    more = [[] for _ in range(2 * gc.get_freeze_count())]  # type: ignore[var-annotated]
    for _ in range(3):
        gc.collect()
    assert found() is not None
    assert gc.get_freeze_count() > len(more)

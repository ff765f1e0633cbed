"""docs/plugin-authoring.md names every hook with its arguments, every check, every state and every method."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import zenithd.plugin
from zenithd.oms.feeds import Seat
from zenithd.plugin import VenueSource, hookspecs
from zenithd.plugin.loaded import PluginState
from zenithd.plugin.validation import HOOKS
from zenithd.testing import MemoryOms, adapter_conformance, conformance

REPOSITORY = Path(__file__).parents[2]
TEXT = (REPOSITORY / "docs" / "plugin-authoring.md").read_text()

SPECIFICATIONS = {name: function for name, function in vars(hookspecs).items() if name.startswith("zenithd_")}


@pytest.mark.parametrize("name", sorted(SPECIFICATIONS))
def test_hook_stands_in_the_docs_with_its_arguments(name: str) -> None:
    parameters = ", ".join(inspect.signature(SPECIFICATIONS[name]).parameters)
    assert f"| `{name}({parameters})` |" in TEXT


def test_docs_and_manager_know_no_other_hooks() -> None:
    assert set(re.findall(r"\bzenithd_\w+(?=\(\)` \|)", TEXT)) == set(SPECIFICATIONS)
    assert set(HOOKS) == set(SPECIFICATIONS)


def test_checks_stand_in_the_docs_in_order() -> None:
    assert re.findall(r"^\| `(C\d\d-[a-z-]+)` \|", TEXT, re.MULTILINE) == [str(c) for c in conformance.CHECKS]
    checks = [str(check) for check in adapter_conformance.CHECKS]
    assert re.findall(r"^\| `(F\d\d-[a-z-]+)` \|", TEXT, re.MULTILINE) == checks


def test_the_places_of_a_feed_stand_in_their_picture() -> None:
    picture = TEXT.split("## 10.")[1].split("```mermaid")[1].split("```")[0]
    places = {seat.value for seat in Seat} - {Seat.NEW.value, Seat.CLOSED.value}
    assert places == set(re.findall(r"\b[a-z]+(?= -->)|(?<=--> )[a-z]+", picture))


def test_what_an_oms_can_be_made_to_do_stands_in_the_docs() -> None:
    named = set(re.findall(r"`(\w+)\(", TEXT.split("## 10.")[1].split("## 11.")[0]))
    assert {"cut", "restart", "fall_back", "held", "deaf", "losing_requests"} <= named
    assert all(hasattr(MemoryOms, name) for name in ("cut", "restart", "fall_back", "held", "deaf"))


@pytest.mark.parametrize("state", PluginState, ids=lambda state: state.value)
def test_states_stand_in_the_picture(state: PluginState) -> None:
    picture = TEXT.split("```mermaid")[1].split("```")[0]
    assert state.value in picture


def test_what_an_author_overrides_stands_in_the_docs() -> None:
    own = {
        name
        for name, value in vars(VenueSource).items()
        if callable(value) and not name.startswith("_") and name not in ("get", "run")
    }
    named = set(re.findall(r"`(\w+)\([\w, ]*\)`", TEXT.split("## 6.")[1].split("## 7.")[0]))
    assert own <= named


def test_links_lead_somewhere() -> None:
    for page in (REPOSITORY / "docs" / "plugin-authoring.md", REPOSITORY / "plugins" / "README.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_headings_are_those_of_the_contents() -> None:
    anchors = re.findall(r"\]\(#([^)]+)\)", TEXT)
    headings = [
        re.sub(r"[^a-z0-9 -]", "", line.removeprefix("## ").lower()).replace(" ", "-")
        for line in TEXT.splitlines()
        if line.startswith("## ")
    ]
    assert anchors == headings


def test_everything_that_is_exported_exists_and_is_described() -> None:
    for name in zenithd.plugin.__all__:
        value = getattr(zenithd.plugin, name)
        if inspect.isclass(value):
            assert value.__doc__, name

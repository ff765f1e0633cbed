"""docs/vetting.md says what is so: its rules can be read, its conditions hold, its table is the real one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.vetting.lib_facts import FACTS, STOCK, holds
from zenithd.vetting import InvalidRules, Level, Source, load
from zenithd.vetting.properties import ALIASES, PROPERTIES

PAGE = (Path(__file__).parents[2] / "docs" / "vetting.md").read_text()
BLOCKS = re.findall(r"```vortex\n(.*?)```", PAGE, re.DOTALL)
CONDITIONS = re.findall(
    r"^\| `(.+)` \|$", PAGE.partition("| true of that order |")[2].partition("##")[0], re.MULTILINE
)


def property_table() -> str:
    """As it stands in the page."""
    rows = ["| property | | |", "|---|---|---|"]
    for one in PROPERTIES.values():
        values = f": {', '.join(one.values)}" if one.values else ""
        kind = one.kind.value.removeprefix("a ")
        rows.append(f"| `{one.path}` | {kind} | {one.about}{values}{'; *ours*' if one.is_own else ''} |")
    return "\n".join(rows) + "\n"


def test_the_table_of_properties() -> None:
    found = PAGE.partition("<!-- properties: begin -->\n")[2].partition("<!-- properties: end -->")[0]
    assert found == property_table(), property_table()


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_examples_can_be_read(number: int) -> None:
    compiled = load([STOCK, Source("page", BLOCKS[number])])
    assert compiled.vet(FACTS).level in Level
    assert len(BLOCKS) >= 4


@pytest.mark.parametrize("condition", CONDITIONS)
def test_conditions_hold(condition: str) -> None:
    assert len(CONDITIONS) == 12
    assert holds(condition) is True


def test_the_first_example_does_what_its_comment_says() -> None:
    compiled = load([Source("page", BLOCKS[0])])
    large = replace(FACTS.details, value=FACTS.details.value * 51) if FACTS.details else None
    assert compiled.vet(replace(FACTS, details=large)).codes == ("Order.Large 51000",)
    assert compiled.vet(FACTS).level is Level.PASS


def test_the_mistakes_that_it_shows() -> None:
    shown = re.search(r"```text\n\$ zenithd vet check site.vortex\n(.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    text = "\n\nRUN IF details.limt > 100 { FAIL }\nFAIL IF order.side IS bid"
    with pytest.raises(InvalidRules) as caught:
        load([Source("site.vortex", text)])
    assert "".join(f"{one}\n{one.excerpt}\n" for one in caught.value.problems) == shown.group(1)


def test_every_spelling_and_stock_rule_is_named() -> None:
    for name in (*ALIASES, "security", *load([STOCK]).rules):
        assert f"`{name}`" in PAGE

"""5,000 inputs for every boundary, every kept case, and the fuzzer itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fuzz import campaign, leaks
from tests.fuzz.boundaries import BOUNDARIES
from tests.fuzz.boundary import Boundary, Wedged
from tests.fuzz.cases import CASES
from tests.fuzz.draw import Draw

INPUTS = 5_000
SEED = 1
LEAK_INPUTS = 30

every_boundary = pytest.mark.parametrize("name", sorted(BOUNDARIES))


@every_boundary
def test_5000_inputs(name: str) -> None:
    boundary = BOUNDARIES[name]()
    run = campaign.run(boundary, INPUTS, SEED)
    assert not run.faults, f"{run.faults[0]}\n{run.faults[0].given!r}"
    assert run.inputs >= INPUTS
    assert boundary.reaches <= set(run.outcomes), "the generator does not reach what it should"


@every_boundary
def test_nothing_is_left_behind(name: str) -> None:
    growth = leaks.measure(BOUNDARIES[name](), SEED, LEAK_INPUTS)
    assert not growth.leaks, growth


@pytest.mark.parametrize(
    ("name", "given", "outcome"),
    [
        pytest.param(name, given, outcome, id=f"{name}: {why}")
        for name, cases in CASES.items()
        for why, (given, outcome) in cases.items()
    ],
)
def test_kept_case(name: str, given: Any, outcome: str) -> None:
    assert list(BOUNDARIES[name]().check_all([given])) == [outcome]


def test_every_boundary_has_cases() -> None:
    assert set(CASES) == set(BOUNDARIES)


# --- the fuzzer itself ------------------------------------------------------------------------------------


class Broken(Boundary):
    """Breaks its contract in every way that there is."""

    name = "broken"
    reaches = frozenset({"fine"})
    cpu_seconds_max = 0.05
    kept: list[bytes]

    def __init__(self) -> None:
        self.kept = []

    def make(self, draw: Draw) -> list[Any]:
        return [draw.choice(("fine", "fine", "fault", "busy", "leak")), *range(draw.randrange(5))]

    def check(self, given: list[Any]) -> str:
        word = given[0] if given else ""
        if word == "fault":
            raise ValueError("as it should")
        while word == "busy":
            pass
        if word == "leak":
            self.kept += [bytes(100) for _ in range(10)]
        return "fine"


def test_an_input_follows_from_its_number() -> None:
    made = [campaign.make(Broken(), SEED, index) for index in range(20)]
    assert made == [campaign.make(Broken(), SEED, index) for index in range(20)]
    assert made != [campaign.make(Broken(), SEED + 1, index) for index in range(20)]


def test_faults_and_wedges_are_told_with_their_inputs() -> None:
    run = campaign.run(Broken(), 60, SEED)
    assert len(run.faults) == campaign.FAULTS_MAX
    for fault in run.faults:
        assert fault.given == campaign.make(Broken(), SEED, fault.index)
        expected = Wedged if fault.given[0] == "busy" else ValueError
        assert isinstance(fault.error, expected)
    kinds = {type(fault.error) for fault in run.faults}
    assert kinds == {Wedged, ValueError}


def test_a_failing_input_is_made_small() -> None:
    with pytest.raises(ValueError) as caught:
        Broken().check(["fault"])
    small = campaign.minimise(Broken(), campaign.Fault(0, ["fault", 1, [2, 3], "x"], caught.value))
    assert small == ["fault"]


def test_what_stays_behind_is_seen() -> None:
    class Leaking(Broken):
        def make(self, draw: Draw) -> list[Any]:
            return ["leak"]

    assert leaks.measure(Leaking(), SEED, 10).leaks

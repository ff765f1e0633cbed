"""The checks that every market source passes."""

from __future__ import annotations

import pytest
from trio.abc import Clock

import zenithd_prodigy
from zenithd.testing import conformance


@pytest.mark.parametrize("check", conformance.checks(venue=False, wanted=False), ids=str)
async def test_conformance(check: conformance.Check, autojump_clock: Clock) -> None:
    subject = conformance.Subject(
        source=zenithd_prodigy.Prodigy,
        config=zenithd_prodigy.ProdigyConfig(),
        instrument="XS01.XSX",
        package=zenithd_prodigy,
    )
    await check(subject)

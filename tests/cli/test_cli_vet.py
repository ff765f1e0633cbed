"""`zenithd vet check`: what it prints, and where mistakes stand; `zenithd check` knows the rules too."""

from __future__ import annotations

import json
from pathlib import Path

from cli_support import Run

GOOD = "LIBRARY Site { RULE Site.One { FAIL IF order.value > 5 } RULE Site.Unused { PASS } }\n"
GOOD += "SHADOW SET Try { WHEN user IS NOT demo USE Site.One USE Stock.Limits }\n"
BAD = "FAIL IF order.sid IS Bid\nAUTH IF details.price > 'x'\n"


def test_the_stock_rules_are_the_default(zenithd: Run, folder: Path) -> None:
    (folder / "config.toml").write_text("")
    result = zenithd("vet", "check")
    assert result.code == 0
    assert "Stock.General" in result.out
    assert "good: vetting an order takes" in result.out
    (folder / "config.toml").write_text("[vetting]\nstock = false\n")
    assert "no set applies: every order passes" in zenithd("vet", "check").out


def test_files_of_the_configuration(zenithd: Run, folder: Path) -> None:
    (folder / "config.toml").write_text('[vetting]\nfiles = ["site.vortex"]\n')
    (folder / "site.vortex").write_text(GOOD)
    found = json.loads(zenithd("vet", "check", "--json").out)
    assert [one["name"] for one in found["sets"]] == ["Stock.General", "Try"]
    assert found["sets"][1]["conditions"] == ["user not in demo"]
    assert (found["sets"][1]["shadow"], found["sets"][1]["rules"]) == (True, ["Site.One", "Stock.Limits"])
    assert found["notes"] == ["no set uses the rule Site.Unused of site.vortex"]
    (folder / "site.vortex").unlink()
    result = zenithd("vet", "check")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "config.toml:2: vetting.files: expected files of rules that can be read" in result.err
    assert "vetting.files" in zenithd("check").err


def test_mistakes_with_line_and_caret(zenithd: Run, folder: Path) -> None:
    (folder / "bad.vortex").write_text(BAD)
    result = zenithd("vet", "check", "bad.vortex")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "bad.vortex:1:9: there is no property order.sid; did you mean order.side?\n"
        "FAIL IF order.sid IS Bid\n        ^\n"
        "bad.vortex:2:23: > compares values of one kind; here the left is a number, the right a text\n"
        "AUTH IF details.price > 'x'\n                      ^\n"
    )
    result = zenithd("vet", "check", "bad.vortex", "--json")
    found = json.loads(result.out)
    assert (result.code, found["good"]) == (2, False)
    assert found["problems"][0] == {
        "file": "bad.vortex",
        "line": 1,
        "column": 9,
        "message": "there is no property order.sid; did you mean order.side?",
        "text": "FAIL IF order.sid IS Bid",
    }


def test_zenithd_check_tells_mistakes_in_rules(zenithd: Run, folder: Path) -> None:
    (folder / "config.toml").write_text('[vetting]\nfiles = ["bad.vortex"]\n')
    (folder / "bad.vortex").write_text(BAD)
    result = zenithd("check")
    assert result.code == 2
    assert "bad.vortex:1:9: there is no property order.sid" in result.err


def test_limits_of_the_configuration(zenithd: Run, folder: Path) -> None:
    (folder / "tight.toml").write_text("[vetting]\ndepth_max = 5\n")
    (folder / "deep.vortex").write_text("FAIL IF not not not not not not true")
    assert zenithd("vet", "check", "deep.vortex").code == 0
    result = zenithd("vet", "check", "deep.vortex", "--config", "tight.toml")
    assert result.code == 2
    assert "vetting.depth_max" in result.err


def test_files_that_cannot_be_read(zenithd: Run, folder: Path) -> None:
    (folder / "latin.vortex").write_bytes(b"# caf\xe9\n")
    for name, reason in (
        ("absent.vortex", "No such file"),
        ("latin.vortex", "UTF-8"),
        (".", "Is a directory"),
    ):
        result = zenithd("vet", "check", name)
        assert (result.code, result.err.count("\n")) == (2, 1)
        assert reason in result.err

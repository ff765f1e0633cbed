"""What the documents say is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from zenithd.metrics import all_metrics
from zenithd.wire.topics import TOPICS, Kind

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "plugins").rglob("*.md")])


def test_ci_runs_the_command_of_the_readme() -> None:
    command = (ROOT / ".ci" / "run").read_text().splitlines()[-1]
    assert f"```\n{command}\n```" in README


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize(
    "record", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda path: path.stem
)
def test_decision_records_have_their_three_parts(record: Path) -> None:
    headings = re.findall(r"^## (.+)$", record.read_text(), re.MULTILINE)
    assert headings[:2] == ["Context", "Decision"]
    assert "Consequences" in headings


def known_metrics() -> set[str]:
    names = {name for name, _ in all_metrics().names()}
    return names | {f"{name}_{part}" for name in names for part in ("bucket", "sum", "count")}


@pytest.mark.parametrize(
    "file", ["contrib/prometheus/zenithd.rules.yml", "contrib/grafana/zenithd.json", "docs/performance.md"]
)
def test_metrics_that_are_mentioned_exist(file: str) -> None:
    mentioned = set(re.findall(r"\bzenithd_[a-z_]+", (ROOT / file).read_text()))
    assert mentioned
    assert mentioned <= known_metrics()


def test_the_dashboard_is_json() -> None:
    assert json.loads((ROOT / "contrib" / "grafana" / "zenithd.json").read_text())["panels"]


def test_topics_of_the_protocol_page_exist() -> None:
    page = (ROOT / "docs" / "protocol.md").read_text()
    for controller in ("Auth", "Zenith", "Market", "Fragments"):
        row = next(line for line in page.splitlines() if line.startswith(f"| `{controller}`"))
        for topic in re.findall(r"`(\w+)!?`", row.split("|")[2]):
            if topic == "BasicAuth":
                continue
            found = [
                TOPICS.find(controller, text, kind)
                for kind in Kind
                for text in (topic, f"{topic}!XS01.XSX", f"{topic}!Market.XSX")
            ]
            assert any(found), (controller, topic)


def test_settings_that_are_mentioned_exist() -> None:
    reference = (ROOT / "docs" / "configuration.md").read_text()
    for document in (ROOT / "docs" / "performance.md", ROOT / "docs" / "protocol.md"):
        for section, key in re.findall(r"`(server|limits|fanout|plugin_host)\.(\w+)`", document.read_text()):
            assert key in reference, f"{section}.{key}"

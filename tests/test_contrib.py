"""The files for operators: alerting rules, dashboard and unit agree with the daemon and with their tools.

Where the tools are installed (promtool of Prometheus, systemd-analyze), they judge too; what is checked
here without them is the structure, the names of metrics and labels, and the links to the documentation.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zenithd.config.server_settings import LimitSettings, ServerSettings
from zenithd.journal import State as JournalState
from zenithd.metrics import all_metrics
from zenithd.open_files import file_shortage

CONTRIB = Path(__file__).parents[1] / "contrib"
RULES = CONTRIB / "prometheus" / "zenithd.rules.yml"
RULES_TEST = CONTRIB / "prometheus" / "zenithd.rules.test.yml"
DASHBOARD: dict[str, Any] = json.loads((CONTRIB / "grafana" / "zenithd.json").read_text())
UNIT = CONTRIB / "systemd" / "zenithd.service"
OPERATING = (CONTRIB.parent / "docs" / "operating.md").read_text()

EXPOSURE_MAX = 20
"""Of systemd-analyze's 100: more would mean that hardening was lost."""

promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
systemd_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def samples() -> dict[str, set[str]]:
    """Label names by the name of every series that a daemon exports."""
    found: dict[str, set[str]] = {"up": set()}
    metrics = all_metrics()
    instruments = {
        instrument._name: set(instrument._labelnames)
        for instrument in vars(metrics).values()
        if hasattr(instrument, "_labelnames")
    }
    labels_of_collectors = {
        "zenithd_feed_status": {"market", "status"},
        "zenithd_feed_wanted_instruments": {"market", "source"},
        "zenithd_feed_updates": {"market", "source"},
        "zenithd_feed_updated_timestamp_seconds": {"market", "source"},
        "zenithd_journal_state": {"state"},
        "zenithd_journal_refused": {"reason"},
        "zenithd_order_answers": {"topic", "outcome"},
        "zenithd_order_requests": {"status"},
        "zenithd_order_feed_status": {"feed", "status"},
        "zenithd_order_feed_standby": {"feed"},
        "zenithd_order_feed_waiting": {"feed"},
        "zenithd_order_feed_refused": {"feed"},
        "zenithd_order_stage_seconds": {"stage"},
        "zenithd_vetting_shadow_verdicts": {"set", "level"},
    }
    for family in metrics.registry.collect():
        labels = instruments.get(family.name, labels_of_collectors.get(family.name, set()))
        if family.type == "histogram":
            found[f"{family.name}_bucket"] = labels | {"le"}
            found[f"{family.name}_sum"] = found[f"{family.name}_count"] = labels
        else:
            found[family.name + ("_total" if family.type == "counter" else "")] = labels
    return found


SAMPLES = samples()
TARGET_LABELS = {"job", "instance"}
FUNCTIONS = {
    "changes", "count", "histogram_quantile", "increase", "max", "min", "min_over_time", "rate", "scalar",
    "sum", "time",
}  # fmt: skip
WORDS = {"and", "or", "unless", "on", "by", "ignoring", "without"}


def check_expression(expression: str) -> None:
    """A PromQL expression names what exists: series, their labels, functions; and its brackets close."""
    plain = re.sub(r'"[^"]*"', '""', expression)
    for opening, closing in ("()", "[]", "{}"):
        assert plain.count(opening) == plain.count(closing), expression
    for match in re.finditer(r"([a-z_][a-z0-9_]*)\{([^}]*)\}", plain):
        assert match[1] in SAMPLES, match[1]
        used = set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", match[2]))
        assert used <= SAMPLES[match[1]] | TARGET_LABELS, (match[1], used)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\$\w+", "", plain)
    for group in re.findall(r"\b(?:by|on|ignoring|without)\s*\(([^)]*)\)", bare):
        for label in re.findall(r"\w+", group):
            assert label in TARGET_LABELS | set().union(*SAMPLES.values()), label
    bare = re.sub(r"\b(by|on|ignoring|without)\s*\([^)]*\)", "", bare)
    for word in re.findall(r"\b[a-z_][a-z0-9_]*\b", bare):
        assert word in SAMPLES.keys() | FUNCTIONS | WORDS, word


def values_of_labels(expression: str) -> Iterator[tuple[str, str]]:
    """(label, value) of every matcher that names values."""
    for label, value in re.findall(r'(\w+)(?:=~|!~|!=|=)"([^"$]*)"', expression):
        for one in value.split("|"):
            yield label, one


@pytest.mark.parametrize(
    "expression", ["sum(nothing)", 'up{jib="x"}', "sum(up", "average(up)", "sum by (x) (up)"]
)
def test_what_is_wrong_with_an_expression_is_found(expression: str) -> None:
    with pytest.raises(AssertionError):
        check_expression(expression)


# Alerts


class Alert:
    """One alerting rule of the file."""

    def __init__(self, text: str) -> None:
        self.name = text.split("\n", 1)[0].strip()
        block = re.search(r"^        expr: \|\n((?:          .*\n)+)", text, re.MULTILINE)
        line = re.search(r"^        expr: ([^|].*)$", text, re.MULTILINE)
        found = block or line
        assert found is not None, self.name
        self.expression = found[1]
        self.severity = self._field(text, r"labels: \{severity: (\w+)\}")
        self.summary = self._field(text, r'summary: "(.+)"')
        self.runbook = self._field(text, r"runbook: (\S+)")

    def _field(self, text: str, pattern: str) -> str:
        found = re.search(pattern, text)
        assert found is not None, (self.name, pattern)
        return found[1]


ALERTS = [Alert(part) for part in RULES.read_text().split("- alert: ")[1:]]


def test_there_is_an_alert_for_everything_that_is_never_silent() -> None:
    expressions = " ".join(alert.expression for alert in ALERTS)
    for name in (
        "zenithd_feed_status", "zenithd_feed_updated_timestamp_seconds", "zenithd_outbox_lagging_connections",
        "zenithd_loop_stalls_total", "zenithd_history_failures_total", "zenithd_plugin_restarts_total",
        "zenithd_rejects_total", "zenithd_logins_total", "zenithd_gaps_total", "zenithd_source_faults_total",
        "zenithd_connections_refused_total", "zenithd_tls_certificate_expiry_timestamp_seconds",
        "zenithd_reloads_total", "zenithd_ready", "zenithd_inbound_events",
        "zenithd_order_feed_status", "zenithd_order_requests", "zenithd_orders_healthy",
    ):  # fmt: skip
        assert name in expressions, name


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_names_what_exists(alert: Alert) -> None:
    check_expression(alert.expression)
    assert alert.severity in ("critical", "warning", "information")
    page, _, anchor = alert.runbook.partition("#")
    assert page == "docs/operating.md"
    assert f'<a id="{anchor}"></a>' in OPERATING
    for used in re.findall(r"\$labels\.(\w+)", alert.summary):
        carried = {"job", "instance"} | {
            label for name, labels in SAMPLES.items() if name in alert.expression for label in labels
        }
        assert used in carried, used


def test_the_values_that_rules_look_for_are_given() -> None:
    """A status or result that was renamed would silence its alert."""
    from zenithd.domain.market_data import FeedStatus
    from zenithd.oms.model.directory import ConnectionStatus
    from zenithd.oms.model.requests import RequestStatus
    from zenithd.plugin.loaded import PluginState
    from zenithd.trading.service import ACCEPTED

    known = {
        ("job", "zenithd"), ("code", "1008"), ("result", "refused"), ("result", "taken over"),
        ("result", "rejected"), ("result", "limited"),
    }  # fmt: skip
    known |= {("status", status.value) for status in (*FeedStatus, *ConnectionStatus, *RequestStatus)}
    known.add(("outcome", ACCEPTED))
    known |= {("state", state.value) for state in (*PluginState, *JournalState)}
    expressions = [alert.expression for alert in ALERTS] + [
        expression for _, expression in dashboard_targets()
    ]
    for expression in expressions:
        assert set(values_of_labels(expression)) <= known


def test_each_alert_is_tested() -> None:
    text = RULES_TEST.read_text()
    for alert in ALERTS:
        assert f'alertname="{alert.name}"' in text, alert.name
    for series in re.findall(r"series: '(\w+\{[^}]*\})'", text):
        check_expression(series)


def test_the_table_of_symptoms_and_the_alerts_fit() -> None:
    """Each line of the table that can alert names its alert, and the other way round."""
    told = set(re.findall(r"`(Zenithd[A-Z]\w+)`", OPERATING))
    assert told == {alert.name for alert in ALERTS}


@promtool
def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", str(RULES))


@promtool
def test_the_alerts_fire_when_they_must_and_only_then() -> None:
    run("promtool", "test", "rules", str(RULES_TEST))


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# The dashboard


def dashboard_targets() -> Iterator[tuple[str, str]]:
    """(title, expression) of everything that is drawn."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def test_panels_name_what_exists() -> None:
    for _, expression in dashboard_targets():
        check_expression(expression)
    for annotation in DASHBOARD["annotations"]["list"]:
        check_expression(annotation["expr"])


def test_every_metric_of_the_daemon_is_drawn_or_left_out_knowingly() -> None:
    drawn = " ".join(expression for _, expression in dashboard_targets())
    names = {name for name, _ in all_metrics().names()}
    assert {name for name in names if name not in drawn} == {
        "zenithd_build_info",  # what the list of instances is made of
        "zenithd_batches_total",
        "zenithd_updates_total",  # drawn by market
        "zenithd_feed_wanted_instruments",
        "zenithd_history_healthy",
        "zenithd_history_unclean_stops_total",
        "zenithd_history_trades_unwritten_total",
        "zenithd_journal_position",
    }


def test_panels_follow_the_rules_of_dashboards() -> None:
    """Those of Grafana's own linter: a choice of source, job and instance, honoured everywhere; titles,
    units, descriptions; rates over the interval of the screen."""
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert list(variables) == ["datasource", "job", "instance"]
    assert variables["datasource"]["query"] == "prometheus"
    for variable in ("job", "instance"):
        assert variables[variable]["allValue"] == ".+"
        assert variables[variable]["multi"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in DASHBOARD["panels"]:
        if panel["type"] == "row":
            continue
        assert panel["title"]
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        for target in panel["targets"]:
            series = len(re.findall(r"\{job=~\"\$job\",instance=~\"\$instance\"", target["expr"]))
            assert series == len(re.findall(r"\b(?:zenithd|process)_\w+", target["expr"])), target["expr"]
            for interval in re.findall(r"rate\([^\[]*\[([^\]]*)\]", target["expr"]):
                assert interval == "$__rate_interval"


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_panels_link_to_symptoms_that_exist() -> None:
    for panel in DASHBOARD["panels"]:
        for anchor in re.findall(r"zenithd-[a-z-]+", panel.get("description", "")):
            assert f'<a id="{anchor}"></a>' in OPERATING, anchor


@promtool
def test_promtool_reads_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    rules = []
    for number, (_, expression) in enumerate(dashboard_targets()):
        for variable, value in (("$__rate_interval", "1m"), ("$job", ".+"), ("$instance", ".+")):
            expression = expression.replace(variable, value)
        rules.append({"record": f"panel:{number}", "expr": expression})
    file = tmp_path / "panels.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))  # JSON is YAML
    assert f"{len(rules)} rules found" in run("promtool", "check", "rules", str(file))


# The unit


class Unit(dict[str, dict[str, list[str]]]):
    """Sections, keys and their values in order; a key may come more than once."""

    def __init__(self, text: str) -> None:
        super().__init__()
        section = ""
        for line in text.splitlines():
            if line.startswith("[") and line.endswith("]"):
                section = line[1:-1]
                self[section] = {}
            elif line and not line.startswith("#"):
                key, _, value = line.partition("=")
                self[section].setdefault(key, []).append(value)

    def seconds(self, key: str) -> float:
        return float(self["Service"][key][0])


@pytest.fixture
def unit() -> Unit:
    return Unit(UNIT.read_text())


def test_the_unit_gives_the_daemon_time_and_files(unit: Unit) -> None:
    assert unit["Service"]["Type"] == ["notify"]
    assert unit.seconds("TimeoutStopSec") > 2 * ServerSettings().shutdown_grace_seconds
    assert unit.seconds("WatchdogSec") > 2 * ServerSettings().shutdown_grace_seconds
    assert file_shortage(LimitSettings().connections_max, int(unit["Service"]["LimitNOFILE"][0])) is None
    assert unit["Service"]["RestartPreventExitStatus"] == ["2"]


def test_what_the_unit_says_of_its_places_fits_together(unit: Unit) -> None:
    text = UNIT.read_text()
    state = f"/var/lib/{unit['Service']['StateDirectory'][0]}"
    assert f'state_directory = "{state}"' in text
    assert unit["Service"]["ExecStart"][0].split()[1:] == ["run", "--config", "/etc/zenithd/config.toml"]
    assert unit["Service"]["ExecReload"] == ["/bin/kill -HUP $MAINPID"]


@systemd_analyze
def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    """With a program that exists, since it looks for that too."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/zenithd/bin/zenithd", shutil.which("true") or "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert UNIT.name not in done.stderr


@systemd_analyze
def test_systemd_finds_the_unit_hardened() -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", str(UNIT)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr

"""A real daemon with the steady source, and processes beside it that measure what its readers see."""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import trustme

from tests.daemon.conftest import DaemonProcess
from tests.reliability.lib_steady_plugin import PASS_LIMITS
from zenithd.bench.fanout import cores

PLUGIN = "steady"
ANSWER_SECONDS_MAX = 60.0
"""How long /metrics may take while the daemon is under attack."""


def install(folder: Path) -> dict[str, str]:
    """Put the steady source where a daemon finds it; return the environment that does."""
    site = folder / "site"
    information = site / f"{PLUGIN}-1.0.0.dist-info"
    information.mkdir(parents=True, exist_ok=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PLUGIN}\nVersion: 1.0.0\n")
    (information / "entry_points.txt").write_text(f"[zenithd.plugins]\n{PLUGIN} = steady_plugin\n")
    shutil.copy(Path(__file__).with_name("lib_steady_plugin.py"), site / "steady_plugin.py")
    return {"PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}


def configured(sections: Mapping[str, Mapping[str, Any]], steady: Mapping[str, Any]) -> str:
    """A configuration with the steady source alone, the user `demo`, and these keys of other sections."""
    whole: dict[str, Mapping[str, Any]] = {
        "users.demo": {"password": "demo", "markets": ["*"]},
        "plugins.prodigy": {"enabled": False},
        f"plugins.{PLUGIN}": {"enabled": True, **steady},
        **sections,
    }
    return "\n".join(_section(name, keys) for name, keys in whole.items())


def _section(name: str, keys: Mapping[str, Any]) -> str:
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
    return f"[{name}]\n{lines}"


def apart(process: int) -> None:
    """Keep those who measure to the second processor, where there are two: the daemon has the first."""
    _, second = cores()
    if second is not None:
        os.sched_setaffinity(process, {second})


class SteadyDaemon(DaemonProcess):
    """`zenithd run` with the steady source, ready."""

    def __init__(
        self,
        folder: Path,
        sections: Mapping[str, Mapping[str, Any]],
        steady: Mapping[str, Any],
        *,
        tls: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._passes = folder / "passes.txt"
        self._tls: ssl.SSLContext | None = None
        if tls:
            authority = trustme.CA()
            issued = authority.issue_cert("localhost", "127.0.0.1")
            issued.private_key_pem.write_to_path(folder / "key.pem")
            issued.cert_chain_pems[0].write_to_path(folder / "chain.pem")
            self._tls = ssl.create_default_context()
            authority.configure_trust(self._tls)
            files = {"tls_certificate": str(folder / "chain.pem"), "tls_key": str(folder / "key.pem")}
            sections = {**sections, "server": {**sections.get("server", {}), **files}}
        config = configured(sections, {"passes": str(self._passes), **steady})
        super().__init__(folder, config, **install(folder))
        self.wait_ready()

    @property
    def url(self) -> str:
        return super().url.replace("ws://", "wss://") if self._tls else super().url

    def get(self, path: str) -> tuple[int, str]:
        scheme = "http" if self._tls is None else "https"
        url = f"{scheme}://{self.address}{path}"
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_SECONDS_MAX, context=self._tls) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def counters(self) -> dict[str, float]:
        """Every value at /metrics by name and labels."""
        lines = [line for line in self.get("/metrics")[1].splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def _status(self, name: str) -> int:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"(?m)^{name}:\s+(\d+)", text)
        if found is None:
            raise AssertionError(f"the daemon ended: {self.text()[-3_000:]}")
        return int(found[1])

    def resident_kibibytes(self) -> int:
        """Memory that the process has now."""
        return self._status("VmRSS")

    def resident_megabytes(self) -> int:
        """The same, for people."""
        return self.resident_kibibytes() // 1024

    def descriptors(self) -> int:
        """Open files and sockets of the process."""
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())

    def passes(self, began: float, ended: float) -> dict[str, Any]:
        """Processor time of the loop's passes between two times of the monotonic clock."""
        busy, longest, counts = 0.0, 0.0, [0] * (len(PASS_LIMITS) + 1)
        for line in self._passes.read_text().splitlines():
            at, spent, most, *places = map(float, line.split())
            if began <= at <= ended:
                busy, longest = busy + spent, max(longest, most)
                counts = [total + int(count) for total, count in zip(counts, places, strict=True)]
        names = [f"<={limit * 1000:g}ms" for limit in PASS_LIMITS] + ["more"]
        by_length = {name: count for name, count in zip(names, counts, strict=True) if count}
        return {"busy": round(busy / (ended - began), 2), "longest_ms": round(longest * 1000, 1), **by_length}


LIMIT_COUNTERS = (
    "zenithd_rejects_total",
    "zenithd_connections_refused_total",
    "zenithd_connections_closed_total",
    "zenithd_logins_total",
    "zenithd_outbox_lagging_total",
    "zenithd_pages_repeated_total",
    "zenithd_turns_postponed_total",
)


def limits_seen(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """The counters of limits that moved."""
    moved = {name: value - before.get(name, 0.0) for name, value in after.items()}
    return {name: value for name, value in moved.items() if value and name.startswith(LIMIT_COUNTERS)}

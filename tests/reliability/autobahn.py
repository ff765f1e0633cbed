"""Runs Autobahn's WebSocket test suite (`wstest`, which needs Python 2.7) against zenithd's listener.

The suite is not part of this project: `pip install autobahntestsuite` into a Python 2.7 of your own, then
`python -m tests.reliability.autobahn --wstest <its bin>/wstest`. Some cases only inform, and those of
compression (12, 13) are declined; every other case must be OK, with a clean end too.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

AGENT = "zenithd"
OK, INFORMATIONAL, UNIMPLEMENTED = "OK", "INFORMATIONAL", "UNIMPLEMENTED"
COMPRESSION = ("12", "13")
"""Groups of cases for permessage-deflate, which zenithd does not offer."""


class Result(NamedTuple):
    """How one case went."""

    case: str
    behaviour: str
    ending: str
    """How the connection was closed."""
    close_code: int | None

    @property
    def group(self) -> str:
        return self.case.partition(".")[0]

    @property
    def verdict(self) -> str:
        """OK only if both are; else what is wrong."""
        return self.ending if self.behaviour == OK else self.behaviour

    @property
    def is_failure(self) -> bool:
        expected = {OK, INFORMATIONAL, *([UNIMPLEMENTED] if self.group in COMPRESSION else [])}
        return self.behaviour not in expected or self.ending not in {OK, INFORMATIONAL}


def in_order(case: str) -> list[int]:
    """`9.10.1` stands behind `9.9.1`."""
    return [int(part) for part in case.split(".")]


def read_results(reports: Path) -> list[Result]:
    index = json.loads((reports / "index.json").read_text()).get(AGENT, {})
    return [
        Result(case, entry["behavior"], entry["behaviorClose"], entry["remoteCloseCode"])
        for case, entry in sorted(index.items(), key=lambda item: in_order(item[0]))
    ]


def run_suite(wstest: str, cases: list[str], reports: Path) -> list[Result]:
    """Run the suite against an echo daemon of its own.

    Raises:
        subprocess.CalledProcessError: the suite could not be run.
    """
    command = [sys.executable, "-m", "tests.reliability.echo", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as echo:
        assert echo.stdout is not None
        try:
            url = echo.stdout.readline().strip()
            specification = {
                "outdir": str(reports),
                "servers": [{"agent": AGENT, "url": url}],
                "cases": cases,
                "exclude-cases": [],
                "exclude-agent-cases": {},
            }
            path = reports / "specification.json"
            path.write_text(json.dumps(specification))
            with (reports / "wstest.log").open("wb") as log:
                subprocess.run(
                    [wstest, "-m", "fuzzingclient", "-s", str(path)], stdout=log, stderr=log, check=True
                )
        finally:
            echo.terminate()
    return read_results(reports)


def table(results: list[Result]) -> str:
    """Verdicts by group, and every case that is not plainly OK."""
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        groups[result.group][result.verdict] += 1
    verdicts = sorted({result.verdict for result in results}, key=lambda verdict: (verdict != OK, verdict))
    lines = ["group" + "".join(f"{verdict:>15}" for verdict in verdicts)]
    for group, counts in [*groups.items(), ("all", sum(groups.values(), Counter()))]:
        lines.append(f"{group:5}" + "".join(f"{counts[verdict]:15}" for verdict in verdicts))
    for result in results:
        if result.verdict not in (OK, UNIMPLEMENTED) or result.is_failure:
            remark = "  FAILED" if result.is_failure else ""
            lines.append(f"{result.case}: {result.verdict}, close code {result.close_code}{remark}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="Run Autobahn's WebSocket test suite against zenithd.")
    parser.add_argument("--wstest", default="wstest", help="the suite's command")
    parser.add_argument("--cases", nargs="+", default=["*"], help="patterns such as 9.* (default: all)")
    parser.add_argument("--reports", type=Path, help="folder to keep the suite's own reports in")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()
    wstest = shutil.which(options.wstest)
    if wstest is None:
        parser.error(f"there is no {options.wstest}; see the head of this file for where to get it")
    with TemporaryDirectory() as folder:
        reports = (options.reports or Path(folder)).absolute()
        reports.mkdir(parents=True, exist_ok=True)
        results = run_suite(wstest, options.cases, reports)
    print(table(results))
    if options.json is not None:
        options.json.write_text(json.dumps([result._asdict() for result in results], indent=1))
    failures = sum(result.is_failure for result in results)
    print(f"{len(results)} cases, {failures} failed")
    return 1 if failures or not results else 0


if __name__ == "__main__":
    sys.exit(main())

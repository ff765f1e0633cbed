"""Draws what a run found. Needs matplotlib: `pip install 'zenithd[bench]'`."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zenithd.bench.native import CannotMeasure
from zenithd.bench.rows import Row

COLOURS = {"kernel": "#9aa0a6", "zenithd": "#1a73e8"}
OTHERS = "#c5cdd8"


def draw(rows: Sequence[Row], path: Path) -> None:
    """Bars of deliveries per CPU second, one group for each shape and number of subscribers.

    Raises:
        CannotMeasure: matplotlib is not installed, or does not know the file's ending.
    """
    shown = [row for row in rows if row.stage == "fanout" and row.deliveries_per_cpu_s]
    groups = sorted({(row.shape, row.subscribers, row.topics) for row in shown}, reverse=True)
    figure, axes = _figure(max(1, len(groups)))
    for axis, group in zip(axes, groups, strict=False):
        # A sender has a row for each rate at which latency was measured; its full load is the same in all.
        bars = {row.sender: row for row in shown if (row.shape, row.subscribers, row.topics) == group}
        ordered = sorted(bars.values(), key=lambda row: row.deliveries_per_cpu_s or 0)
        names = [row.sender for row in ordered]
        values = [(row.deliveries_per_cpu_s or 0) / 1e6 for row in ordered]
        drawn = axis.barh(names, values, color=[COLOURS.get(name, OTHERS) for name in names])
        axis.bar_label(drawn, [f"{row.ratio_to_kernel or 0:.2f}" for row in ordered], padding=3)
        axis.set_title(f"{group[0]}, {group[1]:,} subscribers, {group[2]:,} topics", loc="left", fontsize=10)
        axis.set_xlabel("million deliveries per CPU second; beside the bars: share of the kernel limit")
        axis.margins(x=0.12)
        axis.spines[["top", "right"]].set_visible(False)
    _save(figure, path)


def draw_scaling(rows: Sequence[Row], path: Path) -> None:
    """Curves of the share of the kernel limit and of deliveries, by subscribers and by topics.

    Raises:
        CannotMeasure: as in `draw`.
    """
    figure, axes = _figure(2)
    by_subscribers = [row for row in rows if row.topics in (1, 200)]
    by_topics = [row for row in rows if row.subscribers == 1_000]
    for axis, shown, quantity in (
        (axes[0], by_subscribers, "subscribers"),
        (axes[1], by_topics, "topics"),
    ):
        for sender in ("kernel", "zenithd"):
            for shape in ("one", "mix") if quantity == "subscribers" else ("",):
                line = sorted(
                    {
                        (getattr(row, quantity), (row.deliveries_per_cpu_s or 0) / 1e6)
                        for row in shown
                        if row.sender == sender and shape in ("", row.shape)
                    }
                )
                axis.plot(
                    [x for x, _ in line],
                    [y for _, y in line],
                    marker="o",
                    linestyle="--" if shape == "mix" else "-",
                    color=COLOURS[sender],
                    label=f"{sender} {shape}".strip(),
                )
        axis.set_xscale("log")
        axis.set_ylim(bottom=0)
        axis.set_xlabel(quantity)
        axis.set_ylabel("million deliveries per CPU second")
        axis.legend(frameon=False)
        axis.spines[["top", "right"]].set_visible(False)
    _save(figure, path)


def _figure(parts: int) -> tuple[Any, list[Any]]:
    try:
        matplotlib = importlib.import_module("matplotlib")
        matplotlib.use("agg")
        pyplot = importlib.import_module("matplotlib.pyplot")
    except ImportError:
        raise CannotMeasure("--plot needs matplotlib: pip install 'zenithd[bench]'") from None
    matplotlib.rcParams["svg.hashsalt"] = "zenithd"  # the same figures give the same file
    figure, axes = pyplot.subplots(parts, 1, figsize=(8, 2.6 * parts), layout="constrained")
    return figure, list(axes) if parts > 1 else [axes]


def _save(figure: Any, path: Path) -> None:
    metadata = {"Date": None} if path.suffix == ".svg" else None
    try:
        figure.savefig(path, dpi=120, metadata=metadata)
    except ValueError as error:
        raise CannotMeasure(f"--plot {path}: {error}") from None

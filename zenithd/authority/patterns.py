"""Market patterns: a market code in which at most one `*` stands for any text. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def covers(wide: str, narrow: str) -> bool:
    """True if every market that matches `narrow` also matches `wide`."""
    if "*" not in wide:
        return wide == narrow
    start, _, end = wide.partition("*")
    narrow_start, star, narrow_end = narrow.partition("*")
    if star:
        return narrow_start.startswith(start) and narrow_end.endswith(end)
    return len(narrow) >= len(start) + len(end) and narrow.startswith(start) and narrow.endswith(end)


def meet(one: str, other: str) -> set[str]:
    """Patterns that together match exactly the markets which both match.

    More than one where the texts before and after the star may overlap: `AB*` and `*BC` meet in `AB*BC` and
    in `ABC`.
    """
    if covers(one, other):
        return {other}
    if covers(other, one):
        return {one}
    if "*" not in one or "*" not in other:
        return set()
    starts = sorted((one.partition("*")[0], other.partition("*")[0]), key=len)
    ends = sorted((one.partition("*")[2], other.partition("*")[2]), key=len)
    if not starts[1].startswith(starts[0]) or not ends[1].endswith(ends[0]):
        return set()
    start, end = starts[1], ends[1]
    overlaps = range(1, min(len(start), len(end)) + 1)
    joined = {start + end[n:] for n in overlaps if start.endswith(end[:n])}
    return {f"{start}*{end}"} | {text for text in joined if covers(one, text) and covers(other, text)}


def meet_all(patterns: Iterable[str]) -> list[str]:
    """All patterns and all their meets, each before every other that covers it."""
    found = set(patterns)
    waiting = list(found)
    while waiting:
        pattern = waiting.pop()
        new = set().union(*(meet(pattern, other) for other in found)) - found
        found |= new
        waiting += new
    return sorted(
        found, key=lambda pattern: (sum(covers(other, pattern) for other in found), pattern), reverse=True
    )

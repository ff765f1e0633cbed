"""A short run of `soak`, and its arithmetic."""

from __future__ import annotations

from pathlib import Path

from tests.reliability.soak import Course, Sample, growth, judge, run, slope


def test_nothing_grows_while_clients_come_and_go(tmp_path: Path) -> None:
    course = run(tmp_path, seconds=20.0, clients=10)
    assert len(course.samples) >= 3
    assert course.sessions == 10 * len(course.samples)
    assert len(course.days) > 1
    assert [problem for problem in judge(course) if "memory" not in problem] == []
    last, first = course.samples[-1], course.samples[len(course.samples) // 2]
    assert last.resident_kibibytes < 1.1 * first.resident_kibibytes


def course_of(resident: list[int], descriptors: list[int]) -> Course:
    return Course(
        [
            Sample(float(n), kib, fds, 20)
            for n, (kib, fds) in enumerate(zip(resident, descriptors, strict=True))
        ]
    )


def test_what_grows_is_found() -> None:
    steady = course_of([100_000 + n % 3 for n in range(40)], [20 + n % 2 for n in range(40)])
    assert judge(steady) == []
    leaking = course_of([100_000 + 500 * n for n in range(40)], [20] * 40)
    assert [problem.partition(" ")[0] for problem in judge(leaking)] == ["memory"]
    forgetful = course_of([100_000] * 40, [20 + n // 5 for n in range(40)])
    assert [problem.partition(" ")[0] for problem in judge(forgetful)] == ["descriptors"]


def test_a_few_odd_points_do_not_matter() -> None:
    points = [(float(n), 7.0) for n in range(20)]
    points[3] = (3.0, 1_000.0)
    assert slope(points) == 0.0
    assert slope(points[:1]) == 0.0
    samples = [Sample(float(n), 100, 10, 2 * n) for n in range(10)]
    assert growth(samples, "tasks") == 8.0

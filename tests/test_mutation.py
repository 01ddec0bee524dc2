"""The script that plants faults: where it plants none, and that a fault is seen or not."""

import pytest

from tests import mutation

SOURCE = """
from functools import lru_cache
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    SKIPPED = 1 + 1
Alias = int | None
LARGEST = 2 + 2


@overload
def f(x: int) -> int:
    return 3 + 3


@lru_cache(maxsize=4 + 4)
def f(x: int | None, *, y: "×" = 50 + 50) -> int | float:
    z: int | None = x + y
    if z > 60:
        raise ValueError(f"× {z + 7} is too much", 8 + 8)
    for _, _ in zip([z], [90 + 90], strict=True):
        z += 1
    print(z)
    return z


class Plan:
    def work(self):
        return 5 * 5

    def make(self):
        return threads.split(6 * 6, 7 * 7)
"""


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(mutation, "PACKAGE", tmp_path)
    monkeypatch.setattr(mutation, "SPEED", {"module.py": {"LARGEST", "Plan.work"}})
    path = tmp_path / "module.py"
    path.write_text(SOURCE, encoding="utf-8")
    return path


def test_what_changes_no_result_is_no_mutant(path):
    pytest.importorskip("cosmic_ray", reason="Cosmic Ray makes the mutants")
    lines = [line.strip() for line in SOURCE.splitlines()]
    found = mutation.mutants(path)
    assert {lines[mutant.position[0] - 1] for mutant in found} == {
        'def f(x: int | None, *, y: "×" = 50 + 50) -> int | float:',
        "z: int | None = x + y",
        "if z > 60:",
        'raise ValueError(f"× {z + 7} is too much", 8 + 8)',
        "for _, _ in zip([z], [90 + 90], strict=True):",
        "z += 1",
        "print(z)",
        "return threads.split(6 * 6, 7 * 7)",
    }
    codes = [mutant.code() for mutant in found]
    assert SOURCE not in codes
    for line in ("pass", "z -= 1", "if z < 60:", "if not z > 60:", "z: int | None = x - y"):
        assert any(line in map(str.strip, code.splitlines()) for code in codes), line
    for line in (
        "Alias = int | None",
        "@lru_cache(maxsize=4 + 4)",
        "return 3 + 3",
        "SKIPPED = 1 + 1",
        "LARGEST = 2 + 2",
        "return 5 * 5",
        ", 7 * 7)",
    ):
        assert all(line in code for code in codes), line
    assert all('f"× {z + 7} is too much", 8 + 8' in code or "pass" in code for code in codes)


@pytest.mark.parametrize(
    ("line", "expected"),
    [(8, [8]), (17, range(17, 25)), (18, [18]), (19, [19]), (20, [20]), (21, [21]), (22, [22]), (23, [23])],
)
def test_the_lines_that_run_with_a_fault(path, line, expected):
    """Of a function's head, with its defaults, those of its body."""
    assert list(mutation.lines_of(path, (line, 4))) == list(expected)


def test_the_margin_of_a_sample():
    """Wilson's interval; the figures are those of Newcombe, "Two-sided confidence intervals", 1998, table I."""
    assert mutation.margin(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert mutation.margin(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert mutation.margin(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)
    assert mutation.margin(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_one_of_each_kind_comes_before_many_of_one():
    durations = {"a[1]": 1.0, "a[2]": 1.1, "a[3]": 1.2, "b": 2.0, "c[1]": 3.0, "c[2]": 4.0}
    assert mutation.in_turn(durations, durations) == ["a[1]", "b", "a[2]", "c[1]", "a[3]", "c[2]"]

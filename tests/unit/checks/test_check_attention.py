"""Which checks of a series cry, and p-values from no more draws than it takes."""

import numpy as np
import pytest

from its_eval.checks.result import CheckResult, judged, sequential_p, settled


def test_drawing_stops_where_enough_is_known():
    drawn = np.random.default_rng(1).standard_normal(999)
    asked = []

    def draw(place):
        asked.append(place.stop)
        return drawn[place]

    # Besag & Clifford: the hundredth draw beyond the value, and how many it took
    place = int(np.flatnonzero(np.cumsum(drawn >= 0.0) == 100)[0])
    assert sequential_p(0.0, draw) == pytest.approx(100 / (place + 1))
    assert asked[-1] == 222
    assert sequential_p(2.0, draw) == pytest.approx((1 + np.sum(drawn >= 2.0)) / 1000)
    assert asked[-1] == 999


def test_a_sequential_p_has_its_size():
    rng = np.random.default_rng(2)
    p = np.array(
        [sequential_p(value, lambda part: rng.standard_normal(part.stop - part.start))
         for value in rng.standard_normal(2000)]
    )  # fmt: skip
    for level in (0.05, 0.2, 0.5):
        assert np.mean(p <= level) == pytest.approx(level, abs=3.5 * np.sqrt(level * (1 - level) / 2000))


def of_size(p_value, name="a"):
    return judged(name, 1.0, p_value, "found", "clear")


def test_attention_is_shared_out_over_the_tests_of_a_series():
    fact = CheckResult("limits", 1.0, np.nan, "attention", "close")
    told = CheckResult("joint_change", 9.0, 0.001, "pass", "information")
    checks = [of_size(0.0076), of_size(0.03), *(of_size(0.5) for _ in range(8)), fact, told]
    assert [check.status for check in settled(checks)] == ["note", "note", *["pass"] * 8, "attention", "pass"]
    # ten tests: the smallest p counts ten times
    checks[0] = of_size(0.0074)
    assert [check.status for check in settled(checks)][:2] == ["attention", "note"]
    # the next nine times, once the first is through
    checks[1] = of_size(0.0083)
    assert [check.status for check in settled(checks)][:2] == ["attention", "attention"]
    # one that is not small is never loud, however few the tests, and other levels move both
    assert settled([of_size(0.08)])[0].status == "pass"
    assert settled([judged("a", 1.0, 0.08, "f", "c", 0.1)], 0.1)[0].status == "attention"
    assert settled([]) == []

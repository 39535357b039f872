"""Shapes of an interruption: their columns, what they need, and their fits against statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import special

from its_eval.design.matrix import Interruption, Season, build_design
from its_eval.design.segments import ShortSegmentError, require_segments
from its_eval.design.shapes import SHAPES
from its_eval.effects.estimands import linear_contrasts, terms_of, year_effect
from its_eval.estimators.least_squares import fit_ols

N, START = 20, 8


def design(shape, length=0.0, *, start=START, phase_in=0, n=N):
    interruption = Interruption("Programme", start, shape, phase_in, length=length)
    return build_design(range(n), 12, "month", [interruption], Season(), np.zeros(n, dtype=bool))


@pytest.mark.parametrize(
    ("shape", "length", "phase_in", "expected"),
    [
        ("pulse", 0.0, 0, [1, 0, 0, 0, 0, 0]),
        ("pulse", 0.0, 2, [0, 0, 1, 0, 0, 0]),
        ("temporary", 3.0, 0, [1, 1, 1, 0, 0, 0]),
        ("decay", 1.0, 0, [1, 0.5, 0.25, 0.125, 0.0625, 0.03125]),
        ("decay", 2.0, 1, [0, 1, 0.5**0.5, 0.5, 0.5**1.5, 0.25]),
        ("step", 0.0, 0, [1, 1, 1, 1, 1, 1]),
        # the logistic curve through 5 % at the start and 95 % at the end of its length, in mid-period
        ("gradual", 2.0, 0, list(special.expit(np.log(19.0) * (np.arange(6) - 0.5)))),
        ("gradual", 6.0, 1, [0, *special.expit(np.log(19.0) * (np.arange(5) - 2.5) / 3.0)]),
    ],
)
def test_columns(shape, length, phase_in, expected):
    made = design(shape, length, phase_in=phase_in)
    column = made.matrix[:, made.column("level_change")]
    np.testing.assert_array_equal(column[:START], 0.0)
    np.testing.assert_allclose(column[START : START + 6], expected)
    assert "slope_change" not in made.terms


@pytest.mark.parametrize(
    ("shape", "length"), [("pulse", 0.0), ("temporary", 4.0), ("decay", 3.0), ("gradual", 6.0)]
)
def test_fits_and_effects_are_those_of_statsmodels(shape, length):
    rng = np.random.default_rng(5)
    n, start = 40, 22
    made = design(shape, length, start=start, n=n)
    y = 10.0 + 0.2 * np.arange(n) + rng.normal(size=n)
    since = np.arange(n) - start
    profile = {
        "pulse": since == 0,
        "temporary": (since >= 0) & (since < 4),
        "decay": np.where(since >= 0, 2.0 ** (-np.maximum(since, 0) / 3.0), 0.0),
        "gradual": np.where(since >= 0, special.expit(np.log(19.0) * ((since + 0.5) / 3.0 - 1.0)), 0.0),
    }[shape].astype(float)
    published = sm.OLS(y, np.column_stack([np.ones(n), since, profile])).fit()
    rows = linear_contrasts(made, np.ones(n, bool), (0, 2))
    read = fit_ols(made.matrix, y[:, None])
    change = read.contrasts(rows["level_change"][None])
    assert change.estimate[0, 0] == pytest.approx(published.params[2], rel=1e-12)
    assert change.std_error[0, 0] == pytest.approx(published.bse[2], rel=1e-10)
    average = read.contrasts(rows["average_effect"][None]).estimate[0, 0]
    lasting = profile[profile > 0]
    assert average == pytest.approx(published.params[2] * lasting.mean(), rel=1e-12)
    if shape == "pulse":
        assert "effect_at_2" not in rows
    else:
        later = read.contrasts(rows["effect_at_2"][None]).estimate[0, 0]
        assert later == pytest.approx(published.params[2] * profile[start + 2], rel=1e-12)


@pytest.mark.parametrize(
    ("shape", "length", "expected"),
    [
        ("pulse", 0.0, "effect_at_0"),
        ("temporary", 3.0, "effect_at_2"),
        ("temporary", 2.5, "effect_at_2"),
        ("temporary", 50.0, "effect_at_11"),
        ("decay", 3.0, "effect_at_11"),
        ("step", 0.0, "effect_at_11"),
    ],
)
def test_the_effect_after_a_year_is_the_last_there_is(shape, length, expected):
    assert year_effect(design(shape, length), 0, 12) == expected


def test_terms_are_those_of_the_catalogue():
    assert {name: terms_of("change", name) for name in SHAPES} == {
        "step": ("level_change",),
        "slope": ("slope_change",),
        "step_and_slope": ("level_change", "slope_change"),
        "pulse": ("level_change",),
        "temporary": ("level_change",),
        "decay": ("level_change",),
        "gradual": ("level_change",),
        "free": ("average_effect",),
    }
    assert [name for name, shape in SHAPES.items() if shape.stays] == ["step", "step_and_slope"]


def test_a_period_is_needed_while_it_lasts():
    used = np.ones(N, dtype=bool)
    pulse = Interruption("Strike", START, "pulse")
    require_segments([pulse], used)
    used[START] = False
    with pytest.raises(
        ShortSegmentError, match="no usable period while 'Strike' lasts; `shape: pulse` needs one"
    ):
        require_segments([pulse], used)
    used[START] = True
    used[: START - 2] = False
    with pytest.raises(ShortSegmentError, match="2 usable periods before the start of 'Strike'"):
        require_segments([pulse], used)

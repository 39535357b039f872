"""Weights of donors and periods against the authors' programs in R, on cigarette sales (Proposition 99).

``synthdid`` 0.0.9 (Arkhangelsky, Athey, Hirshberg, Imbens & Wager 2021) and ``augsynth`` 0.2.0 (Ben-Michael,
Feller & Rothstein 2021), under R 4.6.1, as they print the weights and effects of these data; the first number
is also the paper's (table 1). ``synthdid`` stops its search where a step no longer pays, so that its weights
are the least to three digits only. Ours are compared with a general solver besides.
"""

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize

from its_eval.peers.donor_weights import (
    augmented_weights,
    double_weights,
    left_out_errors,
    one_standard_error,
    simplex_weights,
)

DATA = Path(__file__).parents[2] / "data" / "sample" / "california_prop99.csv"


@pytest.fixture(scope="module")
def sales():
    """California before and after 1989, the 38 donors before and after, and their names."""
    with DATA.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    year = np.array([int(row[0]) for row in rows])
    values = np.array([[float(cell) for cell in row[1:]] for row in rows])
    names = header[1:]
    place = names.index("California")
    donors, before = np.delete(values, place, axis=1), year < 1989
    others = [name for name in names if name != "California"]
    return values[before, place], values[~before, place], donors[before], donors[~before], others


#: Weights of the donors that synthdid prints; all others are 0.
UNITS = {
    "Arkansas": 0.00344182919005366,
    "Colorado": 0.0575127872420202,
    "Connecticut": 0.0782872884996788,
    "Delaware": 0.0703681227256289,
    "Georgia": 0.00158841055308405,
    "Idaho": 0.0314682102294696,
    "Illinois": 0.053387822698875,
    "Indiana": 0.0101354850429156,
    "Iowa": 0.0259386289609701,
    "Kansas": 0.0216051714039695,
    "Maine": 0.0282110161048142,
    "Minnesota": 0.0394946446647216,
    "Missouri": 0.00780250388658814,
    "Montana": 0.045135207774626,
    "Nebraska": 0.0478531913968808,
    "Nevada": 0.124489227812917,
    "New Hampshire": 0.105047578516295,
    "New Mexico": 0.0405682680545281,
    "North Carolina": 0.0328051803164279,
    "Ohio": 0.0314607672920639,
    "Pennsylvania": 0.0153521490259842,
    "Rhode Island": 0.00104158777710282,
    "South Dakota": 0.00408709312137462,
    "Texas": 0.00977752994968439,
    "Utah": 0.0415176579779709,
    "West Virginia": 0.0335691131906584,
    "Wisconsin": 0.0366670847907985,
    "Wyoming": 0.00138644179989895,
}
#: And of years before 1989.
YEARS = {-3: 0.366470631936465, -2: 0.206453050560177, -1: 0.427076317503358}
#: Effect in each year from 1989 on.
CURVE = [-4.844973, -4.325807, -8.653546, -8.419118, -12.545464, -16.106226]
CURVE += [-18.905768, -19.350137, -20.883516, -22.781573, -25.944925, -24.484882]


class TestSyntheticDifference:
    def test_the_published_effect(self, sales):
        unit, later, before, after, names = sales
        found = double_weights(unit, before, after)
        assert found.noise == pytest.approx(5.49440101857951, rel=1e-12)
        assert found.zeta == pytest.approx(10.2262325714912, rel=1e-12)
        np.testing.assert_allclose(found.periods[[-3, -2, -1]], list(YEARS.values()), atol=2e-7)
        assert found.periods[:-3].max() < 1e-6
        printed = np.array([UNITS.get(name, 0.0) for name in names])
        # their search stops before the weight of Arkansas is gone, which the others then share
        np.testing.assert_allclose(found.units, printed, atol=3.5e-3)
        others = np.array(names) != "Arkansas"
        np.testing.assert_allclose(found.units[others], printed[others], atol=5e-4)
        assert 1 / (found.units**2).sum() == pytest.approx(16.388, abs=2e-3)
        assert 1 / (found.periods**2).sum() == pytest.approx(2.783, abs=1e-3)
        curve = later - after @ found.units - found.periods @ (unit - before @ found.units)
        assert curve.mean() == pytest.approx(-15.60383, abs=2e-3)
        # the difference is that of the weights, of which ours are nearer to the least: the rest is the same
        with_theirs = later - after @ printed - found.periods @ (unit - before @ printed)
        np.testing.assert_allclose(with_theirs, CURVE, atol=1e-5)
        assert with_theirs.mean() == pytest.approx(-15.6038278727338, abs=1e-6)
        least, theirs = (
            objective(weights, unit, before, found.zeta**2 * 19) for weights in (found.units, printed)
        )
        assert least < theirs < least * 1.002

    @pytest.mark.parametrize(
        ("place", "effect"),
        [
            (11, -1.314404),
            (29, 2.135442),
            (33, 6.662455),
            (15, -2.186922),
            (22, 0.195554),
            (31, 5.025979),
            (30, 9.231872),
        ],
    )
    def test_the_effect_of_a_state_without_the_programme(self, sales, place, effect):
        """Draws of the placebo standard error, each a state in the place of California, which is left out.

        Their weights stop as far from the least as those of California.
        """
        unit, _, before, after, _ = sales
        noise = double_weights(unit, before, after).noise
        own, others = place - 1, np.delete(np.arange(38), place - 1)
        found = double_weights(before[:, own], before[:, others], after[:, others], noise)
        gap = before[:, own] - before[:, others] @ found.units
        later = after[:, own] - after[:, others] @ found.units
        assert later.mean() - found.periods @ gap == pytest.approx(effect, abs=0.06)

    def test_the_placebo_standard_error(self, sales):
        """8.4 from 200 draws in the paper, 9.06 from 1,000 in R; all 38 states once are their limit."""
        unit, _, before, after, _ = sales
        noise = double_weights(unit, before, after).noise
        effects = []
        for own in range(38):
            others = np.delete(np.arange(38), own)
            found = double_weights(before[:, own], before[:, others], after[:, others], noise)
            gap = before[:, own] - before[:, others] @ found.units
            effects.append((after[:, own] - after[:, others] @ found.units).mean() - found.periods @ gap)
        # a thousand draws of 38 values are 4 % off at most
        assert np.std(effects) == pytest.approx(9.06, rel=0.05)


def objective(weights, target, columns, penalty):
    left = target - columns @ weights
    return ((left - left.mean()) ** 2).sum() + penalty * (weights**2).sum()


def is_least(weights, target, columns, penalty, tolerance):
    """Whether the conditions of Karush, Kuhn and Tucker hold, which a least sum of squares has alone."""
    centred = columns - columns.mean(axis=0)
    slope = centred.T @ (centred @ weights - (target - target.mean())) + penalty * weights
    slope = slope / np.abs(centred.T @ (target - target.mean())).max()
    common = slope[weights > 1e-9].mean()
    return (np.abs(slope[weights > 1e-9] - common) < tolerance).all() and (slope > common - tolerance).all()


def test_the_weights_of_the_paper_are_the_least(sales):
    unit, _, before, after, _ = sales
    found = double_weights(unit, before, after)
    assert is_least(found.units, unit, before, found.zeta**2 * 19, 1e-7)
    assert is_least(found.periods, after.mean(axis=0), before.T, (1e-6 * found.noise) ** 2 * 38, 1e-7)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shape", [(12, 30), (40, 8)])
def test_simplex_weights_are_those_of_a_general_solver(seed, shape):
    rng = np.random.default_rng(seed)
    columns = rng.normal(0, 2, shape) + rng.normal(0, 20, shape[1])
    target = columns @ rng.dirichlet(np.full(shape[1], 0.3)) + rng.normal(0, 1, shape[0])
    penalty = float(rng.uniform(0.1, 50))
    weights, level = simplex_weights(target, columns, penalty)
    assert is_least(weights, target, columns, penalty, 1e-7)
    found = optimize.minimize(
        objective,
        np.full(shape[1], 1 / shape[1]),
        (target, columns, penalty),
        method="SLSQP",
        bounds=[(0, 1)] * shape[1],
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-13, "maxiter": 3000},
    )
    assert objective(weights, target, columns, penalty) <= found.fun * (1 + 1e-9)
    assert level == pytest.approx((target - columns @ weights).mean())


#: augsynth(progfunc = "Ridge", scm = TRUE), weights of some states.
RIDGE = {
    "Alabama": -0.0220018689,
    "Colorado": 0.0328494640,
    "Connecticut": 0.1511995068,
    "Illinois": 0.0501796402,
    "Mississippi": -0.0434680434,
    "Montana": 0.2483896801,
    "Nevada": 0.2020324360,
    "Tennessee": -0.0414382189,
    "Utah": 0.3701999970,
    "Wyoming": -0.0071849374,
}
#: The same with fixedeff = TRUE.
FIXED = {
    "Alabama": 0.00682730,
    "Connecticut": 0.26796678,
    "Illinois": 0.11074877,
    "Mississippi": -0.10321086,
    "Montana": 0.19011210,
    "Utah": 0.11777838,
    "Vermont": -0.08244957,
}


class TestAugmented:
    @pytest.mark.parametrize(
        ("penalty", "level", "effect", "weights"),
        [
            (429.837582813449, False, -15.952566757724, RIDGE),
            (10000.0, False, -18.271017032798, {"Utah": 0.394229607, "Kentucky": -0.009251463}),
            (0.000433163451395598, True, -14.8918582077921, FIXED),
        ],
    )
    def test_weights_and_effect_of_a_penalty(self, sales, penalty, level, effect, weights):
        unit, later, before, after, names = sales
        found = augmented_weights(unit, before, penalty, ridge=1e-9, level=level)
        assert found.weights.sum() == pytest.approx(1)
        own = dict(zip(names, found.weights, strict=True))
        np.testing.assert_allclose([own[name] for name in weights], list(weights.values()), atol=2e-7)
        assert (later - after @ found.weights - found.level).mean() == pytest.approx(effect, abs=1e-6)

    def test_the_choice_of_the_penalty(self, sales):
        """The program leaves each year out but the last."""
        unit, _, before, _, _ = sales
        penalties, errors = left_out_errors(unit, before, ridge=1e-9, level=False)
        assert penalties[0] == pytest.approx(681246.658864975)
        assert penalties[-1] == pytest.approx(0.00681246658864976)
        squares = errors[:18] ** 2
        expected = [4.895800400, 4.860366541, 4.791889343, 4.683100496, 4.559949519, 4.456117513, 4.364341870]
        expected += [4.231242520, 3.985865384, 3.630056985, 3.255751651, 2.964350004, 2.787024354]
        np.testing.assert_allclose(squares.mean(axis=0)[:13], expected, atol=1e-6)
        spread = squares.std(axis=0, ddof=1) / np.sqrt(18)
        np.testing.assert_allclose(spread[[0, 8]], [2.862096094, 1.865344378], atol=2e-6)
        assert penalties[one_standard_error(errors[:18])] == pytest.approx(429.837582813449)
        # with the last year too
        assert augmented_weights(unit, before, ridge=1e-9, level=False).penalty == pytest.approx(429.8376)

    @pytest.mark.parametrize("level", [True, False])
    def test_a_period_is_predicted_from_the_others_alone(self, sales, level):
        """The short way by leverages against a fit without the period."""
        unit, _, before, _, _ = sales
        penalties, errors = left_out_errors(unit, before, level=level)
        for period in (0, 7, 18):
            others = np.arange(19) != period
            for place in (0, 9, 20):
                found = augmented_weights(unit[others], before[others], penalties[place], level=level)
                left = unit[period] - before[period] @ found.weights - found.level
                assert errors[period, place] == pytest.approx(left, rel=1e-5, abs=1e-6)

    def test_the_correction_is_that_of_a_ridge_regression(self, sales):
        """The outcome model of the paper: later outcomes by earlier ones over donors, what it predicts added."""
        from sklearn.linear_model import Ridge

        unit, later, before, after, _ = sales
        found = augmented_weights(unit, before, 500.0, level=False)
        control = augmented_weights(unit, before, 1e15, level=False).weights
        model = Ridge(alpha=500.0, solver="svd").fit(before.T, after.T)
        predicted = model.predict(unit[None, :])[0] - control @ model.predict(before.T)
        np.testing.assert_allclose(after @ found.weights, after @ control + predicted, rtol=1e-6)
        assert (later - after @ found.weights).mean() != pytest.approx((later - after @ control).mean())

    def test_donors_that_move_alike_correct_nothing(self):
        rng = np.random.default_rng(1)
        shared = rng.normal(0, 1, 12)
        found = augmented_weights(
            shared + rng.normal(0, 0.1, 12), shared[:, None] + np.array([1.0, 5.0, 9.0])
        )
        assert found.penalty == 0
        np.testing.assert_allclose(found.weights, 1 / 3, atol=1e-6)
        assert np.isfinite(found.left_out).all()

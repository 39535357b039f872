"""The engine of *What if?* (JavaScript) gives what the package gives, to 1e-6 standard errors.

They share no code: the engine is written with dense matrices from the definitions, the package reduces series to
few numbers. Node runs it; without Node the tests are skipped and say so.
"""

import json
import shutil
import subprocess
from pathlib import Path

import case_blocks
import case_models
import numpy as np
import pytest
from scipy import stats

import its_eval.report.what_if as package
from its_eval.estimators.kind import autoregressive_order
from its_eval.estimators.random_walk import fit_random_walk
from its_eval.estimators.reml.reml_ar import fit_reml_ar

CASES = Path(__file__).parent / "cases"
ENGINE = Path(package.__file__).with_name("engine.js")
NODE = shutil.which("node")
TOLERANCE = 1e-6
pytestmark = pytest.mark.skipif(NODE is None, reason="Node is not installed: the engine cannot run here")

FITS = """
const W = require(process.argv[1]);
const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(asked.map((one) => {
  const fit = W.fit(one.X, one.y, one.used, one.order, one.relative);
  return { inference: fit.inference, partials: fit.partials,
    rows: one.contrasts.map((c) => W.contrast(fit, c, one.confidence)) };
})));
"""


def engine(asked):
    found = subprocess.run(
        [NODE, "-e", FITS, str(ENGINE)], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    return json.loads(found.stdout)


def question(X, y, used, order, relative=None, *, contrasts=None, confidence=0.95):
    k = X.shape[1]
    if contrasts is None:
        contrasts = np.zeros((3, k))
        contrasts[0, 2] = contrasts[1, 3] = contrasts[2, 2] = 1.0
        contrasts[2, 3] = 12.0
    return {
        "X": X.tolist(),
        "y": np.where(used, y, 0.0).tolist(),
        "used": used.tolist(),
        "order": order,
        "relative": None if relative is None else relative.tolist(),
        "contrasts": np.asarray(contrasts).tolist(),
        "confidence": confidence,
    }


def package_answer(asked):
    """Estimate, standard error, degrees of freedom, p and interval, shape (m, 6), and the inference."""
    X, y, used = (np.array(asked[name]) for name in ("X", "y", "used"))
    relative = asked["relative"]
    root = 1.0 if relative is None else np.sqrt(relative)
    order = autoregressive_order(asked["order"], int(used.sum()))
    series = np.where(used, y, np.nan)[:, None]
    weighed = np.reshape(root, (-1, 1))
    fit = fit_reml_ar(X / weighed, series / weighed, order)
    inference = "kr1"
    if fit.flags["at_bound"][0]:
        fit = fit_random_walk(X, series, None if relative is None else np.array(relative)[:, None])
        inference = "random_walk"
    read = fit.contrasts(np.array(asked["contrasts"]))
    estimate, se, df = read.estimate[0], read.std_error[0], read.df[0]
    reach = stats.t.ppf(0.5 + asked["confidence"] / 2.0, df) * se
    p = 2.0 * stats.t.sf(np.abs(estimate / se), df)
    return np.column_stack([estimate, se, df, p, estimate - reach, estimate + reach]), inference


def compare(asked):
    for number, (one, found) in enumerate(zip(asked, engine(asked), strict=True)):
        expected, inference = package_answer(one)
        names = ("estimate", "se", "df", "p", "low", "high")
        rows = np.array([[row[name] for name in names] for row in found["rows"]])
        # estimates and limits in standard errors, the others relative or as they are
        scale = np.column_stack(
            [
                expected[:, 1],
                expected[:, 1],
                expected[:, 2],
                np.ones(len(rows)),
                expected[:, 1],
                expected[:, 1],
            ]
        )
        error = np.abs(rows - expected) / scale
        assert found["inference"] == inference, number
        assert error.max() < TOLERANCE, (number, found["partials"], error)


def segmented(n, start, months):
    t = np.arange(n)
    columns = [np.ones(n), t - start, t >= start, np.maximum(t - start, 0)]
    if months:
        columns += [(t % 12 == month) * 1.0 - (t % 12 == 11) for month in range(11)]
    return np.column_stack(columns).astype(float)


def random_questions(count, seed):
    rng = np.random.default_rng(seed)
    asked = []
    for _ in range(count):
        n = int(rng.integers(24, 135))
        start = int(n * rng.uniform(0.35, 0.65))
        X = segmented(n, start, n >= 60 and rng.random() < 0.5)
        rho = rng.choice([-0.3, 0.0, 0.3, 0.6, 0.8, 0.95])
        noise = rng.normal(size=n)
        noise[0] /= np.sqrt(1.0 - rho**2)
        for t in range(1, n):
            noise[t] += rho * noise[t - 1]
        relative = None
        if rng.random() < 0.4:
            relative = np.exp(0.5 * rng.normal(size=n))
            relative /= np.exp(np.log(relative).mean())
            noise *= np.sqrt(relative)
        used = rng.random(n) >= (0.06 if rng.random() < 0.4 else 0.0)
        used[[0, -1]] = True
        order = [1, 2, "auto"][int(rng.integers(3))]
        y = 50.0 + 0.1 * np.arange(n) + noise
        asked.append(question(X, y, used, order, relative, confidence=float(rng.choice([0.9, 0.95, 0.99]))))
    return asked


def test_random_series_with_gaps_and_weights():
    asked = random_questions(500, seed=20261)
    assert any(one["relative"] is not None and not all(one["used"]) for one in asked)
    compare(asked)


@pytest.mark.parametrize("case", [case for case in case_models.MODELS if case_models.available(case)])
def test_cases_with_published_or_r_numbers(case, monkeypatch):
    """Every series that a reference case fits by restricted maximum likelihood, in both orders."""
    asked = []

    def remember(X, y, terms):
        used = np.ones(len(X), bool)
        contrasts = np.eye(X.shape[1])
        asked.extend(question(X, np.ravel(y), used, order, contrasts=contrasts) for order in (1, 2))
        return {}

    monkeypatch.setattr(case_blocks, "restricted_block", remember)
    case_models.MODELS[case]()
    if not asked:
        pytest.skip("no series is fitted by restricted maximum likelihood")
    compare(asked)


@pytest.mark.parametrize("length", ["n24", "n83"])
@pytest.mark.parametrize("model", ["REML_AR1", "REML_AR2"])
def test_dense_reference_with_numerical_derivatives(length, model):
    """Numbers computed elsewhere, by dense matrices with numerical derivatives."""
    expected = json.loads((CASES / "reml_kr1.json").read_text())["expected"][length]
    if model not in expected:
        pytest.skip("the reference has no such fit")
    start, n, order = expected["T0"], int(length[1:]), int(model[-1])
    t = np.arange(n)
    y = 50 + 0.1 * t + 2 * (t >= start) + 0.05 * np.maximum(t - start, 0)
    y = y + np.sin(0.7 * t) + 0.8 * np.cos(2.3 * t + 0.05 * t**2)
    contrasts = np.eye(4)[2:]
    (found,) = engine([question(segmented(n, start, False), y, np.ones(n, bool), order, contrasts=contrasts)])
    np.testing.assert_allclose(found["partials"], expected[model]["pacf"], atol=1e-6)
    for row, name, place in zip(found["rows"], ("level", "slope"), (2, 3), strict=True):
        known = expected[model][name]
        assert abs(row["estimate"] - expected[model]["b"][place]) < TOLERANCE * known["se_used"]
        assert row["se"] == pytest.approx(known["se_used"], rel=1e-5)
        assert row["df"] == pytest.approx(known["df_used"], rel=1e-4)
        assert row["p"] == pytest.approx(known["p"], abs=1e-5)


def test_student_t_against_scipy():
    t = [0.0, 1e-4, 0.3, 1.0, 2.5, 8.0, 40.0]
    df = [1.0, 1.37, 2.0, 3.1, 17.5, 120.0]
    source = """
    const W = require(process.argv[1]);
    const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
    console.log(JSON.stringify({
      tails: asked.df.map((df) => asked.t.map((t) => W.twoSided(t, df))),
      quantiles: asked.df.map((df) => asked.alpha.map((alpha) => W.quantile(alpha, df))),
    }));
    """
    alpha = [0.2, 0.05, 0.01, 0.001]
    run = subprocess.run(
        [NODE, "-e", source, str(ENGINE)],
        input=json.dumps({"t": t, "df": df, "alpha": alpha}), capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(run.stdout)
    tails = 2.0 * stats.t.sf(np.array(t)[None], np.array(df)[:, None])
    np.testing.assert_allclose(found["tails"], tails, rtol=1e-10, atol=1e-300)
    quantiles = stats.t.isf(np.array(alpha)[None] / 2.0, np.array(df)[:, None])
    np.testing.assert_allclose(found["quantiles"], quantiles, rtol=1e-10)

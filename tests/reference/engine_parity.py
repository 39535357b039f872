"""The engine of *What if?* (JavaScript) held against the package, to 1e-6 standard errors.

They share no code: the engine is written with dense matrices from the definitions, the package reduces series to
few numbers.
"""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import its_eval.report.what_if as package
from its_eval.estimators.kind import autoregressive_order
from its_eval.estimators.random_walk import fit_random_walk
from its_eval.estimators.reml.reml_ar import fit_reml_ar

ENGINE = Path(package.__file__).with_name("engine.js")
NODE = shutil.which("node")
TOLERANCE = 1e-6
needs_node = pytest.mark.skipif(NODE is None, reason="Node is not installed: the engine is tried in Chromium")
SEED, COUNT = 20261, 500

FITS = """
asked.map((one) => {
  const fit = W.fit(one.X, one.y, one.used, one.order, one.relative);
  return { inference: fit.inference, partials: fit.partials,
    rows: one.contrasts.map((c) => W.contrast(fit, c, one.confidence)) };
})
"""


def engine(asked, source=FITS):
    """What the engine says in Node: an expression over ``asked``."""
    program = (
        "const W = require(process.argv[1]);"
        'const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));'
        f"console.log(JSON.stringify({source}))"
    )
    found = subprocess.run(
        [NODE, "-e", program, str(ENGINE)],
        input=json.dumps(asked), capture_output=True, text=True, check=True,
    )  # fmt: skip
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


def compare(asked, answered):
    for number, (one, found) in enumerate(zip(asked, answered, strict=True)):
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

"""Sizes under a trend that bends and a level that drifts: a part of docs/calibration.md."""

import numpy as np
from calibration_design import (
    CONTRASTS,
    LENGTHS,
    SEED,
    default_answer,
    its_design,
    percent,
    rejected,
)

from its_eval.effects.trend_bounds import gls_weights, trend_bounds
from its_eval.estimators.reml.autoregression import error_correlation
from its_eval.estimators.reml.by_segment import fit_reml_by_segment
from its_eval.estimators.reml.local_level import fit_reml_local_level
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.pipeline.truths import autoregressive_errors

#: Greatest distance of the trend from a line over the time before, in standard deviations of the errors.
BENDS = (0.0, 0.25, 0.5, 1.0)
BENT_RHOS = (0.0, 0.4, 0.8)
#: Variance of a step of the random walk over that of the AR(1) errors around it.
DRIFTS = (0.01, 0.02, 0.05)
DRIFTING_RHO = 0.4


def bent_cell(task):
    """Return the sizes of the default's interval and of the one that allows the bend there is."""
    n, rho, series = task
    before, X = LENGTHS[n], its_design(n, LENGTHS[n])
    rng = np.random.default_rng([SEED, 2, n, round(100 * rho)])
    errors = autoregressive_errors(np.array([rho]), n, series, rng)
    t, observed = np.arange(n), np.ones(n, dtype=np.bool_)
    walk = np.minimum.outer(t, t) + 1.0
    rows = []
    for bend in BENDS:
        second = 8.0 * bend / before**2
        Y = errors + 0.5 * second * (t - n / 2)[:, None] ** 2
        read, stuck, _, order = default_answer(X, Y)
        fit = fit_reml_ar(X, Y, order)
        low, high = read.interval(0.95)
        covered = np.empty((2, series, 2), dtype=np.bool_)
        covered[0] = (low <= 0) & (high >= 0)
        for one in range(series):
            covariance = walk if stuck[one] else error_correlation("reml_ar", fit, one, n)
            for place, row in enumerate(CONTRASTS):
                numbers = (float(part[one, place]) for part in (read.estimate, read.std_error, read.df))
                bounds = trend_bounds(*numbers, gls_weights(X, covariance, observed, row), before)
                low_end, high_end = bounds.interval(bend)
                covered[1, one, place] = low_end <= 0 <= high_end
        sizes = 1.0 - covered.mean(axis=1)
        rows += [
            {"n": n, "rho": rho, "bend": bend, "interval": name, "series": series}
            | {"level": float(level), "slope": float(slope)}
            for name, (level, slope) in zip(("default", "bounded"), sizes, strict=True)
        ]
    return rows


def drift_cell(task):
    """Return sizes under drift, and beside how many of the default's findings something else disagrees."""
    n, drift, series = task
    X, t = its_design(n, LENGTHS[n]), np.arange(n)
    rng = np.random.default_rng([SEED, 3, n, round(1000 * drift)])
    Y = autoregressive_errors(np.array([DRIFTING_RHO]), n, series, rng)
    Y = Y + np.sqrt(drift) * rng.standard_normal((n, series)).cumsum(axis=0)
    read, stuck, _, order = default_answer(X, Y)
    fit = fit_reml_ar(X, Y, order)
    found, local = rejected(read), rejected(fit_reml_local_level(X, Y).contrasts(CONTRASTS))
    bent = np.column_stack([X, (t / n - 0.5) ** 2])
    others = [
        local,
        rejected(fit_reml_ar(X, Y, 3 - order).contrasts(CONTRASTS)),
        rejected(fit_reml_by_segment(X, Y, order, t >= LENGTHS[n]).contrasts(CONTRASTS)),
        rejected(fit_reml_ar(bent, Y, order).contrasts(np.eye(5)[2:4])),
    ]
    flagged = (stuck | fit.flags["near_unit_root"])[:, None]
    beside = flagged | ~np.logical_and.reduce(others)
    row = {"n": n, "drift": drift, "series": series}
    for place, question in enumerate(("level", "slope")):
        own = found[:, place]
        row[question] = float(own.mean())
        row[f"{question}_local_level"] = float(local[:, place].mean())
        row[f"{question}_told"] = float(beside[own, place].mean())
    return [row]


def bent_table(rows):
    """A length and an autocorrelation a line, a bend a column: the default, and what allows it."""
    heads = [f"bend {bend:g}" for bend in BENDS]
    lines = ["| default → bounded, slope \\| level | " + " | ".join(heads) + " |"]
    lines.append("|---|" + "---|" * len(heads))
    found = {(row["n"], row["rho"], row["bend"], row["interval"]): row for row in rows}
    for n, before in LENGTHS.items():
        for rho in BENT_RHOS:
            cells = []
            for bend in BENDS:
                plain, held = (found[n, rho, bend, name] for name in ("default", "bounded"))
                parts = [f"{percent(plain[name])} → {percent(held[name])}" for name in ("slope", "level")]
                cells.append(" \\| ".join(parts))
            lines.append(f"| {n} periods, {before} before, ρ = {rho:g} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def drift_table(rows):
    """A length and a drift a line: the default, the drifting level, and what stands beside."""
    lines = ["| periods | drift | default | `reml_local_level` | told otherwise beside false ones |"]
    lines.append("|---|---|---|---|---|")
    for row in sorted(rows, key=lambda row: (row["n"], row["drift"])):
        cells = [
            f"{percent(row['slope' + end])} \\| {percent(row['level' + end])}"
            for end in ("", "_local_level", "_told")
        ]
        lines.append(f"| {row['n']} | {row['drift']:g} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"

"""Write docs/calibration.json and docs/calibration.md: how often estimators err where the truth is known.

    make calibration                                                                   as the page wants it
    python benchmarks/calibration.py --series 1000 --slow-series 100 --panels 1000     a quick look

Seven parts, each replaced in the JSON when it has been computed (``--only cells`` leaves the others):
sizes by length of the series and autocorrelation, of every estimator and of what a run prints; the same
under a trend that bends and a level that drifts; panels with unit-level breaks, by test and by label; and
what ``its-eval calibrate configs/sample.yaml`` prints.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

from msgspec.structs import astuple

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before numpy is loaded

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
from calibration_trends import (
    BENT_RHOS,
    DRIFTING_RHO,
    DRIFTS,
    bent_cell,
    bent_table,
    drift_cell,
    drift_table,
)

from its_eval.checks.placebo import crawford_howell, placebo
from its_eval.checks.power import design_fit
from its_eval.design.peer_mean import peer_mean
from its_eval.effects.attribution import attribution
from its_eval.estimators.arima import fit_arima
from its_eval.estimators.fit import ContrastEstimates
from its_eval.estimators.kind import SECOND_ORDER_FROM
from its_eval.estimators.least_squares import fit_newey_west, ols_statistics
from its_eval.estimators.prais_winsten import fit_prais_winsten
from its_eval.estimators.reml.by_segment import fit_reml_by_segment
from its_eval.estimators.reml.kenward_roger import joint_f
from its_eval.estimators.reml.noise import fit_reml_ar_noise
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.estimators.reml.statistics import reml_ar_statistics
from its_eval.pipeline.truths import autoregressive_errors

ROOT = Path(__file__).resolve().parents[1]
NUMBERS = ROOT / "docs" / "calibration.json"
PAGE = ROOT / "docs" / "calibration.md"
PROCESSES = 2
#: What the page is made of, each by itself with `--only`.
PARTS = ("cells", "printed", "bent", "drift", "panels", "labels", "sample")

AUTOCORRELATIONS = (0.0, 0.2, 0.4, 0.6, 0.8)
#: What is asked of a series, the terms first.
QUESTIONS = ("level", "slope", "change")

#: Estimators that fit all series at once, and those that fit one at a time.
BATCHED = {
    "reml_ar, order 1": lambda X, Y, _: reml_ar_statistics(X, Y, CONTRASTS, 1).estimates,
    "reml_ar, order 2": lambda X, Y, _: reml_ar_statistics(X, Y, CONTRASTS, 2).estimates,
    "reml_ar_noise": lambda X, Y, _: fit_reml_ar_noise(X, Y).contrasts(CONTRASTS),
    "reml_ar, order 1, by segment": lambda X, Y, start: fit_reml_by_segment(
        X, Y, 1, np.arange(len(X)) >= start
    ).contrasts(CONTRASTS),
    "prais_winsten": lambda X, Y, _: fit_prais_winsten(X, Y).contrasts(CONTRASTS),
    "ols": lambda X, Y, _: ols_statistics(X, Y, CONTRASTS).estimates,
}
ONE_BY_ONE = {
    "newey_west, 1 lag": lambda X, Y, _: fit_newey_west(X, Y, 1).contrasts(CONTRASTS),
    "newey_west": lambda X, Y, _: fit_newey_west(X, Y).contrasts(CONTRASTS),
    "arima [1, 0, 0]": lambda X, Y, _: fit_arima(X, Y, (1, 0, 0)).contrasts(CONTRASTS),
}

#: Panels: one treated unit first, its peers, other donors.
N, START = 83, 27
DONORS, PEERS = 60, 10
WORLDS = tuple(product((0.4, 0.7), (False, True)))
PANELS_AT_ONCE = 250
#: Autocorrelation and standard deviation of what happens to all units alike.
SHOCK, SHOCK_SD = 0.7, 1.0
#: Variance of the units' own changes at the start over that of the estimate of a change.
BREAK_SHARE = 0.76


def cell(task):
    """Return the sizes of all estimators for one length and autocorrelation."""
    n, rho, series, slow_series = task
    X = its_design(n, LENGTHS[n])
    rng = np.random.default_rng([SEED, n, round(100 * rho)])
    Y = autoregressive_errors(np.array([rho]), n, series, rng)
    rows = []
    for estimators, count in ((BATCHED, series), (ONE_BY_ONE, slow_series)):
        for name, estimate in estimators.items():
            if "order 2" in name and n < SECOND_ORDER_FROM:
                continue
            started = time.process_time()
            level, slope = rejected(estimate(X, Y[:, :count], LENGTHS[n])).mean(axis=0)
            seconds = round(time.process_time() - started, 2)
            rows.append(
                {"n": n, "rho": rho, "estimator": name, "series": min(count, series), "level": float(level)}
                | {"slope": float(slope), "seconds": seconds}
            )
    return rows


def peers_of(unit, rng):
    """Return the peers of a unit: ten donors at random, never itself nor the treated unit 0."""
    return rng.choice(np.setdiff1d(np.arange(1, DONORS + 1), unit), PEERS, replace=False)


def drawn_panels(task):
    """Return values, gaps, each (n, panels, units), and the peers of the treated unit of each panel."""
    rho, own_breaks, first, count = task
    rng = np.random.default_rng([SEED, round(100 * rho), own_breaks, first])
    X = its_design(N, START)
    units = DONORS + 1
    own = autoregressive_errors(np.array([rho]), N, count * units, rng)
    if own_breaks:
        read = design_fit(X, np.array([[rho]])).contrasts(CONTRASTS)
        sizes = np.sqrt(BREAK_SHARE) * read.std_error[0]
        own += X[:, 2:] @ (sizes[:, None] * rng.standard_normal((2, count * units)))
    own = own.reshape(N, count, units)
    values = own + SHOCK_SD * autoregressive_errors(np.array([SHOCK]), N, count, rng)[:, :, None]
    usable = np.ones(N, dtype=np.bool_)
    gaps = np.empty_like(values)
    treated_peers = []
    for panel in range(count):
        for unit in range(units):
            peers = peers_of(unit, rng)
            if unit == 0:
                treated_peers.append(peers)
            gaps[:, panel, unit] = values[:, panel, unit] - peer_mean(values[:, panel, peers], usable)
    return values, gaps, treated_peers


def panels(task):
    """Return what the four tests reject, each (panels, 2), in some panels of one world."""
    *_, count = task
    values, gaps, treated_peers = drawn_panels(task)
    X, units, flat = its_design(N, START), DONORS + 1, gaps.reshape(N, -1)
    fits = {order: reml_ar_statistics(X, flat, CONTRASTS, order).estimates for order in (1, 2)}
    statistic = fits[1].statistic.reshape(count, units, 2)
    alone = ols_statistics(X, values.reshape(N, -1), CONTRASTS).estimates.estimate.reshape(count, units, 2)
    in_space = np.array([[placebo(t[0, c], t[1:, c]).p_value for c in range(2)] for t in statistic])
    against = np.array(
        [crawford_howell(b[0], b[peers]).p_value for b, peers in zip(alone, treated_peers, strict=True)]
    )
    return {
        "difference, reml_ar order 1": rejected(fits[1]).reshape(count, units, 2)[:, 0],
        "difference, reml_ar order 2": rejected(fits[2]).reshape(count, units, 2)[:, 0],
        "Crawford-Howell": against < 0.05,
        "placebo in space": in_space <= 0.05,
    }


def joint_p(X, Y, answer, chosen):
    """Return the p-value of level and slope together of some series; without an F twice the smaller one."""
    read, stuck, walk, order = answer
    whole = fit_reml_ar(X, Y[:, chosen], order)
    places = np.cumsum(stuck) - 1
    found = np.empty(len(chosen))
    for place, series in enumerate(chosen):
        fit, at = (walk, int(places[series])) if stuck[series] else (whole, place)
        found[place] = joint_f(fit, at, CONTRASTS).p_value
    return np.where(np.isnan(found), np.minimum(1.0, 2.0 * read.p_value[chosen].min(axis=1)), found)


def printed_cell(task):
    """Return share and size of the answers of a run, for one length and autocorrelation."""
    n, rho, series = task
    X = its_design(n, LENGTHS[n])
    Y = autoregressive_errors(
        np.array([rho]), n, series, np.random.default_rng([SEED, 1, n, round(100 * rho)])
    )
    answer = default_answer(X, Y)
    p_values = np.column_stack([answer[0].p_value, joint_p(X, Y, answer, np.arange(series))])
    return [
        {"n": n, "rho": rho, "question": question, "series": series, "walk": float(answer[1].mean())}
        | {"answered": float(np.mean(~np.isnan(p))), "size": float(np.mean(p[~np.isnan(p)] <= 0.05))}
        for question, p in zip(QUESTIONS, p_values.T, strict=True)
    ]


def printed_panels(task):
    """Return p-values of the treated unit's gap and of its attribution by question, each (panels, 3)."""
    *_, count = task
    _, gaps, _ = drawn_panels(task)
    X, units = its_design(N, START), DONORS + 1
    flat = gaps.reshape(N, -1)
    answer = default_answer(X, flat)
    of_gap = np.column_stack([answer[0].p_value[::units], joint_p(X, flat, answer, np.arange(count) * units)])
    beside = np.empty((count, len(QUESTIONS)))
    for panel in range(count):
        own, donors = (
            ContrastEstimates(*(part[some] for part in astuple(answer[0])))
            for some in (
                slice(panel * units, panel * units + 1),
                slice(panel * units + 1, (panel + 1) * units),
            )
        )
        (found,) = attribution(own, donors, centred=True)
        beside[panel] = [*(term.p_value for term in found.terms), found.p_value]
    return of_gap, beside


def label_rows(pool, count):
    """Return how often a unit is found to have changed, and more than others, in all worlds."""
    rows = []
    for (rho, own_breaks), parts in in_worlds(pool, printed_panels, count):
        of_gap, beside = (np.concatenate([part[place] for part in parts]) for place in (0, 1))
        for place, question in enumerate(QUESTIONS):
            gap, other = of_gap[:, place] <= 0.05, beside[:, place] <= 0.05
            rows.append(
                {"rho": rho, "own_breaks": own_breaks, "question": question, "panels": count}
                | {"answered": float(np.mean(~np.isnan(of_gap[:, place])))}
                | {"gap": float(gap.mean()), "attribution": float(other.mean())}
                | {"more": float((gap & other).mean())}
            )
    return rows


def in_worlds(pool, work, count):
    """Yield every world with what came of its panels, in parts."""
    for rho, own_breaks in WORLDS:
        tasks = [
            (rho, own_breaks, first, min(PANELS_AT_ONCE, count - first))
            for first in range(0, count, PANELS_AT_ONCE)
        ]
        yield (rho, own_breaks), list(pool.map(work, tasks))


def panel_rows(pool, count):
    """Return the sizes in all worlds."""
    rows = []
    for (rho, own_breaks), parts in in_worlds(pool, panels, count):
        for name in parts[0]:
            level, slope = np.concatenate([part[name] for part in parts]).mean(axis=0)
            rows.append(
                {"rho": rho, "own_breaks": own_breaks, "test": name, "panels": count}
                | {"level": float(level), "slope": float(slope)}
            )
    return rows


def sample_output(reps):
    """Return what the command prints for the sample."""
    command = [sys.executable, "-m", "its_eval", "calibrate", "configs/sample.yaml", "--reps", str(reps)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, encoding="utf-8")  # noqa: S603
    return {"reps": reps, "text": done.stdout}


def size_table(rows, n):
    """One length: an estimator a line, an autocorrelation a column."""
    lines = [f"### {n} periods, {LENGTHS[n]} of them before", ""]
    heads = [f"ρ = {rho:g}" for rho in AUTOCORRELATIONS]
    lines += ["| slope \\| level | series | " + " | ".join(heads) + " |", "|---|---|" + "---|" * len(heads)]
    own = {(row["estimator"], row["rho"]): row for row in rows if row["n"] == n}
    for name in dict.fromkeys(row["estimator"] for row in rows if row["n"] == n):
        found = [own[name, rho] for rho in AUTOCORRELATIONS]
        shown = [f"{percent(row['slope'])} \\| {percent(row['level'])}" for row in found]
        lines.append(f"| {name} | {found[0]['series']:,} | " + " | ".join(shown) + " |")
    return "\n".join(lines) + "\n"


def panel_table(rows):
    """A test a line, a world a column."""
    heads = [f"ρ = {rho:g}, {'own breaks' if own else 'no own breaks'}" for rho, own in WORLDS]
    lines = ["| slope \\| level | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    found = {(row["test"], row["rho"], row["own_breaks"]): row for row in rows}
    for name in dict.fromkeys(row["test"] for row in rows):
        cells = [found[name, *world] for world in WORLDS]
        shown = [f"{percent(row['slope'])} \\| {percent(row['level'])}" for row in cells]
        lines.append(f"| {name} | " + " | ".join(shown) + " |")
    return "\n".join(lines) + "\n"


def printed_table(rows):
    """A length a line, an autocorrelation a column: the sizes of the three questions, and the differenced."""
    heads = [f"ρ = {rho:g}" for rho in AUTOCORRELATIONS]
    lines = ["| change \\| slope \\| level (differenced) | " + " | ".join(heads) + " |"]
    lines.append("|---|" + "---|" * len(heads))
    found = {(row["n"], row["rho"], row["question"]): row for row in rows}
    for n, before in LENGTHS.items():
        cells = []
        for rho in AUTOCORRELATIONS:
            shown = " \\| ".join(percent(found[n, rho, name]["size"]) for name in reversed(QUESTIONS))
            cells.append(f"{shown} ({100 * found[n, rho, 'level']['walk']:.0f})")
        lines.append(f"| {n} periods, {before} before | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def label_table(rows):
    """A world and a question a line: gap, attribution, and both."""
    lines = ["| world | question | gap | attribution | *changed, more than other units do* |"]
    lines.append("|---|---|---|---|---|")
    for row in rows:
        world = f"ρ = {row['rho']:g}, {'own breaks' if row['own_breaks'] else 'no own breaks'}"
        shown = " | ".join(percent(row[name]) for name in ("gap", "attribution", "more"))
        lines.append(f"| {world} | {row['question']} | {shown} |")
    return "\n".join(lines) + "\n"


def page(numbers):
    """Return the text of docs/calibration.md."""
    cells, of_panels, sample = numbers["cells"], numbers["panels"], numbers["sample"]
    printed, labels = numbers["printed"], numbers["labels"]
    bent, drift = numbers["bent"], numbers["drift"]
    lost = 1 - np.mean([row["answered"] for row in (*printed, *labels)])
    most = max(row["series"] for row in cells)
    least = min(row["series"] for row in cells)
    error = 100 * np.sqrt(0.05 * 0.95)
    seconds = sum(row["seconds"] for row in cells if row["estimator"] in BATCHED)
    slow_seconds = sum(row["seconds"] for row in cells if row["estimator"] in ONE_BY_ONE)
    parts = [
        f"""\
# Calibration

How often each estimator finds an effect where there is none, in per cent, tested at 5 %; 100 less this is the
coverage of its 95 % interval. `make calibration` writes this page and `docs/calibration.json`, with 10,000
series a cell for batched estimators and 500 for those fitted one at a time. **The numbers below are of
{most:,} and {least:,} series**: at a true 5 % their Monte Carlo standard errors are
{error / most**0.5:.1f} and {error / least**0.5:.1f} points. Processor time was {seconds / 60:.1f} minutes for
the batched ones and {slow_seconds / 60:.1f} for the others, shared by {PROCESSES} processes.

## One series

AR(1) errors, no season; level and slope change at the interruption. `newey_west` takes its lags from the
length of the series.
""",
        *(size_table(cells, n) for n in LENGTHS),
        f"""\
## What a run prints

The default estimator as a run uses it: `reml_ar` of order 1 below {SECOND_ORDER_FROM} periods and 2 from
there, and at a bound the differenced model, whose share of the answers stands in brackets.
**{percent(lost)} % of the series have no answer**, so that these are the sizes of what is printed, not of
what is left when some are withheld. *Change* is the joint test of level and slope, the default question.
{printed[0]["series"]:,} series a cell; the standard error at 5 % is
{error / printed[0]["series"] ** 0.5:.1f} points.
""",
        printed_table(printed),
        f"""\
## A trend that bends

The same answers where the trend is no line but a parabola without any interruption. A bend is the greatest
distance from a straight line over the time before, in standard deviations of the AR(1) errors; *bounded* is
the interval of `trend_bounds` that allows for this bend. {bent[0]["series"]:,} series a cell; the standard
error at 5 % is {error / bent[0]["series"] ** 0.5:.1f} points.
""",
        bent_table(bent),
        f"""\
The plain interval takes a bend for a change of slope, in many series nearly always; the one that allows for
it does not. The check `trend_bounds` of a run says how much bend an answer bears.

## A level that drifts

AR(1) errors of {DRIFTING_RHO:g} around a random walk; drift is the variance of its steps over that of the
errors. Of the default's false findings, the last column is the share beside which a run says otherwise: a
flag (`at_bound`, `near_unit_root`), or a standard sensitivity that disagrees (`reml_local_level`, the other
order, variance by segment, a quadratic trend). {drift[0]["series"]:,} series a line, slope \\| level.
""",
        drift_table(drift),
        f"""\
**A limitation.** Where the default finds 15 % or more, `reml_local_level` finds about half or less; neither
keeps 5 % where a level drifts much. A false change of slope is hardly ever left alone, mostly because a
quadratic trend disagrees, which it does beside many true ones, too; of false jumps a quarter to a half are:
[decision 6](decisions/0006-default-error-model.md).

## Panels: the gap of one trust and the breaks of others

One treated unit, {PEERS} peers, {DONORS} donors with ten peers of their own each, {N} months, {START} of them
before; AR(1) errors of each unit, and a shock common to all (AR(1) {SHOCK:g}, as large as a unit's own
errors). With own breaks level and slope of every unit, the treated one too, change at the start, by
independent normals around 0 whose variance is {BREAK_SHARE:g} of that of the estimate. A test of the gap
alone then rejects in 2Φ(−1.96 / √{1 + BREAK_SHARE:g}) = 14 % of panels, in fewer where few degrees of freedom
are left.
{of_panels[0]["panels"]:,} panels a world; the standard error at 5 % is
{error / of_panels[0]["panels"] ** 0.5:.1f} points.
""",
        panel_table(of_panels),
        f"""\
The interval of the difference answers whether the gap to these peers changed, and where every trust has
breaks of its own it finds them. Crawford–Howell and the placebo ask whether the change is unusual for a
trust, and keep their size in either world.

## Labels of a unit: attribution beside the gap

In the same panels, what a run prints of the treated unit, which has no effect: its gap changed (p ≤ 5 %), its
change is unusual beside those of the donors (attribution), and both, which is the label *changed, more than
other units do*. {labels[0]["panels"]:,} panels a world, all answered; the standard error at 5 % is
{error / labels[0]["panels"] ** 0.5:.1f} points.
""",
        label_table(labels),
        f"""\
Where units have breaks of their own the gap finds them, and *changed, but not clearly more than other units
do* is right of them: they did change. The label that says more asks both tests.

## A config of yours

`its-eval calibrate configs/sample.yaml --reps {sample["reps"]}`: per outcome and design, the sizes of the
configured estimators side by side, on series like the fitted ones, in worlds that the model does not know,
and over the real donors. `newey_west` has a tenth of the series.

```
{sample["text"].rstrip()}
```
""",
    ]
    return "\n".join(parts)


def main():
    """Compute what is asked for and write both files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--slow-series", type=int, default=500)
    parser.add_argument("--panels", type=int, default=2_000)
    parser.add_argument("--trends", type=int, default=1_000)
    parser.add_argument("--reps", type=int, default=1_000)
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--only", choices=[*PARTS, "page"])
    asked = parser.parse_args()
    parts = [asked.only] if asked.only else PARTS
    numbers = json.loads(NUMBERS.read_text(encoding="utf-8")) if NUMBERS.exists() else {}
    with ProcessPoolExecutor(asked.processes) as pool:
        if "cells" in parts:
            # the longest series first, so that no process is left with them alone
            tasks = [
                (n, rho, asked.series, asked.slow_series)
                for n in sorted(LENGTHS, reverse=True)
                for rho in AUTOCORRELATIONS
            ]
            found = [row for rows in pool.map(cell, tasks) for row in rows]
            numbers["cells"] = sorted(found, key=lambda row: row["n"])
        if "panels" in parts:
            numbers["panels"] = panel_rows(pool, asked.panels)
        if "printed" in parts:
            # seconds a cell, and one of them lies at 7 %
            tasks = [(n, rho, 4 * asked.series) for n in LENGTHS for rho in AUTOCORRELATIONS]
            numbers["printed"] = [row for rows in pool.map(printed_cell, tasks) for row in rows]
        if "bent" in parts:
            tasks = [(n, rho, asked.trends) for n in LENGTHS for rho in BENT_RHOS]
            numbers["bent"] = [row for rows in pool.map(bent_cell, tasks) for row in rows]
        if "drift" in parts:
            tasks = [(n, drift, asked.trends) for n in sorted(LENGTHS, reverse=True) for drift in DRIFTS]
            numbers["drift"] = [row for rows in pool.map(drift_cell, tasks) for row in rows]
        if "labels" in parts:
            numbers["labels"] = label_rows(pool, asked.panels)
    if "sample" in parts:
        numbers["sample"] = sample_output(asked.reps)
    absent = set(PARTS) - set(numbers)
    NUMBERS.write_text(json.dumps(numbers, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if absent:
        sys.exit(f"{', '.join(sorted(absent))} not computed yet: the page is left as it was")
    PAGE.write_text(page(numbers), encoding="utf-8")


if __name__ == "__main__":
    main()

"""How often real trusts without an intervention would be called unusual: each left out once as if treated.

    python benchmarks/evidence/real_donors.py            what was held out, with intervals over the donors
    python benchmarks/evidence/real_donors.py --tuned    the dates on which choices were made

Differences from the mean of the ten nearest others by the published characteristics; nobody is a peer of, or
a donor for, the trust that is left out. Reads NHS files beside the checkout (``ITS_EVAL_NHS_DATA``), which
are not part of the repository.
"""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before numpy is loaded

import numpy as np
import pandas as pd

from its_eval.design.matrix import Interruption, Season, build_design
from its_eval.effects.attribution import attribution
from its_eval.estimators.fit import ContrastEstimates
from its_eval.estimators.random_walk import fit_random_walk
from its_eval.estimators.reml.statistics import reml_ar_statistics

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("ITS_EVAL_NHS_DATA", ROOT.parent / "shared" / "data" / "nhs"))
TREATED = ("RTP", "RR8", "RKB", "RXW", "RF4")
PEERS = 10
#: Weight 0 in the published recipe.
UNWEIGHTED = (
    *("Patients", "FTE staff", "Night beds", "Day beds", "No procedure", "Operating Expenses"),
    "Degree of specialisation",
)
#: Dates on which anything was chosen, and those that were only reported.
TUNED = (("ae_4h", "2015-07"), ("ae_4h", "2016-08"), ("ae_4h", "2017-06"))
HELD_OUT = (
    *(("ae_4h", "2015-12"), ("ae_4h", "2017-01"), ("ae_4h", "2018-01")),
    *(("critical_care", "2013-08"), ("critical_care", "2015-05"), ("critical_care", "2017-03")),
    *(("beds", "2013-Q2"), ("beds", "2015-Q1"), ("beds", "2017-Q1")),
)
#: Effects asked for one at a time, as weights of level and slope.
ESTIMANDS = ("level_change", "slope_change", "effect_at_12")


@dataclass(frozen=True)
class Panel:
    """Complete series of units with characteristics, and who is near whom."""

    values: pd.DataFrame
    near: dict[str, list[str]]
    per_year: int


def read(outcome):
    """Return the panel of an outcome, treated trusts left away."""
    if outcome == "ae_4h":
        long = pd.read_csv(DATA / "ae_4h_monthly.csv")
        wide = long.pivot_table(index="month", columns="trust_code", values="within_4h_pct")
    elif outcome == "critical_care":
        long = pd.read_csv(DATA / "critical_care_beds_2002_20_clean.csv")
        long["month"] = long["date"].str[:7]
        shown = "adult_critical_care_beds_percent_occupied"
        long = long[long["number_of_adult_critical_care_beds_open"] > 0]
        wide = 100 * long.pivot_table(index="month", columns="org_code", values=shown)
    else:
        long = pd.read_csv(DATA / "beds_quarterly.csv")
        long["share"] = 100 * long["numerator"] / long["denominator"]
        wide = long.pivot_table(index="period", columns="unit", values="share")
        wide = wide[wide.index <= "2019-Q4"]
    table = pd.read_csv(DATA / "peer_finder_appendix_a.csv", keep_default_na=False).set_index("Procode")
    table = table.map(lambda cell: 0.0 if cell in ("", "NULL") else float(cell))
    scaled = (table / table.std(ddof=1))[[name for name in table if name not in UNWEIGHTED]]
    varies = wide.std() > 0
    units = [
        u for u in wide if wide[u].notna().all() and varies[u] and u in scaled.index and u not in TREATED
    ]
    place = scaled.loc[units].to_numpy()
    apart = np.sqrt(((place[:, None] - place) ** 2).sum(axis=2))
    order = np.argsort(apart, axis=1, kind="stable")
    near = {unit: [units[o] for o in order[row] if o != row] for row, unit in enumerate(units)}
    return Panel(wide[units], near, 4 if outcome == "beds" else 12)


def estimates(series, n_pre, per_year, first):
    """Estimate level, slope and effect a year after the start of series (n, S), differenced at a bound."""
    n = len(series)
    design = build_design(
        [(first + t) % per_year for t in range(n)],
        per_year,
        "month" if per_year == 12 else "quarter",
        [Interruption("fake", n_pre)],
        Season("dummies"),
        np.zeros(n, dtype=bool),
    )
    rows = np.zeros((3, len(design.terms)))
    level, slope = design.column("level_change"), design.column("slope_change")
    rows[0, level] = rows[1, slope] = rows[2, level] = 1.0
    rows[2, slope] = per_year
    order = 2 if n >= 48 else 1
    found = reml_ar_statistics(design.matrix, series, rows, order)
    parts = [found.estimates.estimate, found.estimates.std_error, found.estimates.df]
    stuck = found.flags["at_bound"]
    if stuck.any():
        walk = fit_random_walk(design.matrix, series[:, stuck]).contrasts(rows)
        for part, other in zip(parts, (walk.estimate, walk.std_error, walk.df), strict=True):
            part[stuck] = other
    df = np.maximum(parts[2], 1.0)
    return ContrastEstimates(parts[0], parts[1], df, df), stuck


@dataclass(frozen=True)
class LeftOut:
    """Each unit in turn as if treated: its estimates (J, m) and those of its donors (J, J - 1, m)."""

    own: ContrastEstimates
    donors: list[ContrastEstimates]
    stuck: float


def leave_out(panel, start):
    """Fit every unit and its donors, each with peers that are not the unit left out."""
    units = list(panel.values)
    column = {unit: i for i, unit in enumerate(units)}
    asked, keys = {}, []
    for unit in units:
        row = []
        for other in [unit, *(u for u in units if u != unit)]:
            near = [peer for peer in panel.near[other] if peer != unit or other == unit][:PEERS]
            row.append(asked.setdefault((other, tuple(near)), len(asked)))
        keys.append(row)
    values = panel.values.to_numpy()
    series = np.column_stack(
        [values[:, column[unit]] - values[:, [column[p] for p in near]].mean(axis=1) for unit, near in asked]
    )
    n_pre = int(np.flatnonzero(panel.values.index == start)[0])
    found, stuck = estimates(series, n_pre, panel.per_year, first=0)
    keys = np.array(keys)

    return LeftOut(
        found.take(keys[:, 0]), [found.take(row[1:]) for row in keys], float(stuck[keys[:, 0]].mean())
    )


def judge(left, which):
    """Return gap p, attribution p, rank p, half width, half width of the gap and df for each unit."""
    own = left.own.take(np.s_[:, which])
    rows = []
    for unit, donors in enumerate(left.donors):
        (found,) = attribution(own.take([unit]), donors.take(np.s_[:, which]), centred=True)
        term = found.terms[-1]
        rows.append(
            (found.p_value, found.rank_p_value, (term.high - term.low) / 2, term.kappa, term.tau, term.factor)
        )
    gap = np.minimum(own.p_value.min(axis=1) * len(which), 1.0)
    # at the level of the attribution interval, which is shared between the terms
    half = (own.quantile(1 - 0.05 / len(which)) * own.std_error)[:, -1]
    return pd.DataFrame(rows, columns=["p", "rank", "half", "kappa", "tau", "phi"]).assign(
        gap=gap, gap_half=half, df=own.df[:, -1]
    )


def resampled(rejected, rng, draws=4000):
    """Return an interval of the rejection rate over donors drawn anew, in per cent."""
    again = rng.integers(0, len(rejected), (draws, len(rejected)))
    return 100 * np.quantile(rejected[again].mean(axis=1), [0.025, 0.975])


def shares(chosen):
    """Yield, for each outcome, date and question, what share of units is called unusual, in per cent."""
    rng = np.random.default_rng(1)
    panels = {}
    for outcome, start in chosen:
        panel = panels.setdefault(outcome, read(outcome))
        left = leave_out(panel, start)
        asked = {name: [place] for place, name in enumerate(ESTIMANDS)} | {"change": [0, 1]}
        for name, which in asked.items():
            found = judge(left, which)
            rejected = (found["p"] <= 0.05).to_numpy()
            low, high = resampled(rejected, rng)
            third = pd.qcut(found["df"].rank(method="first"), 3, labels=False)
            middle = found.median()
            gap, rank = (100 * (found[name] <= 0.05).mean() for name in ("gap", "rank"))
            yield {
                "outcome": outcome,
                "start": start,
                "question": name,
                "donors": len(found),
                "stuck": 100 * left.stuck,
                "gap": gap,
                "rank": rank,
                "low": low,
                "high": high,
                "attribution": 100 * rejected.mean(),
                "thirds": "/".join(f"{100 * rejected[third == t].mean():.0f}" for t in range(3)),
                **{name: middle[name] for name in ("half", "gap_half", "kappa", "tau", "phi")},
            }


def every_month(panel, margin=24):
    """Yield dates with so many months before and after, the gaps to the ten nearest, and their place."""
    near = {unit: panel.near[unit][:PEERS] for unit in panel.values}
    gaps = pd.DataFrame({unit: panel.values[unit] - panel.values[near[unit]].mean(axis=1) for unit in near})
    for place in range(margin, len(gaps) - margin + 1):
        yield str(gaps.index[place]), gaps


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tuned", action="store_true", help="the dates on which choices were made")
    for row in shares(TUNED if parser.parse_args().tuned else HELD_OUT):
        words = (
            f"{row['outcome']:14s}{row['start']:8s}{row['question']:13s} J {row['donors']}, ",
            f"{row['stuck']:.0f} % at a bound | gap {row['gap']:.1f} % | ",
            f"attribution {row['attribution']:.1f} % ({row['low']:.1f} to {row['high']:.1f}; ",
            f"thirds by df {row['thirds']}), rank {row['rank']:.1f} % | ",
            f"half width {row['half']:.2f}, of the gap {row['gap_half']:.2f}, ",
            f"ratio {row['half'] / row['gap_half']:.2f} | ",
            f"kappa {row['kappa']:.2f} tau {row['tau']:.2f} phi {row['phi']:.2f}",
        )
        print("".join(words), flush=True)


if __name__ == "__main__":
    main()

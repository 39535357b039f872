"""Write docs/evidence.md and its figure: how often methods find an effect in real series without one.

    make evidence

Some six minutes on one core. The data are read beside the checkout (``ITS_EVAL_DATA``).
"""

import tempfile
from pathlib import Path

import battery
import matplotlib as mpl
import pandas as pd
import real_donors
from matplotlib.figure import Figure

from its_eval import fit

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "evidence.md"
FIGURE = ROOT / "docs" / "images" / "evidence.png"
#: Share by which admissions are made to fall, for the column of power.
FALL = 0.2
JANUARY = "1997-01"
LEFT_OUT = ["outcome", "question", "dates", "trusts", "gap", "beside others", "rank"]
SHOWN = ("its-eval", *battery.OTHERS)
HOW = {
    "its-eval": "its-eval, default (`reml_ar`)",
    "order 1": "`reml_ar` of order 1",
    "by segment": "`reml_ar`, variance by segment",
    "local level": "`reml_local_level`",
}


def table(head, rows):
    """Return a table in Markdown; the first column is text."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def told(rows):
    """Return a share with its interval as text."""
    percent, low, high = battery.share(rows)
    return f"{percent:.1f} ({low:.1f}–{high:.1f})"


def by_country(null, methods):
    """Return a row for each method with its share in every country."""
    return [
        [HOW.get(name, name)]
        + [
            told(null[(null["method"] == name) & (null["country"] == country)])
            for country in battery.COUNTRIES
        ]
        for name in methods
    ]


def january(null, methods):
    """Return a row for each method: its share in the United States in January, and at the other dates."""
    here = null[null["country"] == "United States"]
    rows = []
    for name in methods:
        hit = here[here["method"] == name].assign(hit=lambda part: part["p"] <= battery.ALPHA)
        inside = hit["date"] == JANUARY
        rows.append(
            [HOW.get(name, name)]
            + [f"{100 * hit.loc[chosen, 'hit'].mean():.1f}" for chosen in (inside, ~inside)]
        )
    return rows


def donor_shares(outcome):
    """Return how often gaps of trusts have a jump or a bend at p 0.05, by method, and of how many tests."""
    names = ("its-eval", *battery.OTHERS[:3])
    hits = {name: [0, 0] for name in names}
    count = 0
    for start, gaps in real_donors.every_month(real_donors.read(outcome)):
        found = (
            fit(gaps, start, seasonality="months")
            .tidy("effects")
            .set_index(["series", "estimand"])["p_value"]
        )
        X = battery.matrix(list(gaps.index), start)
        place = list(gaps.index).index(start)
        later = [(index - place) * (index >= place) for index in range(len(gaps))]
        X = pd.DataFrame(X).assign(later=later).to_numpy(dtype=float)
        for unit in gaps:
            count += 1
            p = battery.least_squares(gaps[unit].to_numpy(), X)
            both = [(found[unit, "level_change"], found[unit, "slope_change"]), *((q[2], q[-1]) for q in p)]
            for name, pair in zip(names, both, strict=True):
                for term in (0, 1):
                    hits[name][term] += pair[term] <= battery.ALPHA
    rows = [[HOW.get(name, name), *(f"{100 * hit / count:.1f}" for hit in hits[name])] for name in names]
    return rows, count


def held_out():
    """Return rows of the donors that were left out one at a time, question by question."""
    found = pd.DataFrame(real_donors.shares(real_donors.HELD_OUT))
    words = {
        "ae_4h": "A&E within 4 hours",
        "critical_care": "critical care beds in use",
        "beds": "beds in use",
    }
    return [
        [words[outcome], question, len(part), part["donors"].iloc[0]]
        + [f"{part[name].mean():.1f}" for name in ("gap", "attribution", "rank")]
        for (outcome, question), part in found.groupby(["outcome", "question"], sort=False)
    ]


def draw(null):
    """Draw the share of every method in every country beside the nominal 5 per cent."""
    with mpl.rc_context({"font.size": 10, "svg.hashsalt": "its-eval"}):
        figure = Figure(figsize=(8.0, 3.4), dpi=150, layout="constrained")
        axes = figure.subplots()
        for country, marker, colour, shift in zip(
            battery.COUNTRIES,
            ("o", "s", "^"),
            ("#1b5e86", "#b3541e", "#4d4d4d"),
            (-0.2, 0.0, 0.2),
            strict=True,
        ):
            for place, name in enumerate(SHOWN):
                rows = null[(null["method"] == name) & (null["country"] == country)]
                percent, low, high = battery.share(rows)
                axes.plot([low, high], [place + shift] * 2, color=colour, lw=1.2)
                axes.plot(percent, place + shift, marker, color=colour, label=None if place else country)
        axes.axvline(5, color="black", lw=1, ls="--")
        axes.annotate(
            "5 %, as promised", (5, -0.62), (8, 0), textcoords="offset points", va="center", fontsize=9
        )
        axes.set_yticks(range(len(SHOWN)), SHOWN)
        axes.set_ylim(len(SHOWN) - 0.5, -0.85)
        axes.set_xlim(left=0)
        axes.set_xlabel("“Effects” found where nothing happened, % of tests (95 % interval)")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="upper right")
        figure.savefig(FIGURE, metadata={"Software": None})


def main():
    null = pd.concat([battery.measured(country) for country in battery.COUNTRIES], ignore_index=True)
    power = pd.concat([battery.measured(country, FALL) for country in battery.COUNTRIES], ignore_index=True)
    with tempfile.TemporaryDirectory() as folder:
        raised, findings = battery.told_of_one_month("United States", JANUARY, Path(folder))
    donors, count = donor_shares("ae_4h")
    counts = [len(battery.admissions(country).columns) for country in battery.COUNTRIES]
    unanswered = int(null[null["method"] == "its-eval"]["p"].isna().sum())
    every = (*battery.OURS, *battery.OTHERS)
    series = ", ".join(
        f"{country} {number}" for country, number in zip(battery.COUNTRIES, counts, strict=True)
    )
    text = f"""# Evidence on real series

How often do methods find an effect where there was none? Simulations (docs/calibration.md) answer it
for series whose errors are known; this page answers it for real ones. It is written by `make evidence`
from data that are not part of the repository: data/nhs/README.md says where the NHS files come from,
and the admissions are the supplementary data of Bruhn et al. 2017 (PNAS, doi 10.1073/pnas.1612833114).

![Share of tests that find an effect where nothing happened, by method and country](images/evidence.png)

## Hospital admissions before a vaccine

Monthly admissions by cause and age, complete, at least {battery.LEAST} a month, cut before the vaccine
came: {series} series. At each of {battery.N_DATES} consecutive dates a step in log counts, beside a
linear trend and month terms. Per cent of p-values at most 0.05, with 95 % intervals clustered by cause
and date; {unanswered} tests of the default are without an answer.

{table(["method", *battery.COUNTRIES], by_country(null, every))}

Brazil served for tuning; Chile and the United States did not. Newey–West has 3 or 4 lags (the rule
4(n/100)^(2/9)), GLSAR is iterated Cochrane–Orcutt of order 1, quasi-Poisson has the Pearson dispersion.

### What they find when there is something

The same tests with admissions {100 * FALL:.0f} % lower from the date on. A method that finds effects
everywhere finds these too: read the column beside the table above.

{table(["method", *battery.COUNTRIES], by_country(power, every))}

### An epidemic month

The winter of 1996/97 brought one epidemic month to the United States just before January 1997. Every method
that models autocorrelation finds a step there far more often than at the other dates; the others do not:

{table(["method", "January 1997", "the other dates"], january(null, every))}

The check `one_month` asks for attention in {raised} of the {findings} findings of the default in
January 1997.

## Trusts without an intervention

The share of A&E patients seen within four hours, each trust minus the mean of its ten nearest by the
published characteristics, the five trusts of the NHS–VMI partnership left away; every month with at
least 24 before and after is a date on which nothing happened to them ({count:,} tests). Trusts do
change by themselves, and a gap says so:

{table(["method", "level, p ≤ 0.05", "slope, p ≤ 0.05"], donors)}

That is why a change has to stand out from those of other units before it is called *more than other
units do*. Each trust left out once as if it were treated, on dates that nothing was chosen on, means
over dates in per cent:

{table(LEFT_OUT, held_out())}

*Gap* is the share with p ≤ 0.05 from the trust's own gap; *beside others* that of `p_attribution`;
*rank* that of its place among the others.
"""
    PAGE.write_text(text, encoding="utf-8")
    draw(null)


if __name__ == "__main__":
    main()

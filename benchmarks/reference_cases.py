"""Write docs/reference_cases.md: published numbers, ours, and the difference, case by case.

Needs the folder of reference cases for those whose data may not be committed (`ITS_EVAL_REFERENCE`, or
`../shared/reference`); without it nothing is written, because the page would lose them.
"""

import os
import sys
from decimal import Decimal
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before numpy is loaded

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference_cases.md"
sys.path.insert(0, str(ROOT / "tests" / "reference"))

from case_comparison import CLOSED, ITERATED, MOST_DIGITS, NOT_EXPRESSED, differences, published
from case_models import FOLDER, MODELS, available

INTRODUCTION = f"""\
# Reference cases

Numbers that others have published or that R gives, beside the tool's own. `benchmarks/reference_cases.py`
writes this page and `tests/reference/test_reference_cases.py` holds it. A published number agrees when ours
rounds to what is printed (to a billionth where more than {MOST_DIGITS} digits are). Numbers of R agree
within {CLOSED:.0e} for closed forms and {ITERATED:.0e} for iterated likelihoods: relative to themselves,
limits of an interval to estimate and standard error, p-values by what that does to their statistic.
"""
TITLES = {
    "prop99_single": "Proposition 99, California alone",
    "prop99_multigroup": "Proposition 99 with controls",
    "nile": "Flow of the Nile, 1871 to 1970",
    "uk_seatbelts": "Seat belts, Great Britain, 1969 to 1984",
    "stata_newey_prais_convention": "Conventions of Stata",
    "sicily_smoking_ban": "Smoking ban in Sicily",
    "gabapentinoids_england": "Gabapentinoids, England, 2015 to 2020",
    "stand_your_ground": "Stand your ground, Florida, 1999 to 2014",
    "quetiapine": "Quetiapine, Australia, 2011 to 2014",
    "excess_deaths": "Deaths of 2020 above those expected",
    "airline_miles": "Airline passenger-miles, United States, 1996 to 2005",
    "drug_cap": "Cap and copayment, New Hampshire, 1980 to 1983",
}
ABOUT = {
    "prop99_single": """\
Cigarette packs per head, 1970 to 2000, a step and a change of slope in 1989 (design of Linden 2015, *Stata
Journal* 15:480). Ordinary least squares, Newey-West, Prais-Winsten, ARIMA. The restricted likelihood has its
maximum at the unit root: flagged `at_bound`, not compared. The rows *pre-only* are the projection: the mean
gap is the average effect of `fit: before`.""",
    "prop99_multigroup": """\
The comparative model of eight parameters on 39 states and on California with three matched ones. The
published p-values 0.136 and 0.631 need lag products across the borders between states, which the tool does
not offer: here the rows are handed over as one series. Kept within states they are 0.137 and 0.631.""",
    "nile": """\
A step in 1899, alone and with a change of slope. The published step of -290.54 belongs to a ramp that is 1 in
the first year after; with the tool's ramp, 0 in that year, it is -291.09. And a level that moves by itself,
without a step, by `structural`.""",
    "uk_seatbelts": """\
Car drivers killed or seriously injured, log10, with ARIMA(1,0,0)(1,0,0)12 errors: before the law, and the
whole series with distance driven, price of petrol and the law.""",
    "stata_newey_prais_convention": """\
Growth of US investment on growth of output and the real interest rate of the quarter before: which Newey-West
and which Prais-Winsten.""",
    "sicily_smoking_ban": """\
Acute coronary events, 59 months (Lopez Bernal, Cummins & Gasparrini 2017, *International Journal of
Epidemiology* 46:348): Poisson, quasi-Poisson with harmonics, negative binomial. The journal corrected the
model with a change of slope; both forms are computed. The data are not in the repository.""",
    "gabapentinoids_england": """\
Monthly items of two drugs and of both, a knot in April 2019. The data are not in the repository.""",
    "stand_your_ground": """\
Monthly homicides, a step in October 2005 (Humphreys, Gasparrini & Wiebe 2017, *JAMA Internal Medicine*
177:44): quasi-Poisson with the population as offset, a linear trend and two pairs of harmonics. Homicides by
firearm are compared in per cent alone: versions of the abstract differ in the ratio. The data are not in the
repository.""",
    "quetiapine": """\
Dispensings a month, a change of level and slope in January 2014, ARIMA(2,1,0)(0,1,1)12 (Schaffer, Dobbins &
Pearson 2021, *BMC Medical Research Methodology* 21:58). The paper's ramp is 1 in January 2014, so its step
is read a month before. Data and configs, one that asks as the paper does and one as this program does, are
in `tests/reference/cases/quetiapine`. R's numbers come from a search that stopped a little early.""",
    "excess_deaths": """\
Projections, `fit: before`, of deaths from March 2020 on: least squares on 2015 to 2019 with a linear trend
and a term for each month or week (Karlinsky & Kobak 2021, *eLife* 10:e69336). By month a trend by year, as
published, and one by month are the same model. By week they are not, as 2015 has 53 weeks: there the year
is a covariate instead of a trend. Data and configs are in `tests/reference/cases/excess_deaths`.""",
    "airline_miles": """\
Logarithms with ARIMA(0,1,1)(0,1,1)12 errors: September 2001 with a term of its own and an effect that fades
(`shape: decay`), beside three outliers (Cryer & Chan 2008, *Time Series Analysis with Applications in R*,
chapter 11). The published rate of decay, 0.8139 a month, is taken as known, so intervals are narrower than
those of the book, which estimates it. Of the book's numbers these two could be looked up. Data and config
are in `tests/reference/cases/airline_miles`.""",
    "drug_cap": """\
Prescriptions of patients with many drugs under a cap of three paid ones and the copayment that followed
(Soumerai and others 1987, *New England Journal of Medicine* 317:550): two interruptions, by means alone as
in the abstract. With trends the model is held against a regression by
`tests/reference/test_reference_runs.py`. The values were read off a figure; they and the configs are in
`tests/reference/cases/drug_cap`.""",
}
OTHERS = """\
- Kenward and Roger's whole correction of 1997, which depends on the parametrisation and explodes near the
  unit root: the first-order one is used
- the standard errors of R's `arima` for the log rates of Sicily: R differentiates numerically with one step
  for all regressors and, for `time`, is 2 % off R's own `gls`, with which ours agree"""


def places(text):
    """Decimals to show of ours: one more than printed."""
    return max(0, -int(Decimal(text).as_tuple().exponent)) + 1


def shown(value, text):
    """Show ours with one digit more than what is printed."""
    if len(Decimal(text).as_tuple().digits) > MOST_DIGITS:
        return f"{value:.10g}"
    if "e" in text:
        return f"{value:.{len(Decimal(text).as_tuple().digits)}e}"
    return f"{value:.{places(text)}f}"


def difference(value, text):
    """Show ours minus printed, in the same digits."""
    if len(Decimal(text).as_tuple().digits) > MOST_DIGITS:
        return "below 1e-9"
    gap = Decimal(shown(value, text)) - Decimal(text)
    return f"{gap:.1e}" if "e" in text else f"{gap:+.{places(text)}f}"


def section(case):
    """Text of one case."""
    rows = published(case)
    lines = [f"## {TITLES[case]}", "", ABOUT[case], ""]
    compared = differences(case)[0]
    if compared:
        apart = sum(not value <= 1.0 for value in compared.values())
        verdict = f"{apart} differ" if apart else "all agree"
        lines += [f"{len(compared):,} numbers of R compared: {verdict}.", ""]
    lines += ["| published | printed | ours | difference | |", "|---|---|---|---|---|"]
    for row in rows:
        cells = [row.name.replace("|", "\\|"), row.text]
        if row.ours is None:
            cells += ["", "", f"not expressed: {row.remark}"]
        else:
            verdict = row.remark if row.agrees or row.remark else "differs"
            cells += [shown(row.ours, row.text), difference(row.ours, row.text), verdict]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def not_expressed():
    """List what the cases contain and the tool does not express."""
    reasons = dict.fromkeys(why for _, why in NOT_EXPRESSED)
    lines = ["## What is not expressed, and why", ""]
    lines += [f"- {why}" for why in reasons if why != "names of options"]
    lines.append(OTHERS)
    return "\n".join(lines) + "\n"


def main():
    """Write the page."""
    absent = [case for case in MODELS if not available(case)]
    if absent:
        sys.exit(f"no data of {', '.join(absent)} in {FOLDER}: nothing written")
    parts = [INTRODUCTION, *(section(case) for case in MODELS), not_expressed()]
    PAGE.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()

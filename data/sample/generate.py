"""Simulated monthly data of sixty fictional trusts, with the truth known.

``python data/sample/generate.py`` writes ``indicators.csv``, ``characteristics.csv``, ``units.csv``,
``truth.csv`` and ``strata.csv`` beside this file, the same bytes every time. Tests import
:func:`simulate_panel` and draw as many panels as they like. ``README.md`` gives the formulas.

The trusts are fixed: their names, sizes, characteristics and usual levels never change. A seed draws what a
month brings: shocks, errors, breaks of a trust's own, questionnaires and leavers.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SEED = 20150701
INTERVENTION = "2015-07"
TREATED = ("SIM07", "SIM18", "SIM41", "SIM47", "SIM52")

# (level change in points at July 2015, slope change in points a month, what it is for)
EFFECTS: dict[str, dict[str, tuple[float, float, str]]] = {
    "fft_recommend": {
        "SIM07": (3.0, 0.18, "clear improvement: at once and growing"),
        "SIM18": (0.0, 0.0, "no effect"),
        "SIM41": (4.0, 0.0, "level only: improves at once and stays"),
        "SIM47": (0.0, 0.25, "slope only: improves month by month"),
        "SIM52": (-2.0, -0.20, "the opposite: worsens at once, and further month by month"),
    },
    "leaver_rate": {
        "SIM07": (0.0, 0.0, "no effect"),
        "SIM18": (0.0, 0.0, "no effect"),
        "SIM41": (0.0, -0.006, "slope only: improves month by month"),
        "SIM47": (-0.25, -0.008, "clear improvement: at once and growing"),
        "SIM52": (0.15, 0.006, "the opposite: worsens at once, and further month by month"),
    },
}

# two groups of patients of one indicator: what the intervention adds to each, in points, from July 2015 on
STRATA = ("most deprived", "least deprived")
STRATA_INDICATOR = "seen_in_4h"
STRATA_EFFECTS: dict[str, tuple[float, float]] = {
    "SIM07": (5.0, 1.0),  # the gap narrows by 4 points
    "SIM18": (2.0, 2.0),  # both improve, and the gap stays
}

# donors without data: unit -> periods left out, first and last included; None is the window's own end
MISSING: dict[str, tuple[tuple[str | None, str | None], ...]] = {
    "SIM20": (("2014-11", "2014-12"), ("2017-05", "2017-05")),  # 3 months: enough is left
    "SIM58": (("2016-10", "2017-05"),),  # 8 of the 56 months after July 2015: too few are left
    "SIM31": ((None, "2013-12"),),  # a trust that starts in January 2014
}

# January to December; centred where used, so that a level is an average over the year
FFT_SEASON = (-0.9, -0.7, -0.3, 0.1, 0.5, 0.6, 0.7, 0.6, 0.3, 0.1, -0.3, -0.7)
LEAVER_SEASON = (-0.05, -0.08, 0.06, 0.20, -0.08, -0.06, 0.02, 0.80, 0.10, -0.04, -0.09, -0.10)

# every first half with every second half: sixty places that are on no map
FIRST = (
    "Bramble",
    "Candle",
    "Ember",
    "Glimmer",
    "Inkle",
    "Lantern",
    "Quarrel",
    "Thistle",
    "Velvet",
    "Whistle",
)
SECOND = ("marrow", "mint", "quay", "spire", "wend", "wisp")
N_UNITS = len(FIRST) * len(SECOND)
KINDS = {"teaching": 12, "large": 16, "medium": 18, "small": 14}
TITLES = {
    "teaching": "Teaching Hospitals",
    "large": "General Hospitals",
    "medium": "Hospital Services",
    "small": "District Hospital",
}
BEDS = {"teaching": (850, 1450), "large": (680, 980), "medium": (430, 700), "small": (310, 440)}
REGIONS = ("Highmarch", "Lowfold", "Midwend", "Saltshore")


@dataclass(frozen=True)
class Roster:
    """The sixty trusts, the same in every panel: what they are like and what is usual for them."""

    units: tuple[str, ...]
    names: tuple[str, ...]
    types: tuple[str, ...]
    regions: tuple[str, ...]
    characteristics: dict[str, tuple[str, ...]]
    fft_level: Array
    fft_trend: Array
    fft_season: Array
    responses: Array
    leaver_level: Array
    leaver_trend: Array
    leaver_season: Array
    headcount: Array


@dataclass(frozen=True)
class IndicatorPanel:
    """One indicator: arrays of months by units, missing months as NaN, and the truth.

    Attributes
    ----------
    name
        ``fft_recommend`` or ``leaver_rate``.
    periods
        Months as ``2013-04``.
    t0
        Row of July 2015, the first affected month.
    value, numerator, denominator
        ``value = 100 * numerator / denominator``; the counts are whole numbers.
    expected
        The percentage before counts were drawn, with everything else in it.
    own_break
        What a unit's own break contributes to `expected`; zeros without breaks.
    level_change, slope_change
        The true effect of each treated unit, in the order of ``SamplePanel.treated``: the jump at July 2015
        itself and the change of slope a month, in percentage points.
    """

    name: str
    periods: tuple[str, ...]
    t0: int
    value: Array
    numerator: Array
    denominator: Array
    expected: Array
    own_break: Array
    level_change: Array
    slope_change: Array


@dataclass(frozen=True)
class SamplePanel:
    """Both indicators of the sixty trusts, columns in the order of `units`."""

    units: tuple[str, ...]
    names: tuple[str, ...]
    treated: tuple[str, ...]
    fft_recommend: IndicatorPanel
    leaver_rate: IndicatorPanel

    @property
    def indicators(self) -> tuple[IndicatorPanel, IndicatorPanel]:
        """Both indicators, by name."""
        return self.fft_recommend, self.leaver_rate


@cache
def months(start: str, end: str) -> tuple[str, ...]:
    """List the months from `start` to `end`, both included, as ``2013-04``."""
    first, last = (int(text[:4]) * 12 + int(text[5:]) - 1 for text in (start, end))
    return tuple(f"{month // 12}-{month % 12 + 1:02d}" for month in range(first, last + 1))


FFT_MONTHS = months("2013-04", "2020-02")
LEAVER_MONTHS = months("2009-01", "2020-02")
STRATA_MONTHS = months("2013-01", "2017-12")


def _standard(x: Array) -> Array:
    """Return `x` less its mean, in standard deviations."""
    return (x - x.mean()) / x.std()


@cache
def roster() -> Roster:
    """Return the sixty trusts, from their own fixed stream of random numbers."""
    rng = np.random.default_rng([SEED, 1])
    n = N_UNITS
    places = [FIRST[i // len(SECOND)] + SECOND[i % len(SECOND)] for i in rng.permutation(n)]
    types = tuple(rng.permutation([kind for kind, count in KINDS.items() for _ in range(count)]).tolist())
    regions = tuple(REGIONS[i] for i in rng.integers(len(REGIONS), size=n))
    low, high = (np.array([BEDS[kind][end] for kind in types], dtype=float) for end in (0, 1))
    teaching = np.array([kind == "teaching" for kind in types], dtype=float)

    beds = np.rint(low + (high - low) * rng.random(n))
    attendances = np.rint(beds * 135 * np.exp(0.18 * rng.standard_normal(n)))
    staff = np.rint(beds * (9.8 + 0.4 * teaching) * np.exp(0.10 * rng.standard_normal(n)))
    deprivation = 22 + 13 * np.tanh(0.55 * rng.standard_normal(n))
    urban = np.clip(0.72 + 0.012 * (deprivation - 22) + 0.16 * rng.standard_normal(n), 0.2, 1.0)
    young = 0.18 + 0.0012 * (deprivation - 22) + 0.012 * rng.standard_normal(n)
    older = 0.165 - 0.7 * (young - 0.18) - 0.04 * (urban - 0.72) + 0.012 * rng.standard_normal(n)
    sites = 1 + rng.poisson(beds / 90)
    sea = 0.4 + 112 * rng.random(n) ** 1.3
    specialisation = 0.02 + 0.035 * teaching + 0.012 * np.abs(rng.standard_normal(n))

    size, poverty = _standard(np.log(beds)), _standard(deprivation)
    pleased = -1.2 * poverty - 0.6 * size + 0.8 * _standard(older) + 1.9 * rng.standard_normal(n)
    leaving = 0.05 * (poverty + _standard(urban)) + 0.03 * _standard(specialisation)
    leaving += 0.07 * rng.standard_normal(n)
    busy = 1.1 * size + 0.5 * rng.standard_normal(n)

    def text(values: Iterable[float], decimals: int) -> list[str]:
        return [f"{value:.{decimals}f}" for value in values]

    columns = {
        "Attendances": text(attendances, 0),
        "Beds": text(beds, 0),
        "Staff": text(staff, 0),
        "Deprivation": text(deprivation, 2),
        "Age 0-15": text(young, 4),
        "Age 60-74": text(older, 4),
        "Urban": text(urban, 3),
        "Sites": text(sites, 0),
        "Sea distance": text(sea, 1),
        "Degree of specialisation": text(specialisation, 4),
    }
    units = tuple(f"SIM{i:02d}" for i in range(1, n + 1))
    columns["Deprivation"][units.index("SIM24")] = ""
    columns["Sea distance"][units.index("SIM55")] = ""
    return Roster(
        units=units,
        names=tuple(f"{place} {TITLES[kind]} (fictional)" for place, kind in zip(places, types, strict=True)),
        types=types,
        regions=regions,
        characteristics={name: tuple(column) for name, column in columns.items()},
        fft_level=86 + 6 * np.tanh(pleased / 5),
        fft_trend=0.01 * rng.standard_normal(n),
        fft_season=rng.uniform(0.7, 1.3, n),
        responses=400 + 1100 / (1 + np.exp(-busy)),
        leaver_level=1.1 + 0.22 * np.tanh(leaving / 0.2),
        leaver_trend=0.0004 * rng.standard_normal(n),
        leaver_season=rng.uniform(0.85, 1.15, n) + 0.1 * teaching,
        headcount=staff,
    )


@cache
def _season(pattern: tuple[float, ...], periods: tuple[str, ...]) -> Array:
    """Return the centred seasonal `pattern`, a row a month."""
    centred = np.array(pattern) - np.mean(pattern)
    return centred[[int(period[5:]) - 1 for period in periods]][:, None]


@cache
def _absent(periods: tuple[str, ...]) -> NDArray[np.bool_]:
    """Mark the months that a donor did not report."""
    gone = np.zeros((len(periods), N_UNITS), dtype=bool)
    for unit, spans in MISSING.items():
        for first, last in spans:
            inside = [(first or periods[0]) <= period <= (last or periods[-1]) for period in periods]
            gone[inside, roster().units.index(unit)] = True
    return gone


@cache
def _effect(indicator: str, periods: tuple[str, ...]) -> Array:
    """Return the effect of the intervention on every unit in every month."""
    since = np.arange(len(periods)) - float(periods.index(INTERVENTION))
    effect = np.zeros((len(periods), N_UNITS))
    for unit, (level, slope, _) in EFFECTS[indicator].items():
        effect[:, roster().units.index(unit)] = np.where(since >= 0, level + slope * since, 0.0)
    return effect


def _autoregression(rng: np.random.Generator, shape: tuple[int, int], rho: float) -> Array:
    """Draw stationary AR(1) columns of unit variance."""
    x = rng.standard_normal(shape)
    x[1:] *= np.sqrt(1 - rho**2)
    for t in range(1, shape[0]):
        x[t] += rho * x[t - 1]
    return x


def _own_breaks(
    rng: np.random.Generator, shape: tuple[int, int], probability: float, level: float, slope: float
) -> Array:
    """Draw a break at a random month for some of the units: normal jumps and changes of slope."""
    n, units = shape
    present = rng.random(units) < probability
    since = np.arange(n)[:, None] - rng.integers(6, n - 6, size=units)
    jump, bend = level * rng.standard_normal(units), slope * rng.standard_normal(units)
    return np.where(present & (since >= 0), jump + bend * since, 0.0)


def _indicator(
    name: str,
    periods: tuple[str, ...],
    counts: tuple[Array, Array],
    expected: Array,
    own_break: Array,
    *,
    effects: bool,
    blemishes: bool,
) -> IndicatorPanel:
    numerator, denominator = counts
    if blemishes:
        gone = _absent(periods)
        numerator, denominator = np.where(gone, np.nan, numerator), np.where(gone, np.nan, denominator)
    truth = np.array([EFFECTS[name][unit][:2] for unit in TREATED]) * effects
    return IndicatorPanel(
        name=name,
        periods=periods,
        t0=periods.index(INTERVENTION),
        value=100 * numerator / denominator,
        numerator=numerator,
        denominator=denominator,
        expected=expected,
        own_break=own_break,
        level_change=truth[:, 0],
        slope_change=truth[:, 1],
    )


def _fft(rng: np.random.Generator, *, own_breaks: bool, effects: bool, blemishes: bool) -> IndicatorPanel:
    """Draw the per cent who would recommend the A&E department; see the README for the formula."""
    trusts, periods = roster(), FFT_MONTHS
    shape = (len(periods), len(trusts.units))
    t = np.arange(shape[0], dtype=float)[:, None]

    slide = -0.06 * np.maximum(t - periods.index("2015-10"), 0)
    shocks = 0.6 * _autoregression(rng, (shape[0], 1), 0.45)
    errors = 1.0 * _autoregression(rng, shape, 0.45)
    breaks = own_breaks * _own_breaks(rng, shape, 0.5, level=1.2, slope=0.03)
    expected = trusts.fft_level + trusts.fft_trend * (t - shape[0] / 2) + slide + shocks + errors + breaks
    expected += trusts.fft_season * _season(FFT_SEASON, periods)
    if effects:
        expected += _effect("fft_recommend", periods)
    np.clip(expected, 50, 99.5, out=expected)

    growth = 0.15 + 0.85 * np.minimum(t / 18, 1)
    first, last = periods.index("2015-04"), periods.index("2015-06")
    growth[first : last + 1] *= 0.8
    responses = np.rint(trusts.responses * growth * np.exp(0.15 * rng.standard_normal(shape)))
    recommend = rng.binomial(responses.astype(np.int64), expected / 100).astype(float)
    return _indicator(
        "fft_recommend",
        periods,
        (recommend, responses),
        expected,
        breaks,
        effects=effects,
        blemishes=blemishes,
    )


def _leavers(rng: np.random.Generator, *, own_breaks: bool, effects: bool, blemishes: bool) -> IndicatorPanel:
    """Draw the leavers of a month as per cent of the average headcount; see the README for the formula."""
    trusts, periods = roster(), LEAVER_MONTHS
    shape = (len(periods), len(trusts.units))
    t = np.arange(shape[0], dtype=float)[:, None]

    drift = 0.001 * (t - shape[0] / 2)
    drift[periods.index("2013-04")] += 0.5
    shocks = 0.06 * _autoregression(rng, (shape[0], 1), 0.4)
    share = trusts.leaver_level / 100
    spread = np.sqrt(0.06**2 + 100**2 * share * (1 - share) / trusts.headcount)
    errors = spread * _autoregression(rng, shape, 0.4)
    breaks = own_breaks * _own_breaks(rng, shape, 0.5, level=0.08, slope=0.001)
    expected = trusts.leaver_level + trusts.leaver_trend * (t - shape[0] / 2) + drift + shocks + errors
    expected += breaks + trusts.leaver_season * _season(LEAVER_SEASON, periods)
    if effects:
        expected += _effect("leaver_rate", periods)
    np.clip(expected, 0.02, 20, out=expected)

    noise = np.exp(0.002 * rng.standard_normal(shape))
    headcount = np.rint(trusts.headcount * (1 + 0.0004 * (t - shape[0] / 2)) * noise)
    leavers = np.rint(expected / 100 * headcount)
    return _indicator(
        "leaver_rate",
        periods,
        (leavers, headcount),
        expected,
        breaks,
        effects=effects,
        blemishes=blemishes,
    )


def simulate_panel(
    seed: int | np.random.Generator,
    *,
    own_breaks: bool = True,
    effects: bool = True,
    blemishes: bool = True,
) -> SamplePanel:
    """Draw both indicators of the sixty trusts from `seed`.

    Parameters
    ----------
    seed
        A seed, or a generator to go on drawing from.
    own_breaks
        Give about half of the trusts, treated ones too, a break of their own at a random month.
    effects
        Put the effects of `EFFECTS` into the treated trusts; without them every true effect is zero.
    blemishes
        Leave out the months of `MISSING`; they are NaN.

    Returns
    -------
    SamplePanel
        Arrays of months by units and the truth.

    Notes
    -----
    One seed gives the same shocks, errors and responses whatever the switches say, so two panels can be
    subtracted from each other. An indicator has a stream of its own.
    """
    keys = np.random.default_rng(seed).integers(2**63, size=2)
    fft, leavers = (np.random.default_rng(key) for key in keys)
    trusts = roster()
    return SamplePanel(
        units=trusts.units,
        names=trusts.names,
        treated=TREATED,
        fft_recommend=_fft(fft, own_breaks=own_breaks, effects=effects, blemishes=blemishes),
        leaver_rate=_leavers(leavers, own_breaks=own_breaks, effects=effects, blemishes=blemishes),
    )


@dataclass(frozen=True)
class StrataPanel:
    """Patients seen within four hours by stratum: arrays of strata by months by units."""

    units: tuple[str, ...]
    periods: tuple[str, ...]
    t0: int
    numerator: Array
    denominator: Array


def simulate_strata(seed: int | np.random.Generator, *, effects: bool = True) -> StrataPanel:
    """Draw the per cent of A&E patients seen within four hours, by deprivation; see the README."""
    rng = np.random.default_rng([seed, 4] if isinstance(seed, int) else seed)
    trusts, periods = roster(), STRATA_MONTHS
    shape = (len(periods), len(trusts.units))
    since = np.arange(shape[0])[:, None] - float(periods.index(INTERVENTION))

    level = 90 + 2 * rng.standard_normal(shape[1])
    gap = 8 + rng.standard_normal(shape[1])
    common = -0.03 * since + 0.8 * _autoregression(rng, (shape[0], 1), 0.4)
    common = common + 0.8 * _autoregression(rng, shape, 0.4) + _season(FFT_SEASON, periods)
    numerators, denominators = [], []
    for place, lag in enumerate((gap, np.zeros(shape[1]))):
        expected = level - lag + common + 0.6 * _autoregression(rng, shape, 0.3)
        for unit, added in STRATA_EFFECTS.items() if effects else ():
            expected[:, trusts.units.index(unit)] += added[place] * (since[:, 0] >= 0)
        usual = 2 * trusts.responses * (0.8, 0.5)[place]
        patients = np.rint(usual * np.exp(0.1 * rng.standard_normal(shape)))
        share = np.clip(expected, 1, 99) / 100
        numerators.append(rng.binomial(patients.astype(np.int64), share).astype(float))
        denominators.append(patients)
    return StrataPanel(
        trusts.units, periods, periods.index(INTERVENTION), np.array(numerators), np.array(denominators)
    )


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _indicator_rows(panel: SamplePanel) -> Iterable[tuple[object, ...]]:
    for indicator in panel.indicators:
        for column, unit in enumerate(panel.units):
            for row, period in enumerate(indicator.periods):
                value = float(indicator.value[row, column])
                if not np.isnan(value):
                    counts = int(indicator.numerator[row, column]), int(indicator.denominator[row, column])
                    yield indicator.name, unit, period, repr(value), *counts


def _truth_rows(panel: SamplePanel) -> Iterable[tuple[object, ...]]:
    for indicator in panel.indicators:
        for unit, (level, slope, note) in EFFECTS[indicator.name].items():
            broken = np.flatnonzero(indicator.own_break[:, panel.units.index(unit)])
            also = f"; besides, a break of its own in {indicator.periods[broken[0]]}" if broken.size else ""
            yield indicator.name, unit, level, slope, note + also


def _strata_rows(panel: StrataPanel) -> Iterable[tuple[object, ...]]:
    """Yield the counts of each stratum, and of both together with a blank stratum."""
    for column, unit in enumerate(panel.units):
        for row, period in enumerate(panel.periods):
            counts = np.array([panel.numerator[:, row, column], panel.denominator[:, row, column]])
            for stratum, pair in zip(("", *STRATA), (counts.sum(axis=1), *counts.T), strict=True):
                yield STRATA_INDICATOR, unit, period, stratum, *map(int, pair)


def write_sample(folder: Path) -> None:
    """Write the five simulated files of the sample into `folder`."""
    trusts, panel = roster(), simulate_panel(SEED)
    columns = trusts.characteristics
    _write(
        folder / "indicators.csv",
        ("indicator", "unit", "period", "value", "numerator", "denominator"),
        _indicator_rows(panel),
    )
    _write(
        folder / "characteristics.csv",
        ("unit", *columns),
        zip(trusts.units, *columns.values(), strict=True),
    )
    _write(
        folder / "units.csv",
        ("unit", "name", "type", "region"),
        zip(trusts.units, trusts.names, trusts.types, trusts.regions, strict=True),
    )
    _write(
        folder / "truth.csv",
        ("indicator", "unit", "level_change", "slope_change", "note"),
        _truth_rows(panel),
    )
    _write(
        folder / "strata.csv",
        ("indicator", "unit", "period", "stratum", "numerator", "denominator"),
        _strata_rows(simulate_strata(SEED)),
    )


def main() -> None:
    """Write the sample beside this file, or into the folder named on the command line."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    write_sample(folder)
    print(f"sample data written to {folder}")


if __name__ == "__main__":
    main()

"""Alt texts: what a figure shows, in plain sentences made from the numbers drawn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from its_eval.calendar import describe_period, parse_period
from its_eval.figures.forest import POOLED
from its_eval.figures.labels import DIFFERENCES
from its_eval.figures.main_its import AFTER, BEFORE, PEER_COLUMN
from its_eval.figures.residuals import LAGS, SPREAD, TIME
from its_eval.figures.text_layout import (
    heading_of_effect,
    interval_text,
    placebo_sentences,
    power_estimand,
    specification_sentences,
    t_text,
    total_text,
)
from its_eval.words.numbers import counted, rounded

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from its_eval.figures.labels import FigureLabels
    from its_eval.figures.main_its import MainItsLabels


#: Of so many estimates each is read out; of more, only how they lie.
_MOST_READ_OUT = 6


def main_its(frame: pd.DataFrame, labels: MainItsLabels) -> str:
    """Return the alt text of the main figure."""
    shown = frame[frame["trend_fitted"].notna() & frame["trend_counterfactual"].notna()]
    span = _span(frame, labels.frequency)
    whom = "the synthetic control" if labels.synthetic else "peers"
    what = f"the difference from {whom}" if labels.controlled else "the level"
    start = (
        f"{labels.outcome} of {labels.unit_name}, {span}: observations, fit and the earlier trend carried on."
    )
    if shown.empty:
        return start
    last = shown.iloc[-1]
    numbers = [float(last[f"trend_{name}"]) for name in ("fitted", "counterfactual", "low", "high")]
    fitted, line, low, high = (rounded(number) for number in numbers)
    when = _words(str(last["period"]), labels.frequency)
    band = f" ({100.0 * labels.confidence:.6g} % interval {low} to {high})"
    return (
        f"{start} In {when} the fit puts {what}, without its season, at {fitted}, the "
        f"earlier trend at {line}{'' if math.isnan(numbers[-1]) else band}."
    )


def small_multiples(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text of the small multiples."""
    above = below = within = 0
    for _, part in frame.groupby("unit", sort=False):
        known = part[part["fitted"].notna() & part["counterfactual_low"].notna()]
        if known.empty:
            continue
        last = known.iloc[-1]
        above += int(last["fitted"] > last["counterfactual_high"])
        below += int(last["fitted"] < last["counterfactual_low"])
        within += int(last["counterfactual_low"] <= last["fitted"] <= last["counterfactual_high"])
    number = frame["unit"].nunique()
    start = (
        f"{labels.outcome} of {counted(number, 'unit')} on the same scales, before and after "
        f"{labels.interruption_in_words}."
    )
    if above + below + within == 0:
        return start
    return (
        f"{start} At the end the fit lies above the {labels.interval} of the earlier "
        f"trend in {above:,}, below it in {below:,} and within it in {within:,}."
    )


def against_peers(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text of a unit among its peers."""
    n_peers = sum(name.startswith(PEER_COLUMN) and name != "peer_mean" for name in frame.columns)
    peers = f"{counted(n_peers, 'peer')}" if n_peers else "its peers"
    means = {
        segment: frame.loc[frame["segment"] == segment, ["unit_value", "peer_mean"]].mean()
        for segment in (BEFORE, AFTER)
    }
    before, after = (
        f"{rounded(float(mean['unit_value']))} and {rounded(float(mean['peer_mean']))}"
        for mean in means.values()
    )
    span = _span(frame, labels.frequency)
    return (
        f"{labels.outcome} of {labels.unit_name} and of {peers}, {span}. On average "
        f"unit and peers stood at {before} before {labels.interruption_in_words}, and at {after} after."
    )


def cumulative_effect(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text of the cumulative effect."""
    against = "earlier gap to the peers" if labels.design in DIFFERENCES else "earlier trend"
    last = frame.iloc[-1]
    return (
        f"Sum of the distances of {labels.outcome} from the {against}, {labels.unit_name}, by "
        f"{_words(str(last['period']), labels.frequency)}: {total_text(last.to_dict(), labels)}, with its "
        f"{labels.interval} in brackets."
    )


def peer_distances(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text of the distances of peers."""
    peers = frame[frame["peer"] & frame["distance"].notna()]
    aside = int((~frame["peer"]).sum())
    passed = f" {counted(aside, 'nearer candidate').capitalize()} cannot be peers." if aside else ""
    return (
        f"Peers of {labels.unit_name} by distance: {counted(len(peers), 'peer')} from "
        f"{rounded(float(peers['distance'].min()))} ({peers['name'].iloc[0]}) to "
        f"{rounded(float(peers['distance'].max()))} ({peers['name'].iloc[-1]}).{passed}"
    )


def balance(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text of the love plot."""
    parts = []
    for column, whom in (("smd_peers", "its peers"), ("smd_pool", "the pool")):
        known = frame[frame[column].notna()]
        if not known.empty:
            row = known.iloc[int(known[column].abs().to_numpy().argmax())]
            parts.append(f"from {whom} by at most {rounded(abs(float(row[column])))} ({row['variable']})")
    number = counted(len(frame), "characteristic")
    found = " and ".join(parts)
    return f"{labels.unit_name} in {number}, in standard deviations of the pool: it differs {found}."


def placebo_units(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text of the placebo distribution."""
    own = float(frame.loc[frame["treated"], "statistic"].iloc[0])
    others = int((~frame["treated"]).sum())
    return (
        f"{_capital(labels.estimand_in_words)}, of {labels.unit_name} ({t_text(own)}) among those of "
        f"{counted(others, 'unit')} without the intervention. {' '.join(placebo_sentences(frame))}"
    )


def placebo_dates(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text of the placebo dates."""
    own = float(frame.loc[frame["actual"], "statistic"].iloc[0])
    others = frame.loc[~frame["actual"], "statistic"]
    known = others.dropna()
    between = f", where t lies from {rounded(known.min())} to {rounded(known.max())}" if len(known) else ""
    what = f"{_capital(labels.estimand_in_words)}, of {labels.unit_name}"
    earlier = counted(len(others), "earlier date")
    return f"{what} at the real start ({t_text(own)}) and at {earlier}{between}."


def specification_curve(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text of the specification curve."""
    shown = labels.shown(frame["estimate"])
    low, high = rounded(float(np.nanmin(shown))), rounded(float(np.nanmax(shown)))
    return (
        f"{heading_of_effect(labels)}, of {labels.unit_name} in {counted(len(frame), 'specification')}: from "
        f"{low} to {high}. {' '.join(specification_sentences(frame, ratio=labels.ratio))}"
    )


def forest(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text of the forest plot."""
    units, pooled = frame[frame["row"] != POOLED], frame[frame["row"] == POOLED]
    read_out = pooled if len(units) > _MOST_READ_OUT else frame
    low, high = labels.shown(units["conf_low"]), labels.shown(units["conf_high"])
    texts = [f"{row['name']} {interval_text(row, labels)}" for row in read_out.to_dict("records")]
    listed = f" {'; '.join(texts)}." if texts else ""
    above, below = int((low > 0.0).sum()), int((high < 0.0).sum())
    return (
        f"{heading_of_effect(labels)}, of {counted(len(units), 'unit')} with {labels.interval}s: "
        f"{above:,} above zero, {below:,} below, the others contain zero.{listed}"
    )


def residuals(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text of the residual diagnostics."""
    lags, spread = frame[frame["panel"] == LAGS], frame[frame["panel"] == SPREAD]
    outside = int((lags["y"].abs() > lags["limit"]).sum())
    deviations = spread.groupby("label", sort=False)["limit"].first()
    sizes = [f"{rounded(float(deviations[name]))} {name}" for name in deviations.index]
    number = int((frame["panel"] == TIME).sum())
    return (
        f"Four views of {number:,} innovations of {labels.outcome}, {labels.unit_name}: {outside:,} of "
        f"{len(lags):,} autocorrelations lie outside the limits of white noise; the standard deviation is "
        f"{' and '.join(sizes)} the start."
    )


def power_curve(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text of the power curve."""
    sentences = []
    for estimand, part in frame.groupby("estimand", sort=True):
        known = part[part["minimum_detectable"].notna()]
        if known.empty:
            continue
        length = known["n_pre"] + known["n_post"]
        longest = known[length == length.max()]
        ends = [
            longest.loc[longest["autocorrelation"].idxmin()],
            longest.loc[longest["autocorrelation"].idxmax()],
        ]
        texts = [
            f"{rounded(float(row['minimum_detectable']))} at autocorrelation {row['autocorrelation']:g}"
            for row in ends
        ]
        sentences.append(
            f"Smallest detectable {power_estimand(str(estimand))}, with {int(length.max()):,} "
            f"{labels.frequency}s: {' and '.join(texts)}, in standard deviations of the noise."
        )
    return " ".join(sentences)


def _capital(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"


def _words(period: str, frequency: str) -> str:
    return describe_period(parse_period(period, frequency), frequency)


def _span(frame: pd.DataFrame, frequency: str) -> str:
    first, last = (_words(str(frame["period"].iloc[place]), frequency) for place in (0, -1))
    return f"{first} to {last}"


#: By kind of figure, all but the main one.
ALT_TEXTS: dict[str, Callable[[pd.DataFrame, FigureLabels], str]] = {
    "small_multiples": small_multiples,
    "against_peers": against_peers,
    "cumulative_effect": cumulative_effect,
    "peer_distances": peer_distances,
    "balance": balance,
    "placebo_units": placebo_units,
    "placebo_dates": placebo_dates,
    "specification_curve": specification_curve,
    "forest": forest,
    "residuals": residuals,
    "power_curve": power_curve,
}

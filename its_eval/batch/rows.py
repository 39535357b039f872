"""Estimates as columns of the contract's tables, all series of a block at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial import chebyshev

from its_eval.batch.tables import Rows, crossed
from its_eval.checks.power import minimum_detectable
from its_eval.data.parquet import Texts
from its_eval.effects.estimands import RATIO_ESTIMANDS
from its_eval.effects.several_units import adjust
from its_eval.estimators.fit import DF_FLOOR, MINIMUM_DF
from its_eval.evaluation import NO_CLEAR_EVIDENCE, NOT_ESTIMABLE
from its_eval.pipeline.conclude import CHANGED
from its_eval.pipeline.tables import NO_INFERENCE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.batch.series import FloatArray
    from its_eval.batch.statistics import Estimated
    from its_eval.config import Config


#: Degree of the polynomial in 1/df that stands for the noncentrality a test needs.
_DEGREE = 24


@dataclass(frozen=True)
class Kind:
    """One row that every series of a piece has in ``effects``.

    Attributes
    ----------
    contrast : int
        Which one of the estimated contrasts.
    interruption, period : str
        Name and first period.
    estimand, scale, inference : str
        As in the table.
    primary : bool
        Whether it answers the question.
    """

    contrast: int
    interruption: str
    period: str
    estimand: str
    scale: str
    inference: str
    primary: bool


def kinds_of(config: Config, found: Estimated) -> list[Kind]:
    """Return the rows of a piece: for a log outcome also as ratios, the average effect also in per cent."""
    plan, design = found.piece.plan, found.piece.design
    plain = plan.outcome.transform == "none"
    kinds = []
    for contrast, (number, name) in enumerate(found.names):
        interruption = design.interruptions[number]
        period = plan.period(interruption.start)
        shown = [(name, "response" if plain else "link", "identity")]
        if not plain and (name in RATIO_ESTIMANDS or name.startswith("effect_at_")):
            shown.append((name, "ratio", "log"))
        if not plain and name == "average_effect":
            shown.append(("relative_average_effect", "response", "log"))
        for estimand, scale, inference in shown:
            primary = number == 0 and estimand == config.estimands.primary
            kinds.append(Kind(contrast, interruption.name, period, estimand, scale, inference, primary))
    return kinds


@dataclass(frozen=True)
class Shown:
    """The rows of a piece as numbers, shape (S, kinds) each."""

    kinds: Sequence[Kind]
    estimate: FloatArray
    std_error: FloatArray
    df: FloatArray
    statistic: FloatArray
    p_value: FloatArray
    low: FloatArray
    high: FloatArray


def shown_rows(config: Config, found: Estimated) -> Shown:
    """Return the estimates with intervals and p-values, each on its scale."""
    kinds, read = kinds_of(config, found), found.read
    low, high = read.interval(config.confidence)
    at = [kind.contrast for kind in kinds]
    values = [array[:, at] for array in (read.estimate, low, high)]
    for place, kind in enumerate(kinds):
        if kind.inference == "log":
            for array in values:
                moved = np.exp(array[:, place])
                array[:, place] = moved if kind.scale == "ratio" else 100.0 * (moved - 1.0)
    estimate, low, high = values
    statistic, p_value = read.statistic[:, at], read.p_value[:, at]
    return Shown(kinds, estimate, read.std_error[:, at], read.df[:, at], statistic, p_value, low, high)


def smallest_effects(
    std_error: NDArray[np.float64], df: NDArray[np.float64], alpha: float
) -> NDArray[np.float64]:
    """Return ``minimum_detectable`` of many series; NaN where there is no standard error.

    It is the standard error times a smooth function of 1/df, which a polynomial through values of
    ``minimum_detectable`` itself reproduces to nine digits.
    """
    smallest = np.full(std_error.shape, np.nan)
    known = std_error > 0
    if known.any():
        scaled = 2.0 * MINIMUM_DF / df[known] - 1.0
        smallest[known] = std_error[known] * chebyshev.chebval(scaled, _noncentrality(alpha))
    return smallest


@lru_cache(maxsize=8)
def _noncentrality(alpha: float) -> NDArray[np.float64]:
    """Return the polynomial on [-1, 1], the image of 1/df from 0 to that of the fewest degrees of freedom."""

    def values(scaled: Any) -> Any:
        df = 2.0 * MINIMUM_DF / (scaled + 1.0)
        return np.array([minimum_detectable(1.0, float(number), alpha) for number in df])

    return np.asarray(chebyshev.chebinterpolate(values, _DEGREE))


def add_estimates(config: Config, n_treated: int, family: Sequence[Estimated], into: dict[str, Rows]) -> None:
    """Write down all pieces of one outcome and design, whose primary p-values are adjusted together.

    Parameters
    ----------
    config : Config
        Settings.
    n_treated : int
        Size of the family: series without a p-value count as one of 1.
    family : sequence of Estimated
        The pieces.
    into : dict of str to Rows
        By table.
    """
    shown = [shown_rows(config, found) for found in family]
    usable = [_usable(found, rows) for found, rows in zip(family, shown, strict=True)]
    adjusted = _adjusted(config, n_treated, shown, usable)
    for found, rows, has_p, p_adjusted in zip(family, shown, usable, adjusted, strict=True):
        _add_effects(config, found, rows, p_adjusted, into["effects"])
        _add_fits(found, rows, into["fits"])
        _add_summary(config, found, rows, has_p, p_adjusted, into["summary"])
        _add_without_primary(config, found, rows, into["not_estimated"])


def _stuck(found: Estimated) -> NDArray[np.bool_]:
    """Return the series whose p-value a bound or rounding would decide, shape (S,)."""
    raised = np.zeros(len(found.piece.columns), dtype=bool)
    for name in NO_INFERENCE & set(found.flags):
        raised |= found.flags[name]
    return raised


def _usable(found: Estimated, rows: Shown) -> NDArray[np.bool_]:
    """Return which rows have a p-value that counts, shape (S, kinds)."""
    floor = found.read.df_unclipped[:, [kind.contrast for kind in rows.kinds]] < DF_FLOOR
    return ~(_stuck(found)[:, None] | floor | np.isnan(rows.p_value))


def _adjusted(
    config: Config, n_treated: int, shown: Sequence[Shown], usable: Sequence[NDArray[np.bool_]]
) -> list[FloatArray]:
    """Return adjusted p-values of the primary rows of each piece, NaN elsewhere, a family for each scale."""
    adjusted = [np.full(rows.p_value.shape, np.nan) for rows in shown]
    families: dict[str, list[tuple[int, int]]] = {}
    for piece, rows in enumerate(shown):
        for place, kind in enumerate(rows.kinds):
            if kind.primary:
                families.setdefault(kind.scale, []).append((piece, place))
    for members in families.values():
        known = [shown[piece].p_value[usable[piece][:, place], place] for piece, place in members]
        every = np.concatenate(known)
        absent = np.ones(n_treated - len(every))
        found = adjust(np.concatenate([every, absent]), config.multiplicity.method)
        start = 0
        for (piece, place), p_values in zip(members, known, strict=True):
            adjusted[piece][usable[piece][:, place], place] = found[start : start + len(p_values)]
            start += len(p_values)
    return adjusted


def _keys(found: Estimated) -> dict[str, Any]:
    piece = found.piece
    return {
        "outcome": piece.plan.outcome.name,
        "design": piece.design_name,
        "estimator": piece.estimator.label,
    }


def _add_effects(config: Config, found: Estimated, rows: Shown, p_adjusted: FloatArray, into: Rows) -> None:
    units, kinds = found.piece.units, rows.kinds
    unit, place = crossed(units, [str(number) for number in range(len(kinds))])

    def worded(words: list[str]) -> Texts:
        known = {word: code for code, word in enumerate(dict.fromkeys(words))}
        return Texts(np.array([known[word] for word in words], dtype=np.intp)[place.codes], list(known))

    numbers = {
        "estimate": rows.estimate,
        "std_error": rows.std_error,
        "df": rows.df,
        "statistic": rows.statistic,
        "p_value": rows.p_value,
        "conf_low": rows.low,
        "conf_high": rows.high,
        "p_adjusted": p_adjusted,
    }
    into.add(
        len(units) * len(kinds),
        {
            **_keys(found),
            "unit": unit,
            "role": worded(["primary" if kind.primary else "secondary" for kind in kinds]),
            "interruption": worded([kind.interruption for kind in kinds]),
            "interruption_period": worded([kind.period for kind in kinds]),
            "estimand": worded([kind.estimand for kind in kinds]),
            "scale": worded([kind.scale for kind in kinds]),
            "inference_scale": worded([kind.inference for kind in kinds]),
            "conf_level": config.confidence,
            **{name: array.ravel() for name, array in numbers.items()},
        },
    )


def _add_fits(found: Estimated, rows: Shown, into: Rows) -> None:
    piece = found.piece
    count, design = len(piece.columns), piece.design
    before, after = design.segments()
    unknown = np.full(count, np.nan)
    order = found.partials.shape[1]
    into.add(
        count,
        {
            **_keys(found),
            "unit": Texts(np.arange(count), piece.units),
            "n": int(piece.observed.sum()),
            "n_pre": int((before & piece.observed).sum()),
            "n_post": int((after & piece.observed).sum()),
            "n_missing": int((design.usable & ~piece.observed).sum()),
            "n_terms": len(design.terms),
            "ar_order": order,
            "rho1": found.partials[:, 0] if order > 0 else unknown,
            "rho2": found.partials[:, 1] if order > 1 else unknown,
            "sigma": unknown if found.sigma is None else found.sigma,
            "log_likelihood": unknown if found.log_likelihood is None else found.log_likelihood,
            "flags": _flag_texts(found, rows),
            "season": design.season.label,
            "weights": "sampling variance" if found.weighted else "none",
        },
    )


def _flag_texts(found: Estimated, rows: Shown) -> Texts:
    """Return the warnings of each series in words: those of the fit, and those that only effects show."""
    piece = found.piece
    flags = dict(found.flags)
    if piece.sampling is not None and not found.weighted:
        flags["unweighted"] = np.asarray(~np.isnan(piece.sampling).all(axis=0))
    primary = [kind.contrast for kind in rows.kinds if kind.primary]
    if primary:
        flags["df_floor"] = np.asarray((found.read.df_unclipped[:, primary] < DF_FLOOR).any(axis=1))
    if found.params is not None and piece.plan.outcome.kind == "percentage":
        after = piece.design.effect_periods()
        level = piece.design.counterfactual[after] @ found.params.T
        if piece.peer_means is not None:
            level = level + piece.peer_means[after]
        flags["counterfactual_outside_range"] = np.asarray(((level < 0) | (level > 100)).any(axis=0))
    names = sorted(flags)
    raised = np.array([flags[name] for name in names])
    sets, codes = np.unique(raised, axis=1, return_inverse=True)
    words = ["; ".join(name for name, up in zip(names, column, strict=True) if up) for column in sets.T]
    return Texts(codes.reshape(-1), words)


def _add_summary(
    config: Config,
    found: Estimated,
    rows: Shown,
    usable: NDArray[np.bool_],
    p_adjusted: FloatArray,
    into: Rows,
) -> None:
    primary = [place for place, kind in enumerate(rows.kinds) if kind.primary]
    if not primary:
        return
    # a log outcome is summarised by its ratio where it has one
    place = next((place for place in primary if rows.kinds[place].scale == "ratio"), primary[0])
    kind, piece = rows.kinds[place], found.piece
    alpha = 1.0 - config.confidence
    has_p, count = usable[:, place], len(piece.columns)
    p_found = np.where(has_p, p_adjusted[:, place], np.nan)
    smallest = smallest_effects(rows.std_error[:, place], rows.df[:, place], alpha)
    if kind.inference == "log":
        smallest = np.exp(smallest) if kind.scale == "ratio" else 100.0 * np.expm1(smallest)
    null = 1.0 if kind.scale == "ratio" else 0.0
    estimate, low, high = (array[:, place] for array in (rows.estimate, rows.low, rows.high))
    clear = has_p & ~((low <= null) & (null <= high)) & (piece.plan.outcome.better is not None)
    good = (estimate > null) == (piece.plan.outcome.better == "higher")
    words = [NO_CLEAR_EVIDENCE, CHANGED[piece.design_name], NOT_ESTIMABLE]
    keys = _keys(found)
    into.add(
        count,
        {
            "outcome": keys["outcome"],
            "design": keys["design"],
            "unit": Texts(np.arange(count), piece.units),
            "estimand": kind.estimand,
            "scale": kind.scale,
            "estimate": estimate,
            "conf_low": low,
            "conf_high": high,
            "p_value": np.where(has_p, rows.p_value[:, place], np.nan),
            "p_adjusted": p_found,
            "minimum_detectable": smallest,
            "direction": Texts(np.where(clear, np.where(good, 1, 2), 0), ["unclear", "better", "worse"]),
            "label": Texts(np.where(has_p, np.where(p_found < alpha, 1, 0), 2), words),
        },
    )


def _add_without_primary(config: Config, found: Estimated, rows: Shown, into: Rows) -> None:
    if any(kind.primary for kind in rows.kinds):
        return
    message = (
        f"{config.estimands.primary} cannot be had from these data: an effect at k periods has to lie "
        "within the window, a cumulative effect needs denominators and no logarithm, a relative effect a "
        "level other than zero"
    )
    count = len(found.piece.columns)
    unit = Texts(np.arange(count), found.piece.units)
    into.add(count, {**_keys(found), "unit": unit, "reason": "no_primary_estimand", "message": message})

"""What the estimates of a piece say: rows of ``effects``, ``fits``, ``summary``, and who has none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from its_eval.data.parquet_parts import Texts
from its_eval.estimate.fit import DF_FLOOR
from its_eval.evaluation import NOT_ESTIMABLE
from its_eval.multiplicity import adjust
from its_eval.pipeline.batch.shown import Shown, shown_rows, smallest_effects
from its_eval.pipeline.batch.tables import Rows, crossed
from its_eval.pipeline.conclude import CHANGED, NO_CLEAR_EVIDENCE
from its_eval.pipeline.primary import NO_INFERENCE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Config
    from its_eval.pipeline.batch.series import FloatArray
    from its_eval.pipeline.batch.statistics import Estimated


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

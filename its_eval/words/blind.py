"""What is said of a blind run, and of one that followed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.words.numbers import counted, rounded, span_words

if TYPE_CHECKING:
    from its_eval.evaluation import Evaluation

#: What a blind run does not show, and what it does.
WITHHELD = (
    "This is a blind run: it shows everything but the effect.",
    "Withheld: what treated units did from their start on, so every effect, interval, verdict and figure.",
    "Shown: peers, balance, data, checks of the time before, donors in place of treated units, and power.",
)


def is_blind(evaluation: Evaluation) -> bool:
    """Return whether a run withheld the effect."""
    return "blind" in evaluation.conduct


def unblinded_sentences(evaluation: Evaluation) -> list[str]:
    """Return what is said of a run that was blind before; nothing of any other."""
    record = evaluation.conduct.get("unblinded")
    if record is None:
        return []
    changed = "was changed in between" if record.get("config_changed") else "did not change in between"
    if is_blind(evaluation):
        return ["The effect had been shown before this blind run."]
    return [f"The effect was withheld first and shown later; the config {changed}. manifest.json says when."]


def blind_lines(evaluation: Evaluation) -> list[str]:
    """Return what a blind run found, a line for each outcome and comparison."""
    lines = []
    tables = evaluation.tables
    for keys, fits in tables["fits"].groupby(["outcome", "design"], sort=True):
        outcome, design = map(str, keys)
        label = evaluation.outcomes[outcome]["label"]
        donors = tables["placebo_units"]
        here = donors[donors["outcome"].eq(outcome) & donors["design"].eq(design)]
        checks = tables["checks"]
        loud = checks[checks["outcome"].eq(outcome) & checks["design"].eq(design)]
        loud = loud[loud["status"].eq("attention")]
        parts = [f"{counted(len(fits), 'unit')} fitted before the start"]
        if fits["rho1"].notna().any():
            parts.append(f"autocorrelation {span_words(fits['rho1'].min(), fits['rho1'].max())}")
        if len(here):
            parts.append(f"{counted(here['placebo'].nunique(), 'donor')} in their place")
        parts.append(
            f"{counted(len(loud), 'check')} asking for attention"
            if len(loud)
            else "no check asks for attention"
        )
        lines.append(f"{label}, {design}: {'; '.join(parts)}.")
    return lines


def donors_words(evaluation: Evaluation, outcome: str, design: str) -> str:
    """Return how much donors seem to change at the start by themselves; blank without any."""
    rows = evaluation.rows_of("placebo_units", outcome)
    rows = rows[rows["design"].eq(design)].drop_duplicates(["placebo", "estimate"])
    values = rows["estimate"].dropna().to_numpy()
    if values.size < 2:
        return ""
    low, middle, high = (rounded(value) for value in np.quantile(values, [0.1, 0.5, 0.9]))
    spread = f"median {middle}, eight of ten from {low} to {high}"
    return f"{values.size} donors in place of treated units: {spread}."

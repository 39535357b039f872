"""All that a page is written from: the tables of a run, its settings, where it came from, its figures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from its_eval.evaluation import COLUMNS, Evaluation, make_table
from its_eval.report.narrative import primary_fits

if TYPE_CHECKING:
    import pandas as pd

    from its_eval.report.embedding import StoredFigure

_NOT_IN_ANCHOR = re.compile(r"[^A-Za-z0-9_-]+")


def with_every_table(evaluation: Evaluation) -> Evaluation:
    """Return an evaluation that has every table, empty where it was not asked for."""
    absent = {name: make_table(name, []) for name in COLUMNS if name not in evaluation.tables}
    return replace(evaluation, tables={**evaluation.tables, **absent})


def anchor(*parts: str) -> str:
    """Return an anchor that is the same for the same names.

    Examples
    --------
    >>> anchor("answer", "ae_4h", "R/1")
    'answer-ae_4h-R-1'
    """
    return "-".join(_NOT_IN_ANCHOR.sub("-", part) for part in parts if part)


@dataclass(frozen=True)
class ReportSource:
    """What the sections of a report read.

    Attributes
    ----------
    evaluation : Evaluation
        With every table (`with_every_table`).
    settings : mapping
        The config with every default, as plain values.
    provenance : mapping
        Program, versions, and hashes of config and inputs; anything else is ignored.
    figures : sequence of StoredFigure
        The figures of the run.
    answers : mapping
        Checklist answers that people gave, by checklist and item.
    """

    evaluation: Evaluation
    settings: Mapping[str, Any]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    figures: Sequence[StoredFigure] = ()
    answers: Mapping[str, Any] = field(default_factory=dict)

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Names of the outcomes in the order of the config; those without any data too."""
        named = list(self.evaluation.outcomes)
        failed = self.table("not_estimated")["outcome"].astype(str)
        return (*named, *sorted(set(failed) - set(named)))

    @property
    def primary(self) -> str:
        """The estimand that counts."""
        return str(self.settings["estimands"]["primary"])

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the run; empty when it was not asked for."""
        return self.evaluation.tables[name]

    def rows(self, name: str, outcome: str, unit: str | None = None) -> pd.DataFrame:
        """Return the rows of a table about one outcome, or about one of its units."""
        return self.evaluation.rows_of(name, outcome, unit)

    def about(self, outcome: str) -> Mapping[str, Any]:
        """Return what the tables cannot say about an outcome; little of one that has no data."""
        return self.evaluation.outcomes.get(outcome) or _without_data(outcome, self.settings)

    def label(self, outcome: str) -> str:
        """Return what an outcome is called."""
        return str(self.about(outcome)["label"])

    def units(self, outcome: str) -> list[str]:
        """Return the treated units of an outcome, sorted."""
        found = {*self.rows("summary", outcome)["unit"], *self.rows("not_estimated", outcome)["unit"]}
        return sorted(map(str, found))

    def unit_name(self, unit: str) -> str:
        """Return code and name of a unit."""
        return f"{unit} {self.evaluation.unit_names.get(unit, '')}".strip()

    def primary_effects(self, outcome: str) -> pd.DataFrame:
        """Return the rows of ``effects`` by the primary estimator, one per estimand: ratios before links."""
        effects = self.rows("effects", outcome)
        effects = effects[effects["role"].isin(("primary", "secondary"))]
        return effects[preferred_scale(effects)]

    def primary_fits(self, outcome: str) -> pd.DataFrame:
        """Return the rows of ``fits`` by the estimator that answers, which may differ by design."""
        return primary_fits(self.evaluation, outcome)

    def scale(self, outcome: str) -> str:
        """Return the scale on which the primary estimand of an outcome is told: response, ratio or link."""
        scales = self.rows("summary", outcome)["scale"]
        return str(scales.iloc[0]) if len(scales) else "response"

    def figures_of(self, kind: str, outcome: str, unit: str = "") -> list[StoredFigure]:
        """Return the figures of one kind about an outcome, or one of its units."""
        wanted = (kind, outcome, unit)
        return [
            figure
            for figure in self.figures
            if (figure.task.kind, figure.task.outcome, figure.task.unit) == wanted
        ]


def preferred_scale(effects: pd.DataFrame) -> pd.Series[bool]:
    """Return which rows of ``effects`` are printed: of an estimand with a ratio not its logarithm."""
    keys = ["outcome", "unit", "design", "estimator", "interruption", "estimand"]
    has_ratio = effects["scale"].eq("ratio").groupby([effects[key] for key in keys]).transform("any")
    return effects["scale"].eq("ratio") | ~has_ratio.astype(bool)


def in_order_of_designs(table: pd.DataFrame, *before: str) -> pd.DataFrame:
    """Return rows sorted by the columns named, the single design before the controlled ones."""
    return table.sort_values([*before, "design"], key=_single_first, kind="stable")


def _single_first(column: pd.Series[Any]) -> pd.Series[Any]:
    return column.map(lambda design: (design != "single", design)) if column.name == "design" else column


def _without_data(outcome: str, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return label and kind of an outcome that no unit has data for."""
    entries = [entry for entry in settings.get("outcomes", ()) if entry.get("indicator") == outcome]
    entry = entries[0] if entries else {}
    return {
        "label": entry.get("label") or outcome,
        "unit": entry.get("unit", ""),
        "kind": entry.get("kind", "number"),
        "better": entry.get("better"),
        "transform": entry.get("transform", "none"),
        "frequency": settings["data"]["frequency"],
        "interruption": settings["intervention"]["name"],
        "start_in_words": str(settings["intervention"]["date"] or ""),
        "confidence": float(settings["confidence"]),
        "events": (),
    }

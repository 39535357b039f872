"""Which look a run is, and what was said at each: the table ``looks``, and ``history.csv``.

A run whose answers are those of an earlier one, to ten digits, is that run again and adds nothing. One of
different answers is another run; it is a look as long as it was declared and nobody took that look before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from msgspec import Struct

from its_eval.columns import BESIDE, LOOKS
from its_eval.errors import OutputError
from its_eval.estimators.catalogue import ESTIMATORS
from its_eval.evaluation import records

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from its_eval.config import Config
    from its_eval.evaluation import Evaluation
    from its_eval.pipeline.looks import LookLevels
    from its_eval.pipeline.plan import OutcomePlan, Treatment

    FloatArray = NDArray[np.float64]

#: Beside the tables of a result; it is carried over when the result is replaced.
HISTORY = "history.csv"
#: By which an answer is known in every run.
KEYS = ["outcome", "unit", "design", "interruption"]
#: Digits of numbers: what is beyond differs between processors.
_DIGITS = "%.10g"
_WHOLE = ("run", "look")
_TEXTS = (*KEYS, "end", "estimand", "scale", "label")


class LookPlace(Struct, frozen=True):
    """Where a run of one outcome stands among its declared looks.

    Attributes
    ----------
    number : int or None
        Which look it is, counted from 1; None where it was not declared.
    periods : int
        How many periods from the start on have data.
    end : str
        The last of them.
    levels : mapping of str to LookLevels
        By interruption, as `spending` returns them.
    """

    number: int | None
    periods: int
    end: str
    levels: Mapping[str, LookLevels]

    def over_looks(self, key: str, p_values: FloatArray) -> FloatArray:
        """Return p-values of an interruption as they hold over all declared looks: G(p)."""
        return self.levels[key].adjusted(p_values) if key in self.levels else p_values

    def level(self, key: str, alpha: float) -> float:
        """Return the level of each look at which all have level alpha together."""
        return self.levels[key].level(alpha) if key in self.levels else alpha

    def facts(self) -> dict[str, Any]:
        """Return what is told of it, ready for a file."""
        own = self.levels[""]
        return {
            "number": self.number,
            "of": len(own.looks),
            "periods": self.periods,
            "end": self.end,
            "level": own.level(own.alpha),
            "alpha": own.alpha,
            "paths": own.paths,
            "ever_false": {world: list(rates) for world, rates in own.ever_false.items()},
        }


def look_place(
    config: Config,
    plan: OutcomePlan,
    treatment: Treatment,
    sealed: Sequence[Mapping[str, LookLevels]] = (),
) -> LookPlace | None:
    """Return where a run of an outcome stands among the declared looks; None without any.

    Parameters
    ----------
    config : Config
        As loaded.
    plan : OutcomePlan
        With the data as they are now.
    treatment : Treatment
        Units and dates.
    sealed : sequence of mapping of str to LookLevels
        What `spending` gave for each design when a protocol was sealed; it is not simulated again.

    Raises
    ------
    NothingEstimatedError
        When the design cannot be estimated at any of the looks.
    """
    looks = config.looks
    if looks is None:
        return None
    from its_eval.pipeline.looks import LookLevels, look_designs, spending  # noqa: PLC0415  (start-up time)

    entry = next(item for item in plan.outcome.estimators if not ESTIMATORS[item.name].is_family)
    found = list(sealed) or [
        spending(looks, design, entry, config.seed, alpha=round(1.0 - config.confidence, 12))
        for design, _ in look_designs(config, plan.outcome, plan.panel.start, treatment)
    ]
    keys = dict.fromkeys(key for item in found for key in item)
    levels = {key: LookLevels.largest([item[key] for item in found if key in item]) for key in keys}
    periods = plan.panel.n_periods - plan.first_start
    number = looks.at.index(periods) + 1 if periods in looks.at else None
    return LookPlace(number, periods, plan.period(plan.panel.n_periods - 1), levels)


def with_looks(evaluation: Evaluation, places: Mapping[str, LookPlace]) -> Evaluation:
    """Return an evaluation with the table ``looks`` of this run alone; itself without declared looks.

    Parameters
    ----------
    evaluation : Evaluation
        Verdicts at the level of the look.
    places : mapping of str to LookPlace
        By outcome.
    """
    if not places:
        return evaluation
    facts = {outcome: place.facts() for outcome, place in places.items()}
    ends = {outcome: place.end for outcome, place in places.items()}
    # four digits are enough for words; `level_used` of a verdict has them all
    told = {name: {"answer_confidence": round(1.0 - item["level"], 4)} for name, item in facts.items()}
    outcomes = {name: {**about, **told.get(name, {})} for name, about in evaluation.outcomes.items()}
    conduct = {**evaluation.conduct, LOOKS: {"outcomes": facts, "runs": 1}}
    found = replace(evaluation, outcomes=outcomes, conduct=conduct)
    return replace(found, tables={**found.tables, LOOKS: _of_this_run(found, ends)})


def recorded(evaluation: Evaluation, target: Path) -> Evaluation:
    """Return an evaluation whose table ``looks`` holds the runs that the result folder remembers too.

    Parameters
    ----------
    evaluation : Evaluation
        As `with_looks` returns it; one without declared looks is recorded where earlier runs were.
    target : Path
        The result folder, which may not exist yet.

    Raises
    ------
    OutputError
        When the history there cannot be read.
    """
    earlier = read_history(target / HISTORY)
    now = evaluation.tables.get(LOOKS)
    if now is None:
        if earlier.empty:
            return evaluation
        now = _of_this_run(evaluation, {})
    if now.empty:
        return evaluation
    known = [table for _, table in earlier.groupby("run")]
    same = next((table for table in known if _alike(table, now)), None)
    history = earlier if same is not None else pd.concat([*known, _as_next(now, known)], ignore_index=True)
    conduct = {"outcomes": {}, **evaluation.conduct.get(LOOKS, {}), "runs": int(history["run"].nunique())}
    return replace(
        evaluation,
        tables={**evaluation.tables, LOOKS: typed(history)},
        conduct={**evaluation.conduct, LOOKS: conduct},
    )


def history_text(evaluation: Evaluation) -> str:
    """Return the text of the history; blank where nothing is recorded."""
    table = evaluation.tables.get(LOOKS)
    if table is None or table.empty:
        return ""
    return str(table.to_csv(index=False, lineterminator="\n", float_format=_DIGITS))


def read_history(path: Path) -> pd.DataFrame:
    """Return a history; no rows where there is none.

    Raises
    ------
    OutputError
        When it is not what a run writes.
    """
    if not path.is_file():
        return typed(pd.DataFrame(columns=list(BESIDE[LOOKS])))
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(_TEXTS, str), keep_default_na=False, na_values=[""])
        return typed(table[list(BESIDE[LOOKS])])
    except (KeyError, ValueError, OSError) as error:
        message = f"{path}: not a history of runs ({error}); expected the columns {', '.join(BESIDE[LOOKS])}"
        hint = "restore it from a copy, or move it away, which leaves its runs unrecorded"
        raise OutputError(message, hint) from error


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table ``looks`` with the types of its columns, sorted."""
    found = table.copy()
    for column in BESIDE[LOOKS]:
        if column in _TEXTS:
            texts = found[column].astype(object)
            found[column] = texts.where(texts.notna(), "").astype(str)
        else:
            found[column] = found[column].astype("Int64" if column in _WHOLE else "float64")
    return found.sort_values(["run", *KEYS], kind="stable").reset_index(drop=True)


def _of_this_run(evaluation: Evaluation, ends: Mapping[str, str]) -> pd.DataFrame:
    """Return the answers of a run as rows of the table."""
    rows: list[dict[str, Any]] = []
    last = evaluation.tables["series"].groupby("outcome")["period"].max()
    for _, row in records(evaluation.tables["verdicts"]):
        if row["label"]:
            outcome = str(row["outcome"])
            end = ends.get(outcome, str(last.get(outcome, "")))
            rows.append({name: row[name] for name in BESIDE[LOOKS] if name in row} | {"run": 1, "end": end})
            rows[-1]["level"] = row["level_used"]
    return typed(pd.DataFrame(rows, columns=list(BESIDE[LOOKS])))


def _alike(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Return whether two runs gave the same answers; which look they are follows from their order."""
    texts = [
        typed(table).drop(columns=["run", "look"]).to_csv(index=False, float_format=_DIGITS)
        for table in (one, other)
    ]
    return texts[0] == texts[1]


def _as_next(now: pd.DataFrame, known: list[pd.DataFrame]) -> pd.DataFrame:
    """Return a new run with its number; a look that was taken before is none any more."""
    taken = {
        (outcome, look)
        for table in known
        for outcome, look in zip(table["outcome"], table["look"], strict=True)
        if not pd.isna(look)
    }
    again = [
        not pd.isna(look) and (outcome, look) in taken
        for outcome, look in zip(now["outcome"], now["look"], strict=True)
    ]
    run = 1 + max((int(table["run"].max()) for table in known), default=0)
    return now.assign(run=run, look=now["look"].mask(np.array(again, dtype=np.bool_)))

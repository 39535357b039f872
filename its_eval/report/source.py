"""All that a page is written from: tables, settings and origin of a run, in memory or on disk."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from msgspec import Struct, field

from its_eval.columns import BESIDE, COLUMNS, THE_SET, make_table
from its_eval.errors import UsageError
from its_eval.evaluation import Evaluation, records
from its_eval.figures.catalogue import describe
from its_eval.provenance import PROGRAM, RESOLVED, require_manifest
from its_eval.words.labels import listed_flags
from its_eval.words.sentences import primary_fits

if TYPE_CHECKING:
    from its_eval.config import Config
    from its_eval.figures.kinds import FigureTask
    from its_eval.report.blocks import StoredFigure


_NOT_IN_ANCHOR = re.compile(r"[^A-Za-z0-9_-]+")


def with_every_table(evaluation: Evaluation) -> Evaluation:
    """Return an evaluation that has every table with every column, empty where it was not asked for.

    A result that is older than the table of verdicts has what its summary says for them.
    """
    tables = {
        name: table
        if set(COLUMNS.get(name, ())) <= set(table)
        else make_table(name, (row for _, row in records(table)))
        for name, table in evaluation.tables.items()
    }
    verdicts = tables.get("verdicts")
    if (verdicts is None or verdicts.empty) and "summary" in tables:
        rows = (
            {**row, "question": row["estimand"], "p_rank": row["p_placebo"]}
            for _, row in records(tables["summary"])
        )
        tables["verdicts"] = make_table("verdicts", rows)
    tables |= {name: make_table(name, []) for name in COLUMNS if name not in tables}
    if all(evaluation.tables.get(name) is table for name, table in tables.items()):
        # as a run makes it: what was worked out for its figures is of use for their words
        return evaluation
    return replace(evaluation, tables=tables)


def anchor(*parts: str) -> str:
    """Return an anchor that is the same for the same names.

    Examples
    --------
    >>> anchor("answer", "ae_4h", "R/1")
    'answer-ae_4h-R-1'
    """
    return "-".join(_NOT_IN_ANCHOR.sub("-", part) for part in parts if part)


class ReportSource(Struct, frozen=True):
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
    def designs(self) -> list[str]:
        """With what units are compared, in the order of the config."""
        return [str(design) for design in self.settings["designs"]]

    @property
    def shape(self) -> str:
        """Of the effect, in words."""
        return str(self.settings["intervention"]["shape"]).replace("_", " ")

    @property
    def everyone(self) -> dict[str, str]:
        """All treated units by code, sorted, each with code and name."""
        units = {unit for outcome in self.outcomes for unit in self.units(outcome)}
        return {unit: self.unit_name(unit) for unit in sorted(units)}

    @property
    def primary(self) -> str:
        """The estimand that counts."""
        return str(self.settings["estimands"]["primary"])

    def shown_estimand(self, outcome: str) -> str:
        """Return the estimand that is shown as the answer: of a change the effect after one year."""
        shown = self.rows("summary", outcome)["estimand"]
        return self.primary if shown.empty else str(shown.iloc[0])

    def described(self, task: FigureTask) -> str:
        """Return what a figure shows, in sentences."""
        return describe(self.evaluation, task)

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
        """Return code and name of a unit; of all treated units as a set what they are."""
        if unit == THE_SET:
            return "all units together"
        return f"{unit} {self.evaluation.unit_names.get(unit, '')}".strip()

    def primary_effects(self, outcome: str) -> pd.DataFrame:
        """Return the rows of ``effects`` by the primary estimator, one per estimand: ratios before links."""
        effects = self.rows("effects", outcome)
        effects = effects[effects["role"].isin(("primary", "secondary"))]
        return effects[preferred_scale(effects)]

    def primary_fits(self, outcome: str) -> pd.DataFrame:
        """Return the rows of ``fits`` by the estimator that answers, which may differ by design."""
        return primary_fits(self.evaluation, outcome)

    @property
    def answering_fits(self) -> pd.DataFrame:
        """The rows of ``fits`` by the estimators that answer, of all outcomes."""
        return pd.concat([self.primary_fits(outcome) for outcome in self.outcomes])

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


def n_drifting(fits: pd.DataFrame) -> int:
    """Return how many fits warn of a series that drifts like a random walk."""
    return sum("near_unit_root" in listed_flags(str(flags)) for flags in fits["flags"])


def preferred_scale(effects: pd.DataFrame) -> pd.Series[bool]:
    """Return which rows of ``effects`` are printed: of an estimand with a ratio not its logarithm."""
    keys = ["outcome", "unit", "design", "estimator", "interruption", "estimand"]
    has_ratio = effects["scale"].eq("ratio").groupby([effects[key] for key in keys]).transform("any")
    return effects["scale"].eq("ratio") | ~has_ratio.astype(bool)


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


#: Numbers are read as they were written: since 3.1 pandas does so by itself, and warns when it is asked to.
_EXACTLY: dict[str, Any] = (
    {"float_precision": "round_trip"} if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1) else {}
)


def read_stored(path: Path, **options: Any) -> pd.DataFrame:
    """Return a table of a result.

    Parameters
    ----------
    path : Path
        CSV or Parquet.
    options
        For ``pandas.read_csv``.

    Raises
    ------
    UsageError
        When the file is damaged.
    """
    table: pd.DataFrame
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        table = pd.read_csv(path, encoding="utf-8", **_EXACTLY, **options)
    except (ValueError, OSError) as error:
        # the errors of pandas and Arrow about contents are all of these
        reason = " ".join(str(error).split())
        raise UsageError(
            f"{path}: cannot be read: {reason}", "`its-eval verify` shows what has changed since the run"
        ) from error
    return table


#: The apostrophe of `its_eval.result.defused`.
_DEFUSED = re.compile(r"^'(?=[=+\-@\t\r])")
#: Columns of texts in the tables that stand beside those of the series.
_BESIDE_TEXTS = frozenset(
    {
        *("measure", "unit", "follow_up", "better", "direction", "project", "reason"),
        *("item", "planned", "actual", "severity"),
        *("outcome", "design", "interruption", "end", "estimand", "scale", "label"),
    }
)
_HINT = "name the folder that `its-eval run` wrote, e.g. results/sample"


class StoredRun(Struct, frozen=True):
    """A result on disk.

    Attributes
    ----------
    folder : Path
        Where it is.
    evaluation : Evaluation
        Its tables, and what they cannot say about themselves.
    config : Config
        Its config with every default.
    manifest : mapping
        Its manifest.
    """

    folder: Path
    evaluation: Evaluation
    config: Config
    manifest: Mapping[str, Any]

    @property
    def settings(self) -> Mapping[str, Any]:
        """The config as plain values."""
        return self.config.model_dump(mode="json", by_alias=True)

    @property
    def figures(self) -> Path:
        """Where its figures are, if any were drawn."""
        return self.folder / "figures"


def read_run(folder: Path) -> StoredRun:
    """Return the result in a folder.

    Parameters
    ----------
    folder : Path
        As ``its-eval run`` wrote it.

    Raises
    ------
    UsageError
        When the folder holds no whole result, or none that this version can read.
    ConfigError
        When this version cannot read the config of the result.

    Notes
    -----
    Parquet is read where it is there, CSV otherwise; both hold the numbers in full precision.
    """
    from its_eval.config import load_config  # noqa: PLC0415  (start-up time)

    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", _HINT)
    known = require_manifest(folder, _HINT)
    if "batch" in known:
        raise UsageError(
            f"{folder} is the result of a batch run, which has no report",
            "set `output.detail: full` in its config, and run that",
        )
    about = known.get("outcomes")
    if about is None:
        raise UsageError(
            f"{folder}: the manifest does not say what the outcomes are; it is of an older version",
            "run the config again",
        )
    if not (folder / RESOLVED).is_file():
        raise UsageError(f"{folder}: {RESOLVED} is missing", "run the config again")
    config = load_config(folder / RESOLVED)
    evaluation = Evaluation(
        config.title,
        _tables(folder / "tables", known.get("tables") or {}),
        tuple(known["notes"]),
        {name: _as_tuples(entry) for name, entry in about.items()},
        dict(known.get("unit_names") or {}),
        _origin(config, known),
        conduct=known.get("conduct") or {},
    )
    return StoredRun(folder, evaluation, config, known)


def _origin(config: Config, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a result comes from, as its manifest and its config say."""
    report = config.output.report
    return {
        "files": sorted({Path(path).name for path in known["inputs"]}),
        "program": f"{PROGRAM} {known['program']['version']}",
        "status": report.status,
        "contact": report.contact,
    }


def _as_tuples(value: Any) -> Any:
    """Return lists as the tuples that they were before they became JSON."""
    if isinstance(value, dict):
        return {key: _as_tuples(item) for key, item in value.items()}
    return tuple(_as_tuples(item) for item in value) if isinstance(value, list) else value


def load_run(folder: str | Path) -> Evaluation:
    """Return a result on disk, as ``evaluate`` returned it.

    Parameters
    ----------
    folder : str or Path
        As ``its-eval run`` wrote it.

    Raises
    ------
    UsageError, ConfigError
        As `read_run`.

    Examples
    --------
    >>> import tempfile
    >>> from its_eval import fit
    >>> months = pd.period_range("2013-01", periods=48, freq="M")
    >>> beds = pd.Series([50.0 + 7 * m % 5 + 6 * (m >= 24) for m in range(48)], months, name="beds")
    >>> found = fit(beds, "2015-01", seasonality="none")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     same = load_run(found.save(Path(folder) / "beds"))
    >>> same.verdicts["estimate"].equals(found.verdicts["estimate"])
    True
    """
    return read_run(Path(folder)).evaluation


def _tables(folder: Path, rows: Mapping[str, int]) -> dict[str, pd.DataFrame]:
    """Return the tables of a result; one that was not written has its columns and no rows."""
    tables = {}
    for name in COLUMNS:
        parquet, csv = folder / f"{name}.parquet", folder / f"{name}.csv"
        if parquet.is_file():
            tables[name] = read_stored(parquet)
        elif csv.is_file():
            tables[name] = _from_csv(csv, name)
        else:
            tables[name] = make_table(name, [])
    tables |= _beside(folder, rows)
    if all(table.empty for table in tables.values()):
        raise UsageError(
            f"{folder}: no table in CSV or Parquet; a result is read back from these",
            "run the config again with csv or parquet in output.tables",
        )
    return tables


def _beside(folder: Path, rows: Mapping[str, int]) -> dict[str, pd.DataFrame]:
    """Return the tables that only some runs have; none in a run without them."""
    found = {}
    for name in BESIDE:
        parquet, csv = folder / f"{name}.parquet", folder / f"{name}.csv"
        if parquet.is_file():
            found[name] = read_stored(parquet)
        elif csv.is_file():
            texts = dict.fromkeys(_BESIDE_TEXTS, str)
            blanks: dict[str, list[str]] = {column: [] for column in _BESIDE_TEXTS}
            table = read_stored(csv, dtype=texts, na_values=blanks, keep_default_na=True)
            for column in _BESIDE_TEXTS & set(table.columns):
                table[column] = table[column].fillna("").str.replace(_DEFUSED, "", regex=True)
            found[name] = table
        elif name in rows:
            found[name] = pd.DataFrame(columns=list(BESIDE[name]))
    return found


def _from_csv(path: Path, name: str) -> pd.DataFrame:
    """Return a table from CSV with the types of the contract; every cell is read as text first."""
    texts = read_stored(path, dtype=str, keep_default_na=False)
    for column in texts.columns:
        # the CSV files have an apostrophe before texts that a spreadsheet program would take for formulas
        texts[column] = texts[column].str.replace(_DEFUSED, "", regex=True)
    rows = (
        {str(key): _value(str(key), cell) for key, cell in row.items()} for row in texts.to_dict("records")
    )
    return make_table(name, rows)


def _value(column: str, cell: str) -> Any:
    if column == "used":
        return cell == "True"
    return cell or None

"""What ``init`` lays out: the demonstration, or a starter config for one question."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from its_eval.calendar import EXAMPLES, Calendar
from its_eval.errors import OutputError, UsageError

if TYPE_CHECKING:
    import pandas as pd

#: Files of the demonstration, relative to its root.
_DEMO_FOLDERS = (
    ("configs", ("sample.yaml", "sample_strata.yaml", "uk_seatbelts.yaml", "california_prop99.yaml")),
    ("data/sample", None),
)


#: A date to be replaced.
EXAMPLE_DATE = "2018-10"
#: Usual names of the columns of an indicator table; those of the tidy table come first.
_USUAL = {
    "unit": ("trust_code", "org_code", "organisation_code", "provider_code", "trust", "organisation", "site"),
    "period": ("month", "date", "quarter", "week", "year"),
    "indicator": ("measure", "metric"),
    "value": ("measure_value", "rate", "count"),
    "numerator": (),
    "denominator": (),
}
#: Words that YAML takes for something else than text.
_YAML_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def demo_root() -> Path:
    """Return the folder with ``configs`` and ``data/sample``: inside the wheel, or the repository."""
    installed = Path(__file__).parent / "demo"
    return installed if installed.is_dir() else Path(__file__).parent.parent


def demo_files() -> dict[Path, bytes]:
    """Return the demonstration's files by relative path."""
    root = demo_root()
    files: dict[Path, bytes] = {}
    for folder, names in _DEMO_FOLDERS:
        chosen = sorted(path.name for path in (root / folder).glob("[!.]*.*") if path.is_file())
        for name in names or chosen:
            files[Path(folder) / name] = (root / folder / name).read_bytes()
    return files


def starter_config(
    folder: Path,
    indicators: Path | None,
    characteristics: Path | None,
    units: tuple[str, ...],
    indicator: str | None,
    date: str | None,
) -> str:
    """Return a commented config, filled in with what is given; the rest are placeholders to edit.

    Paths are written relative to the folder of the config, and columns as the tables call them where that
    can be told.

    Raises
    ------
    UsageError
        When a table does not exist, or holds no such unit or indicator.
    DataError
        When a table cannot be read.
    """
    for name, path in (("--indicators", indicators), ("--characteristics", characteristics)):
        if path is not None and not path.exists():
            raise UsageError(f"{name}: {path} does not exist")
    table = None if indicators is None else _read(indicators)
    columns = {} if table is None else _usual_columns(table, indicator)
    if table is not None and indicators is not None:
        _require_known(table, columns, indicators, {"unit": units, "indicator": (indicator,)})

    def relative(path: Path | None, default: str) -> str:
        return quoted(default if path is None else Path(os.path.relpath(path, folder)).as_posix())

    peers = ""
    characteristics_line = ""
    if characteristics is not None or indicators is None:
        unit_column = "unit"
        if characteristics is not None:
            from its_eval.data.tables import code_column  # noqa: PLC0415  (start-up time)

            unit_column = code_column(characteristics)
        characteristics_line = (
            "  # a row per unit, a column per characteristic; `unit` names the column of unit codes\n"
            "  characteristics:\n"
            f"    path: {relative(characteristics, 'characteristics.csv')}\n"
            f"    columns: {{unit: {quoted(unit_column)}}}\n"
        )
        peers = (
            "peers:\n"
            "  # the nearest units by characteristics; leave `peers` out for a single-group evaluation\n"
            "  k: 10\n"
        )
    listed = ", ".join(quoted(unit) for unit in units or ("UNIT01",))
    return (
        "# A config of its-eval. Check it with `its-eval validate`, run it with `its-eval run`.\n"
        "# `its-eval schema` lists every key; all that is left out has a default, which the file\n"
        "# config.resolved.yaml of a result spells out.\n"
        "version: 1\n"
        "# what the report is called\n"
        f"title: {quoted(_title(units, indicator, date))}\n"
        "data:\n"
        "  # a row per unit, period and indicator, with columns indicator, unit, period, value\n"
        "  # (and denominator or numerator); `columns` maps other names\n"
        "  indicators:\n"
        f"    path: {relative(indicators, 'indicators.csv')}\n"
        f"{_about_columns(table, columns, indicator)}"
        f"{characteristics_line}"
        f"  frequency: {_frequency(date)}\n"
        "intervention:\n"
        "  name: Intervention\n"
        "  # the first period that may be affected\n"
        f"  date: {quoted(date or EXAMPLE_DATE)}\n"
        f"treated: [{listed}]\n"
        f"{peers}"
        "outcomes:\n"
        "  # kind: percentage, rate, count or number. A percentage with denominators is weighted by them.\n"
        "  # better: higher or lower; until you say which, no change is called one for the better.\n"
        f"  - indicator: {quoted(indicator or 'indicator')}\n"
        "    # label: what it is called in the report\n"
        "    kind: number\n"
        "    # better: higher\n"
        "estimands:\n"
        "  # the question declared before looking: a change of trend, and effects after 12 and 24 periods\n"
        "  primary: slope_change\n"
        "  at: [12, 24]\n"
    )


def _title(units: tuple[str, ...], indicator: str | None, date: str | None) -> str:
    """Return a title that tells one question from another, to be bettered by hand."""
    who = f" of {', '.join(units)}" if units else ""
    return f"{indicator or 'Indicator'}{who} from {date or EXAMPLE_DATE}"


def _frequency(date: str | None) -> str:
    """Return the frequency whose periods a date is written like."""
    for frequency in EXAMPLES:
        try:
            Calendar(frequency).parse(date or EXAMPLE_DATE)
        except ValueError:
            continue
        return frequency
    examples = ", ".join(f"{example} ({frequency})" for frequency, example in EXAMPLES.items())
    raise UsageError(f"--date {date!r}: expected a period such as {examples}")


def _read(path: Path) -> pd.DataFrame:
    from its_eval.data.tables import read_table  # noqa: PLC0415  (start-up time)

    return read_table(path)


def _usual_columns(table: pd.DataFrame, indicator: str | None) -> dict[str, str]:
    """Return the columns of an indicator table by what they are for, as far as their names tell."""
    from its_eval.data.tables import Role, assign_columns  # noqa: PLC0415  (start-up time)

    roles = [Role(name, aliases) for name, aliases in _USUAL.items()]
    columns, _ = assign_columns(table.columns, roles, {}, "")
    free = set(map(str, table.columns)) - set(columns.values())
    if "value" not in columns and indicator is not None and indicator in free:
        columns["value"] = indicator
    return columns


def _require_known(
    table: pd.DataFrame, columns: dict[str, str], path: Path, asked: dict[str, tuple[str | None, ...]]
) -> None:
    """Refuse units and indicators that a table does not hold, with the nearest that it does."""
    from its_eval.data.tables import nearest  # noqa: PLC0415  (start-up time)

    problems = []
    for role, names in asked.items():
        if role not in columns:
            continue
        there = sorted(set(table[columns[role]].astype(str).str.strip()))
        problems += [
            f"--{role} {name!r}: {path} holds no such {role}; {nearest(name, there)}"
            for name in names
            if name is not None and name not in there
        ]
    if problems:
        raise UsageError("\n".join(problems))


def _about_columns(table: pd.DataFrame | None, columns: dict[str, str], indicator: str | None) -> str:
    """Return the lines about columns of the indicator table; what cannot be told is left to edit."""
    example = "    # columns: {unit: trust_code, period: month, value: rate}\n"
    if table is None:
        return example
    lines = ""
    if "indicator" not in columns and indicator is not None:
        lines += "    # the table has no column of indicators: all of it is this one\n"
        lines += f"    indicator: {quoted(indicator)}\n"
    pairs = [f"{role}: {quoted(name)}" for role, name in columns.items() if name.casefold() != role]
    if pairs:
        lines += f"    columns: {{{', '.join(pairs)}}}\n"
    needed = ["unit", "period", *([] if {"numerator", "denominator"} <= set(columns) else ["value"])]
    missing = [role for role in needed if role not in columns]
    if not missing:
        return lines if pairs else lines + example
    listed = ", ".join(quoted(" ".join(str(name).split())) for name in table.columns)
    return (
        f"{lines}    # add the column of {' and of '.join(missing)} to `columns`; the table has {listed}\n"
        + ("" if pairs else example)
    )


def quoted(text: str) -> str:
    """Return a text as a YAML scalar, quoted when it is not plainly a word."""
    plain = re.fullmatch(r"[A-Za-z0-9_./][A-Za-z0-9_./-]*", text) and text.casefold() not in _YAML_WORDS
    return text if plain else "'" + text.replace("'", "''") + "'"


def write_files(folder: Path, files: dict[Path, bytes], *, force: bool) -> list[Path]:
    """Write files into a folder; none is written when one is there already.

    Raises
    ------
    OutputError
        When a file exists and must not be replaced, or the folder cannot be written to.
    """
    targets = {folder / name: content for name, content in sorted(files.items())}
    taken = [str(path) for path in targets if path.exists()]
    if taken and not force:
        raise OutputError(
            f"exists already: {', '.join(taken)}", "use --force to overwrite, or name another folder"
        )
    try:
        for path, content in targets.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}") from error
    return list(targets)

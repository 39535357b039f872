"""What ``init`` lays out: the demonstration, or a starter config for one question."""

from __future__ import annotations

import os
import re
from pathlib import Path

from its_eval.data.periods import EXAMPLES, parse_period
from its_eval.errors import OutputError, UsageError

#: Files of the demonstration, relative to its root.
_DEMO_FOLDERS = (
    ("configs", ("sample.yaml", "uk_seatbelts.yaml", "california_prop99.yaml")),
    ("data/sample", None),
)


#: A date to be replaced.
EXAMPLE_DATE = "2018-10"
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
    """
    for name, path in (("--indicators", indicators), ("--characteristics", characteristics)):
        if path is not None and not path.exists():
            raise UsageError(f"{name}: {path} does not exist")

    def relative(path: Path | None, default: str) -> str:
        return quoted(default if path is None else Path(os.path.relpath(path, folder)).as_posix())

    peers = ""
    characteristics_line = ""
    if characteristics is not None or indicators is None:
        unit_column = "unit" if characteristics is None else _unit_column(characteristics)
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
        "data:\n"
        "  # a row per unit, period and indicator, with columns indicator, unit, period, value\n"
        "  # (and denominator or numerator); `columns` maps other names\n"
        "  indicators:\n"
        f"    path: {relative(indicators, 'indicators.csv')}\n"
        f"{_about_columns(indicators, indicator)}"
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
        "    kind: number\n"
        "    # better: higher\n"
        "estimands:\n"
        "  # the question declared before looking: a change of trend, and effects after 12 and 24 periods\n"
        "  primary: slope_change\n"
        "  at: [12, 24]\n"
    )


def _frequency(date: str | None) -> str:
    """Return the frequency whose periods a date is written like."""
    for frequency in EXAMPLES:
        try:
            parse_period(date or EXAMPLE_DATE, frequency)
        except ValueError:
            continue
        return frequency
    examples = ", ".join(f"{example} ({frequency})" for frequency, example in EXAMPLES.items())
    raise UsageError(f"--date {date!r}: expected a period such as {examples}")


def _column_names(path: Path) -> list[str]:
    from its_eval.data.tables import read_table  # noqa: PLC0415  (start-up time)

    return [str(name) for name in read_table(path).columns]


def _unit_column(path: Path) -> str:
    """Return the column of unit codes: ``unit``, else the first one."""
    names = _column_names(path)
    return next((name for name in names if name.casefold() == "unit"), names[0])


def _about_columns(path: Path | None, indicator: str | None) -> str:
    """Return the lines about columns of the indicator table; what cannot be told is left to edit."""
    example = "    # columns: {unit: trust_code, period: month, value: rate}\n"
    if path is None:
        return example
    names = _column_names(path)
    known = {name.casefold() for name in names}
    lines = ""
    if "indicator" not in known and indicator is not None:
        lines += "    # the table has no column of indicators: all of it is this one\n"
        lines += f"    indicator: {quoted(indicator)}\n"
    if {"unit", "period"} <= known and ("value" in known or {"numerator", "denominator"} <= known):
        return lines + example
    listed = ", ".join(quoted(" ".join(name.split())) for name in names)
    return f"{lines}    # name the columns here; the table has {listed}\n{example}"


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

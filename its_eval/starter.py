"""What ``init`` lays out: the demonstration, or a starter config for one question."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from its_eval.calendar import EXAMPLES, Calendar
from its_eval.data.opening import Asked, Recognised
from its_eval.data.recognise import recognise
from its_eval.data.tables import code_column
from its_eval.errors import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Files of the demonstration, relative to its root.
_DEMO_FOLDERS = (
    ("configs", ("sample.yaml", "sample_strata.yaml", "uk_seatbelts.yaml", "california_prop99.yaml")),
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


class Question(Struct, frozen=True):
    """What a starter config is to ask.

    Attributes
    ----------
    indicators, characteristics : Path or None
        The tables.
    asked : Asked
        What is said of the indicator table and of the question.
    better : str or None
        Which direction is an improvement.
    """

    indicators: Path | None = None
    characteristics: Path | None = None
    asked: Asked = field(default_factory=Asked)
    better: str | None = None


def recognised_table(question: Question) -> Recognised | None:
    """Return what the indicator table looks like; None without one.

    Raises
    ------
    UsageError
        When a table does not exist, something of it cannot be told, or it holds no such unit or indicator.
    DataError
        When it cannot be read.
    """
    for name, path in (
        ("--indicators", question.indicators),
        ("--characteristics", question.characteristics),
    ):
        if path is not None and not path.exists():
            raise UsageError(f"{name}: {path} does not exist")
    return None if question.indicators is None else recognise(question.indicators, question.asked)


def starter_config(folder: Path, question: Question, found: Recognised | None) -> str:
    """Return a commented config, filled in with what is given and recognised; the rest are placeholders.

    Paths are written relative to the folder of the config.

    Parameters
    ----------
    folder : Path
        Where the config will stand.
    question : Question
        What it asks.
    found : Recognised or None
        What the indicator table looks like.

    Raises
    ------
    UsageError
        When a date is no period.
    DataError
        When the table of characteristics cannot be read.
    """
    asked = question.asked
    units = asked.units or ("UNIT01",)
    frequency = _frequency(asked.dates)
    indicator, kind, reasons = asked.indicator or "indicator", asked.kind or "number", {}
    if found is not None:
        units, frequency, indicator = found.units, found.frequency, found.indicator
        kind, reasons = found.kind, found.reasons
    dates = asked.dates or (EXAMPLE_DATE,)
    per_year = Calendar(frequency).per_year
    characteristics, peers = _about_peers(folder, question, others=found is not None and found.others)
    listed = ", ".join(quoted(unit) for unit in units)
    return (
        "# A config of its-eval. Check it with `its-eval validate`, run it with `its-eval run`.\n"
        "# `its-eval schema` lists every key; all that is left out has a default, which the file\n"
        "# config.resolved.yaml of a result spells out.\n"
        "version: 1\n"
        "# what the report is called\n"
        f"title: {quoted(_title(units, indicator, dates))}\n"
        "data:\n"
        f"{_about_table(folder, question.indicators, found)}"
        f"{characteristics}"
        f"{_line('  ', 'frequency', frequency, reasons)}"
        "intervention:\n"
        "  name: Intervention\n"
        "  # the first period that may be affected\n"
        f"  date: {quoted(dates[0])}\n"
        f"{_about_events(dates[1:])}"
        f"{_line('', 'treated', f'[{listed}]', reasons)}"
        f"{peers}"
        "outcomes:\n"
        "  # kind: percentage, rate, count or number. A percentage with denominators is weighted by them.\n"
        f"  - indicator: {quoted(indicator)}\n"
        "    # label: what it is called in the report\n"
        f"{_line('    ', 'kind', kind, reasons)}"
        f"{_line('    ', 'transform', found.transform if found else '', reasons)}"
        f"{_about_better(question.better)}"
        "estimands:\n"
        "  # effects a year and two years after the start\n"
        f"  at: [{per_year}, {2 * per_year}]\n"
        "# output:\n"
        "#   tables: [csv, xlsx]   # also results.xlsx: answers, effects and series; docx, tex: a document\n"
        "#   which: board          # also a page about each outcome for a board pack, figures/board_*.png\n"
        "#   which: all            # every figure as a file, with its numbers; the report has them all\n"
    )


def _line(indent: str, key: str, value: str, reasons: Mapping[str, str]) -> str:
    """Return a line of the config below the reason for it; nothing without a value."""
    if not value:
        return ""
    reason = reasons.get(key)
    return (f"{indent}# {reason}\n" if reason else "") + f"{indent}{key}: {value}\n"


def _about_table(folder: Path, path: Path | None, found: Recognised | None) -> str:
    """Return the lines about the indicator table."""
    written = quoted("indicators.csv" if path is None else Path(os.path.relpath(path, folder)).as_posix())
    if found is None:
        return (
            "  # a row per unit, period and indicator, with columns indicator, unit, period, value\n"
            "  # (and denominator or numerator); `columns` maps other names\n"
            "  indicators:\n"
            f"    path: {written}\n"
            "    # columns: {unit: trust_code, period: month, value: rate}\n"
        )
    reading, reasons = found.reading, found.reasons
    pairs = ", ".join(
        f"{role}: {quoted(name)}" for role, name in found.columns.items() if name.casefold() != role
    )
    keys = {
        "sheet": quoted(reading.sheet) if reading.sheet else "",
        "header_row": str(reading.header_row) if reading.header_row > 1 else "",
        "encoding": reading.encoding if reading.encoding != "utf-8" else "",
        "delimiter": {",": "", "\t": "tab"}.get(reading.delimiter, quoted(reading.delimiter)),
        "decimal": quoted(found.decimal) if found.decimal != "." else "",
        "layout": found.layout if found.layout != "long" else "",
        "columns": f"{{{pairs}}}" if pairs else "",
        "indicator": "" if found.has_indicators else quoted(found.indicator),
        "dates": found.dates if found.dates != "iso" else "",
        "scale": found.scale,
        "combine": found.combine,
    }
    lines = "".join(_line("    ", key, value, reasons) for key, value in keys.items())
    return f"  indicators:\n    path: {written}\n{lines}"


def _about_peers(folder: Path, question: Question, *, others: bool) -> tuple[str, str]:
    """Return the lines about characteristics, and those about peers."""
    path = question.characteristics
    if path is None and question.indicators is not None:
        return "", "# peers: {k: all}   # compares with every other unit of the table\n" if others else ""
    unit_column, written = "unit", "characteristics.csv"
    if path is not None:
        unit_column, written = code_column(path), Path(os.path.relpath(path, folder)).as_posix()
    characteristics = (
        "  # a row per unit, a column per characteristic; `unit` names the column of unit codes\n"
        "  characteristics:\n"
        f"    path: {quoted(written)}\n"
        f"    columns: {{unit: {quoted(unit_column)}}}\n"
    )
    peers = (
        "peers:\n"
        "  # the nearest units by characteristics; leave `peers` out for a single-group evaluation\n"
        "  k: 10\n"
    )
    return characteristics, peers


def _about_events(dates: Sequence[str]) -> str:
    """Return the lines about further interruptions, each fitted like the first."""
    if not dates:
        return ""
    lines = [
        f"  - {{name: Intervention {place}, date: {quoted(date)}, as: step_and_slope}}\n"
        for place, date in enumerate(dates, start=2)
    ]
    return "# what else happened, each with a jump and a change of trend of its own\nevents:\n" + "".join(
        lines
    )


def _about_better(better: str | None) -> str:
    if better is not None:
        return f"    better: {better}\n"
    return (
        "    # better: higher or lower? Until you say which, no change is called one for the better.\n"
        "    # better: higher\n"
    )


def _title(units: Sequence[str], indicator: str, dates: Sequence[str]) -> str:
    """Return a title that tells one question from another, to be bettered by hand."""
    when = " and ".join(filter(None, (", ".join(dates[:-1]), dates[-1])))
    return f"{indicator} of {', '.join(units)} from {when}"


def _frequency(dates: Sequence[str]) -> str:
    """Return the frequency whose periods a date is written like."""
    for frequency in EXAMPLES:
        try:
            Calendar(frequency).parse(dates[0] if dates else EXAMPLE_DATE)
        except ValueError:
            continue
        return frequency
    examples = ", ".join(f"{example} ({frequency})" for frequency, example in EXAMPLES.items())
    raise UsageError(f"--date {dates[0]!r}: expected a period such as {examples}")


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

"""From extracts to the tidy indicator table, or to a table of characteristics."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from msgspec import Struct

from its_eval.data.faults import Finding
from its_eval.errors import DataError
from its_eval.importers.extract import grouped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from its_eval.config.layouts import LayoutIndicator, Parts
    from its_eval.importers.extract import Extract

    Values = NDArray[np.float64]
    Codes = NDArray[np.int64]


#: Columns of the tidy indicator table, in order.
COLUMNS = (
    *("indicator", "unit", "period", "value", "numerator", "denominator"),
    *("stratum", "source_file", "source_sheet", "source_row"),
)
_NEVER = dt.date.min
_MOST_CONFLICTS = 10


class _Names(Struct):
    """Texts as whole numbers, which sort in the order of the texts once all are known."""

    known: dict[str, int]

    def codes(self, texts: Iterable[str]) -> Codes:
        numbers = self.known
        return np.array([numbers.setdefault(text, len(numbers)) for text in texts], dtype=np.int64)

    def sorted(self) -> tuple[NDArray[np.object_], Codes]:
        """Return the texts in order, and the place in that order of each code."""
        texts = sorted(self.known)
        rank = np.empty(len(texts), dtype=np.int64)
        rank[[self.known[text] for text in texts]] = np.arange(len(texts))
        return np.array(texts, dtype=object), rank


def tidy_table(extracts: Sequence[Extract]) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the tidy indicator table, and which revision won where several files have the same value.

    Parameters
    ----------
    extracts : sequence of Extract
        One per file.

    Returns
    -------
    table : DataFrame
        Columns `COLUMNS`, sorted; periods as ISO text.
    findings : list of Finding
        ``revised`` where a value was replaced by that of a later revision.

    Raises
    ------
    DataError
        When two files differ and neither says that it is the later one.

    Notes
    -----
    A percentage of nothing (a denominator of zero: a trust without that kind of department) is no row. A
    suppressed part leaves the value missing; what is known of numerator and denominator stays.
    """
    names = {key: _Names({}) for key in ("indicator", "unit", "stratum")}
    spelled = _spellings(extracts)
    parts: list[dict[str, NDArray[Any]]] = []
    for place, extract in enumerate(extracts):
        units = names["unit"].codes(extract.units)
        strata = np.repeat(names["stratum"].codes([""]), len(units))
        if extract.strata:
            strata = names["stratum"].codes(spelled[text] for text in extract.strata)
        for recipe in extract.layout.indicators:
            parts.append(_indicator(extract, recipe, place, units, strata))
            parts[-1]["indicator"] = np.repeat(
                names["indicator"].codes([recipe.name]), len(parts[-1]["unit"])
            )
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    texts: dict[str, NDArray[np.object_]] = {}
    for key, kept_names in names.items():
        texts[key], rank = kept_names.sorted()
        joined[key] = rank[joined[key]]
    joined, findings = _latest(joined, extracts, texts)
    return _frame(joined, extracts, texts), findings


def _spellings(extracts: Sequence[Extract]) -> dict[str, str]:
    """Return one spelling of each stratum: the publisher's files differ in capitals."""
    written = sorted({text for extract in extracts for text in extract.strata} | {""})
    first: dict[str, str] = {}
    return {text: first.setdefault(text.casefold(), text) for text in written}


def _indicator(
    extract: Extract, recipe: LayoutIndicator, place: int, units: Codes, strata: Codes
) -> dict[str, NDArray[Any]]:
    numerator = _part(extract, recipe.numerator)
    denominator = np.full(len(units), np.nan)
    value = numerator
    if recipe.denominator is not None:
        denominator = _part(extract, recipe.denominator)
    rows = np.arange(len(units))
    if extract.layout.sum_rows:
        first, group = grouped(extract)
        rows = np.array(first)
        numerator, denominator = (_added(part, group, len(rows)) for part in (numerator, denominator))
        value = numerator
    columns: dict[str, NDArray[Any]] = {
        "unit": units[rows],
        "stratum": strata[rows],
        "period": extract.periods[rows],
        "numerator": numerator,
        "denominator": denominator,
        "row": extract.rows[rows],
        "file": np.full(len(rows), place),
    }
    if recipe.kind == "percentage":
        there = denominator != 0.0
        columns = {key: column[there] for key, column in columns.items()}
        value = 100.0 * columns["numerator"] / columns["denominator"]
    columns["value"] = value
    return columns


def _added(part: Values, group: Sequence[int], groups: int) -> Values:
    """Return the sums of rows by group; missing where any row is."""
    sums = np.zeros(groups)
    np.add.at(sums, group, part)
    return sums


def _part(extract: Extract, parts: Parts) -> Values:
    """Return a sum, mean or product of columns; missing where any of them is."""
    total = extract.numbers[parts.columns[0]]
    for name in parts.columns[1:]:
        number = extract.numbers[name]
        total = total * number if parts.product else total + (-number if name in parts.minus else number)
    return total / len(parts.mean) if parts.mean else total


def _latest(
    joined: dict[str, NDArray[Any]], extracts: Sequence[Extract], texts: dict[str, NDArray[np.object_]]
) -> tuple[dict[str, NDArray[Any]], list[Finding]]:
    """Return the rows sorted, and of several with the same key the one of the latest revision."""
    days = np.array([(extract.revision or _NEVER).toordinal() for extract in extracts], dtype=np.int64)
    age = days[joined["file"]]
    key = joined["indicator"]
    for name in ("unit", "stratum", "period"):
        low = int(joined[name].min())
        key = key * (int(joined[name].max()) - low + 1) + joined[name] - low
    order = np.lexsort((joined["file"], age, key))
    key, age = key[order], age[order]
    joined = {name: column[order] for name, column in joined.items()}
    last = np.append(key[1:] != key[:-1], True)
    if last.all():
        return joined, []
    findings = list(_replaced(joined, age, last, extracts, texts))
    return {name: column[last] for name, column in joined.items()}, findings


def _replaced(
    joined: dict[str, NDArray[Any]],
    age: Codes,
    last: NDArray[np.bool_],
    extracts: Sequence[Extract],
    texts: dict[str, NDArray[np.object_]],
) -> Iterable[Finding]:
    """Yield a finding for each value that a later file changed."""
    winners = np.flatnonzero(last)
    winner = winners[np.searchsorted(winners, np.arange(len(last)))]
    losers = np.flatnonzero(~last)
    changed = np.zeros(len(losers), dtype=bool)
    for name in ("value", "numerator", "denominator"):
        one, other = joined[name][losers], joined[name][winner[losers]]
        changed |= ~((one == other) | (np.isnan(one) & np.isnan(other)))
    conflicts = []
    for index in losers[changed]:
        kept = winner[index]
        indicator, unit = texts["indicator"][joined["indicator"][kept]], texts["unit"][joined["unit"][kept]]
        old, new = extracts[int(joined["file"][index])], extracts[int(joined["file"][kept])]
        period = new.layout.calendar.format(int(joined["period"][kept]))
        was, now = (f"{float(joined['value'][place]):.10g}" for place in (index, kept))
        where = f"{indicator}, {unit}, {period}"
        if age[index] == age[kept]:
            conflicts.append(
                f"{where}: {was} in {old.file} row {joined['row'][index]}, "
                f"{now} in {new.file} row {joined['row'][kept]}"
            )
            continue
        said = new.revision.isoformat() if new.revision else ""
        message = f"{where}: {now} of {new.file} (revised {said}) replaces {was} of {old.file}"
        yield Finding(indicator, unit, "revised", period, now, "info", message)
    if conflicts:
        first = conflicts[:_MOST_CONFLICTS]
        if len(conflicts) > len(first):
            first.append(f"… and {len(conflicts) - len(first)} more of this kind")
        raise DataError(first, "the files do not say which is the later revision; import the right one alone")


def _frame(
    joined: dict[str, NDArray[Any]], extracts: Sequence[Extract], texts: dict[str, NDArray[np.object_]]
) -> pd.DataFrame:
    """Return the table; texts stand in it many times, and are looked up by their codes."""
    files = np.array([extract.file for extract in extracts], dtype=object)
    sheets = np.array([extract.sheet for extract in extracts], dtype=object)
    calendar = extracts[0].layout.calendar
    periods, place = np.unique(joined["period"], return_inverse=True)
    labels = np.array([calendar.format(int(ordinal)) for ordinal in periods], dtype=object)
    columns = {
        "indicator": _repeated(texts["indicator"], joined["indicator"]),
        "unit": _repeated(texts["unit"], joined["unit"]),
        "period": _repeated(labels, place),
        "value": joined["value"],
        "numerator": joined["numerator"],
        "denominator": joined["denominator"],
        "stratum": _repeated(texts["stratum"], joined["stratum"]),
        "source_file": _repeated(files, joined["file"]),
        "source_sheet": _repeated(sheets, joined["file"]),
        "source_row": joined["row"],
    }
    return pd.DataFrame(columns)[list(COLUMNS)]


def _repeated(texts: NDArray[np.object_], codes: NDArray[Any]) -> pd.Series[str]:
    import pyarrow as pa  # noqa: PLC0415

    column = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(texts, type=pa.string()))
    return pd.Series(pd.array(column.cast(pa.string()), dtype="str"))


#: Column with file, sheet and row, as text so that it never passes for a variable.
SOURCE = "source"


def characteristics_table(extracts: Sequence[Extract]) -> pd.DataFrame:
    """Return the table, sorted by unit.

    Raises
    ------
    DataError
        When there are several files: characteristics have no period to tell them apart.
    """
    if len(extracts) > 1:
        names = ", ".join(extract.file for extract in extracts)
        raise DataError([f"{len(extracts)} files of characteristics: {names}; expected one"])
    (extract,) = extracts
    origin = f"{extract.file}, sheet {extract.sheet}" if extract.sheet else extract.file
    columns = {
        extract.layout.columns["unit"][0].name: extract.units,
        **extract.numbers,
        SOURCE: [f"{origin}, row {row}" for row in extract.rows],
    }
    table = pd.DataFrame(columns)
    return table.sort_values(table.columns[0], kind="stable").reset_index(drop=True)

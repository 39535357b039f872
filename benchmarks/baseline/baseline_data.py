"""Synthetic data of the corpus: fictional units, the same bytes wherever they are made.

Only the standard library draws numbers here: its generator gives the same ones in every version, while the
two environments that are compared may hold different versions of everything else.
"""

from __future__ import annotations

import csv
import math
import random
from pathlib import Path

UNITS = tuple(f"U{number:02d}" for number in range(1, 15))
#: U01 is complete; U02 has a gap, so that each policy for missing periods has something to decide.
COMPLETE, GAPPY = "U01", "U02"
N_MONTHS, START = 54, 30
#: Periods that are absent, by unit.
GAPS = {"U02": {11}, "U05": {8, 9}, "U09": {40}, "U12": set(range(20, 36))}
STRATA = ("north", "south")
FREQUENCIES = {
    "month": lambda index: f"{2013 + index // 12}-{index % 12 + 1:02d}",
    "quarter": lambda index: f"{2004 + index // 4}Q{index % 4 + 1}",
    "year": lambda index: str(1980 + index),
    # the years 2021 to 2025 have 52 weeks each
    "week": lambda index: f"{2021 + index // 52}-W{index % 52 + 1:02d}",
}
month = FREQUENCIES["month"]


def write_data(folder: Path) -> None:
    """Write every table that the configs of the corpus read."""
    folder.mkdir(parents=True, exist_ok=True)
    _kinds(folder)
    _frequencies(folder)
    _units(folder)
    _strata(folder)
    _beside(folder)
    _peer_table(folder)
    _workshops(folder)
    _wide(folder)
    _long(folder)
    _extremes(folder)
    _many(folder)


def write_rows(path: Path, header: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    """Write a table as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def course(
    name: str, unit: str, count: int = N_MONTHS, start: int = START, per_year: int = 12
) -> list[float]:
    """Return an autocorrelated series around 0 with a season, a common drift and for two units an effect."""
    draw = random.Random(f"{name} {unit}")  # noqa: S311  (data, not secrets)
    common = random.Random(name)  # noqa: S311
    place = int(unit[1:])
    level, trend = draw.gauss(0, 1.5), draw.gauss(0, 0.01)
    values, error, drift = [], 0.0, 0.0
    for index in range(count):
        error = 0.4 * error + draw.gauss(0, 0.8)
        drift = 0.8 * drift + common.gauss(0, 0.3)
        season = math.sin(2 * math.pi * index / per_year) if per_year > 1 else 0.0
        after = max(index - start + 1, 0)
        effect = (1.2 * (after > 0) + 0.06 * after) if place <= 3 else 0.0
        values.append(level + trend * index + season + drift + error + effect)
    return values


def size(name: str, unit: str, index: int) -> int:
    """Return a denominator that varies by unit and period."""
    draw = random.Random(f"{name} size {unit} {index}")  # noqa: S311
    return 150 + 40 * int(unit[1:]) + draw.randrange(60)


def _present(unit: str) -> list[int]:
    return [index for index in range(N_MONTHS) if index not in GAPS.get(unit, ())]


def _kinds(folder: Path) -> None:
    """Write a table for each kind of outcome; the indicator's name is given by the config."""
    percent, rates, counts, small, numbers = [], [], [], [], []
    for unit in UNITS:
        level, events, many, few, plain = (
            course(name, unit) for name in ("percent", "rate", "count", "small", "number")
        )
        for index in _present(unit):
            period = month(index)
            people = size("percent", unit, index)
            share = 1 / (1 + math.exp(-(1.0 + 0.12 * level[index])))
            percent.append((unit, period, round(share * people), people))
            beds = size("rate", unit, index) * 10
            rates.append((unit, period, round(beds * 0.02 * math.exp(0.08 * events[index])), beds))
            counts.append((unit, period, round(80 * math.exp(0.08 * many[index]))))
            exposed = size("small", unit, index)
            draw = random.Random(f"small count {unit} {index}")  # noqa: S311
            rate = exposed * 0.01 * math.exp(0.1 * few[index])
            small.append((unit, period, max(0, round(draw.gauss(rate, math.sqrt(rate)))), exposed))
            numbers.append((unit, period, round(50 + 2 * plain[index], 4)))
    write_rows(folder / "percent.csv", ("unit", "period", "numerator", "denominator"), percent)
    write_rows(folder / "rate.csv", ("unit", "period", "numerator", "denominator"), rates)
    write_rows(folder / "count.csv", ("unit", "period", "value"), counts)
    write_rows(folder / "small.csv", ("unit", "period", "value", "denominator"), small)
    write_rows(folder / "number.csv", ("unit", "period", "value"), numbers)


def _frequencies(folder: Path) -> None:
    """Write a table for each of the other frequencies; the start is where the second part begins."""
    for frequency, count, start, per_year in (
        ("quarter", 48, 28, 4),
        ("year", 36, 20, 1),
        ("week", 130, 70, 52),
    ):
        rows = []
        for unit in UNITS:
            values = course(frequency, unit, count, start, per_year)
            rows += [
                ("level", unit, FREQUENCIES[frequency](index), round(40 + values[index], 4))
                for index in range(count)
                if (unit, index) not in {("U02", 5), ("U06", 3)}
            ]
        write_rows(folder / f"{frequency}.csv", ("indicator", "unit", "period", "value"), rows)


def _units(folder: Path) -> None:
    """Write characteristics, with a missing value, a tie and a category, and facts about the units."""
    draw = random.Random("units")  # noqa: S311
    rows, facts = [], []
    for place, unit in enumerate(UNITS):
        beds, staff = 200 + 35 * place + draw.randrange(90), 900 + 60 * place + draw.randrange(300)
        older, distance = round(draw.uniform(10, 25), 1), round(draw.uniform(1, 60), 1)
        region = ("East", "West", "South")[place % 3]
        rows.append([unit, beds, staff, older, distance, region])
        sort = "community" if place in {5, 10} else "acute"
        facts.append([unit, f"Unit {place + 1} (fictional)", sort, "", "", "", f"sector {place % 2}"])
    rows[7][3] = ""
    rows[8][1:5] = rows[6][1:5]  # two units that are alike
    facts[6][4] = "2016-03"
    facts[12][3] = "2014-02"
    facts[13][4:6] = ["2015-01", "U04"]
    header = ("unit", "Beds", "Staff", "Older people", "Distance", "Region")
    write_rows(folder / "characteristics.csv", header, [tuple(row) for row in rows])
    write_rows(folder / "characteristics_some.csv", header, [tuple(row) for row in rows if row[0] != "U02"])
    header = ("unit", "name", "type", "opened", "closed", "successor")
    write_rows(folder / "mergers.csv", header, [tuple(row[:6]) for row in facts])
    header = ("unit", "name", "type", "sector")
    write_rows(folder / "units.csv", header, [(*row[:3], row[6]) for row in facts])


def _strata(folder: Path) -> None:
    """Write percentages of two strata, a few of them of very few people, and of all together."""
    rows: list[tuple[object, ...]] = []
    for unit in UNITS:
        by_stratum = {stratum: course(f"strata {stratum}", unit) for stratum in STRATA}
        for index in _present(unit):
            whole, yes = 0, 0
            for stratum in STRATA:
                people = size(stratum, unit, index)
                if stratum == "south" and unit == "U03" and index in {4, 33}:
                    people = 7
                share = 1 / (1 + math.exp(-(0.8 + 0.1 * by_stratum[stratum][index])))
                numerator = round(share * people)
                whole, yes = whole + people, yes + numerator
                rows.append(("seen", stratum, unit, month(index), numerator, people))
            rows.append(("seen", "", unit, month(index), yes, whole))
    header = ("indicator", "stratum", "unit", "period", "numerator", "denominator")
    write_rows(folder / "strata.csv", header, rows)


def _beside(folder: Path) -> None:
    """Write outcomes with covariates: five indicators in one table, as studies have them."""
    rows = []
    for unit in UNITS:
        columns = {name: course(name, unit) for name in ("waits", "stays", "flu", "staffing")}
        for index in _present(unit):
            for name, values in columns.items():
                moved = 1.5 * columns["flu"][index] if name == "waits" else 0.0
                value = round(60 + values[index] + moved, 4)
                rows.append((name, unit, month(index), value, size(name, unit, index)))
            rows.append(("flat", unit, month(index), 7 if unit == "U04" else round(9 + values[index], 3), ""))
    weather = course("weather", "U09")
    rows += [("weather", "ALL", month(index), round(weather[index], 3), "") for index in range(N_MONTHS)]
    rows.sort(key=lambda row: (row[0], row[1], row[2]))
    write_rows(folder / "study.csv", ("indicator", "unit", "period", "value", "denominator"), rows)


def _peer_table(folder: Path) -> None:
    """Write characteristics of many ties and gaps, for the search without a config."""
    draw = random.Random("peer table")  # noqa: S311
    rows: list[tuple[object, ...]] = []
    for number in range(1, 31):
        values = [draw.choice((1, 2, 3, 4, "")) for _ in range(4)]
        rows.append((f"P{number:02d}", *values, draw.choice(("red", "green", ""))))
    rows.append(("P31", 2, 2, 2, 2, "red"))
    rows.append(("P32", 2, 2, 2, 2, "red"))
    write_rows(folder / "peer_table.csv", ("unit", "a", "b", "c", "d", "colour"), rows)


def _workshops(folder: Path) -> None:
    """Write projects before and after, with a missing follow-up and a pair without any change."""
    draw = random.Random("workshops")  # noqa: S311
    rows: list[tuple[object, ...]] = []
    for measure, level, better in (
        ("walking", 400.0, "lower"),
        ("sorting", 12.0, "lower"),
        ("held", 4, "higher"),
    ):
        for number in range(1, 13):
            base = round(level * math.exp(draw.gauss(0, 0.4)), 2)
            later = [round(base * math.exp(draw.gauss(-0.3, 0.3)), 2) for _ in range(2)]
            follow = ["" if number == 5 else later[0], base if number == 7 else later[1]]
            unit = UNITS[number % 3]
            rows.append((measure, unit, f"Project {number}", base, *follow, better))
    header = ("measure", "unit", "project", "baseline", "day_30", "day_60", "better")
    write_rows(folder / "workshops.csv", header, rows)
    write_rows(
        folder / "published.csv",
        ("measure", "t", "df"),
        [("walking", 3.21, 14), ("sorting", -0.4, 9), ("held", 2.0, 30)],
    )


def _wide(folder: Path) -> None:
    """Write a table with a column for each unit."""
    columns = {unit: course("wide", unit) for unit in UNITS}
    rows = [
        (month(index), *(round(30 + columns[unit][index], 4) for unit in UNITS)) for index in range(N_MONTHS)
    ]
    write_rows(folder / "wide.csv", ("period", *UNITS), rows)


def _long(folder: Path) -> None:
    """Write series with the four years before the start that placebo dates need."""
    rows: list[tuple[object, ...]] = []
    for unit in UNITS:
        waits, share = (course(name, unit, N_MONTHS + 20, START + 20) for name in ("long", "share"))
        for index in range(-20, N_MONTHS):
            if index in GAPS.get(unit, ()):
                continue
            period, people = month(index), size("share", unit, index)
            rows.append(("waits", unit, period, round(60 + waits[index + 20], 4), ""))
            part = 1 / (1 + math.exp(-(1.0 + 0.12 * share[index + 20])))
            rows.append(("share", unit, period, round(100 * round(part * people) / people, 6), people))
    write_rows(folder / "long.csv", ("indicator", "unit", "period", "value", "denominator"), rows)


def _extremes(folder: Path) -> None:
    """Write counts that vary far more than Poisson, none at all for one unit, and shares close to 100 %."""
    bursts: list[tuple[object, ...]] = []
    shares: list[tuple[object, ...]] = []
    for unit in UNITS:
        level = course("extremes", unit)
        draw = random.Random(f"bursts {unit}")  # noqa: S311
        for index in range(N_MONTHS):
            many = round(20 * draw.gammavariate(2.0, 0.5) * math.exp(0.1 * level[index]))
            bursts.append((unit, month(index), 0 if unit == "U08" else many, size("bursts", unit, index)))
            people = size("extremes", unit, index)
            missed = (
                0 if unit == "U08" else round(people * 0.02 * math.exp(-0.1 * level[index] - 0.02 * index))
            )
            shares.append((unit, month(index), people - missed, people))
    write_rows(folder / "bursts.csv", ("unit", "period", "value", "denominator"), bursts)
    write_rows(folder / "high.csv", ("unit", "period", "numerator", "denominator"), shares)


def _many(folder: Path) -> None:
    """Write so many short series that the batch tabulates what they share."""
    draw = random.Random("many")  # noqa: S311
    rows: list[tuple[object, ...]] = []
    facts: list[tuple[object, ...]] = []
    for number in range(1, 1251):
        unit, error, before = f"M{number:04d}", 0.0, 0.0
        facts.append((unit, draw.randrange(100, 900), draw.randrange(10, 90)))
        for index in range(12, 52):
            error, before = 0.4 * error + 0.2 * before + draw.gauss(0, 1), error
            rows.append(("many", unit, month(index), round(50 + error, 4)))
    write_rows(folder / "many.csv", ("indicator", "unit", "period", "value"), rows)
    write_rows(folder / "many_units.csv", ("unit", "Beds", "Staff"), facts)

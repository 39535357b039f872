"""What a case of the corpus is, and the small sound study that every case breaks in one way."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

UNITS = ("A", "B", "C", "D", "E")
N_MONTHS = 36

CONFIG = """\
version: 1
title: Corpus
data:
  indicators: {path: indicators.csv}
  characteristics: {path: characteristics.csv}
  units: {path: units.csv}
intervention: {name: New rota, date: 2016-07}
treated: [A]
peers: {k: 3}
outcomes:
  - {indicator: waits, kind: percentage}
designs: [single]
estimators: [ols]
"""


def month(index):
    return f"{2015 + index // 12}-{index % 12 + 1:02d}"


def value(unit, index):
    """Return a repeatable percentage without a pattern over time."""
    wave = math.sin(12.9898 * (index + 1) + 78.233 * (ord(unit[0]) + 1)) * 43758.5453 % 2 - 1
    return round(60 + 0.1 * index + wave, 6)


def indicator_rows(units=UNITS, months=N_MONTHS, of=value, denominator=False):
    """Return lines of the indicator table."""
    lines = ["indicator,unit,period,value" + (",denominator" if denominator else "")]
    for unit in units:
        for index in range(months):
            row = f"waits,{unit},{month(index)},{of(unit, index)}"
            lines.append(row + (",200" if denominator else ""))
    return lines


def text_of(lines):
    return "\n".join([*lines, ""])


INDICATORS = text_of(indicator_rows())
CHARACTERISTICS = text_of(
    ["unit,Beds,Age", *(f"{unit},{100 + 7 * place**2},{40 - place}" for place, unit in enumerate(UNITS))]
)
UNIT_NAMES = text_of(["unit,name,type", *(f"{unit},Trust {unit},big" for unit in UNITS)])


@dataclass(frozen=True)
class Case:
    """One broken config or data file.

    Attributes
    ----------
    name : str
        What is wrong.
    code : int
        Exit code that ``its-eval run`` has to end with.
    says : str
        Fragment of what it has to say; on standard error, or for a run that works in the tables.
    config, indicators, characteristics, units : str or bytes or None
        Files that take the place of the sound ones; None for no file.
    more : mapping of str to str or bytes
        Further files.
    links : mapping of str to str
        Links, by what they point to.
    """

    name: str
    code: int
    says: str
    config: str | bytes | None = CONFIG
    indicators: str | bytes | None = INDICATORS
    characteristics: str | bytes | None = CHARACTERISTICS
    units: str | bytes | None = UNIT_NAMES
    more: dict[str, str | bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def files(self):
        """Return the files of the study by name."""
        made = {
            "study.yaml": self.config,
            "indicators.csv": self.indicators,
            "characteristics.csv": self.characteristics,
            "units.csv": self.units,
            **self.more,
        }
        return {name: content for name, content in made.items() if content is not None}


def changed(old, new, text=CONFIG, count=-1):
    """Return a text with a part of it replaced, which has to be in it."""
    assert old in text, old
    return text.replace(old, new, count)


def cell(unit, index, new, lines=None):
    """Return the indicator table with the value of one unit and month replaced."""
    lines = list(indicator_rows() if lines is None else lines)
    start = f"waits,{unit},{month(index)},"
    place = next(number for number, line in enumerate(lines) if line.startswith(start))
    lines[place] = start + new
    return text_of(lines)

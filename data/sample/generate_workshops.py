"""Fictional improvement workshops, measured before and 30, 60 and 90 days after, with the truth known.

``python data/sample/generate_workshops.py`` writes ``workshops.csv`` beside this file, the same bytes every
time. Five fictional trusts held 8 to 14 workshops each. Three things were measured:

- lead time in hours: a workshop truly halves it on average (the factor is lognormal around 0.5), and the
  gain is kept;
- defects per hundred cases: truly down by 20 % after 30 days and by 35 % after 90;
- queue length: nothing was done about it. It is in the file because its first measurement was high: only
  processes whose queue was in the upper part of twice as many were noted. What looks like an improvement is
  regression to the mean.

Some follow-ups were never made, more of them late than early, and two baselines are not known.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SEED = 20150701
TRUSTS = {"SIM07": 11, "SIM18": 8, "SIM41": 14, "SIM47": 9, "SIM52": 10}
DAYS = (30, 60, 90)
HEADER = ("trust", "workshop", "measure", "better", "baseline", *(f"day_{days}" for days in DAYS))
#: True factors by measure: follow-up divided by baseline, at 30, 60 and 90 days.
TRUE_FACTORS = {
    "Lead time (hours)": (0.5, 0.5, 0.5),
    "Defects per 100": (0.8, 0.7, 0.65),
    "Queue length": (1.0, 1.0, 1.0),
}
#: Share of follow-ups that were never made.
LOST = (0.03, 0.08, 0.16)


def simulate(seed: int = SEED, trusts: dict[str, int] | None = None) -> list[tuple[str, ...]]:
    """Return the rows of the table without its header: trust, workshop, measure, better, measurements.

    Parameters
    ----------
    seed : int
        Seed of all random numbers.
    trusts : dict of str to int, optional
        Workshops of each trust; those of the sample by default.
    """
    rng = np.random.default_rng(seed)
    held = TRUSTS if trusts is None else trusts
    names = [
        (trust, f"{trust}-W{number:02d}") for trust, count in held.items() for number in range(1, count + 1)
    ]
    rows: list[tuple[str, ...]] = []
    lead_start = rng.lognormal(np.log(60.0), 0.9, len(names))
    rows += _measured(names, "Lead time (hours)", lead_start, rng, spread=0.35, digits=1)
    defects = rng.gamma(9.0, 2.2, len(names)) + 3.0
    rows += _measured(names, "Defects per 100", defects, rng, spread=0.25, digits=1)
    # the upper half of first measurements that hold as much chance as truth
    level = rng.normal(40.0, 6.0, 2 * len(names))
    first = level + rng.normal(0.0, 6.0, len(level))
    noted = np.sort(np.argsort(-first, kind="stable")[: len(names)])
    later = level[noted] + rng.normal(0.0, 6.0, (len(DAYS), len(names)))
    rows += _rows(names, "Queue length", first[noted], later, rng, 0)
    return _blank_baselines(sorted(rows))


def _measured(
    names: Sequence[tuple[str, str]],
    measure: str,
    start: Array,
    rng: np.random.Generator,
    *,
    spread: float,
    digits: int,
) -> list[tuple[str, ...]]:
    """Return rows of a measure that each workshop changes by a factor of its own."""
    own = np.exp(rng.normal(-0.5 * spread**2, spread, len(start)))
    noise = np.exp(rng.normal(-0.5 * 0.1**2, 0.1, (len(DAYS), len(start))))
    later = np.array(TRUE_FACTORS[measure])[:, None] * own * noise * start
    return _rows(names, measure, start, later, rng, digits)


def _rows(
    names: Sequence[tuple[str, str]],
    measure: str,
    start: Array,
    later: Array,
    rng: np.random.Generator,
    digits: int,
) -> list[tuple[str, ...]]:
    lost = rng.random(later.shape) < np.array(LOST)[:, None]
    return [
        (
            trust,
            workshop,
            measure,
            "lower",
            f"{start[place]:.{digits}f}",
            *(
                "" if gone else f"{value:.{digits}f}"
                for value, gone in zip(later[:, place], lost[:, place], strict=True)
            ),
        )
        for place, (trust, workshop) in enumerate(names)
    ]


def _blank_baselines(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the rows with two baselines of the lead time that nobody wrote down."""
    unknown = {"SIM18-W03", "SIM47-W06"}
    return [
        (*row[:4], "", *row[5:]) if row[1] in unknown and row[2].startswith("Lead") else row for row in rows
    ]


def write(folder: Path) -> None:
    """Write ``workshops.csv`` into a folder."""
    with (folder / "workshops.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(simulate())


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)

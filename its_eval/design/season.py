"""Seasonal terms in sum-to-zero coding, so that the level stays that of an average season."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: ``auto``: dummies from this many periods (methods §0).
DUMMIES_FROM = 60
#: ``auto``: two harmonic pairs from this many periods, one from the next.
TWO_HARMONICS_FROM = 36
ONE_HARMONIC_FROM = 24


SeasonKind = Literal["none", "dummies", "harmonics", "auto"]


@dataclass(frozen=True)
class Season:
    """The seasonal form: ``none``, ``dummies`` or ``harmonics`` with a number of pairs, or ``auto``."""

    kind: SeasonKind = "none"
    pairs: int = 0

    def resolve(self, n_used: int, per_year: int) -> Season:
        """Replace ``auto`` by the form that the number of usable periods asks for."""
        if self.kind != "auto":
            return self
        kind, pairs = automatic_season(n_used, per_year)
        return Season(cast("SeasonKind", kind), pairs)

    @property
    def label(self) -> str:
        """Words for the report."""
        words = {"none": "no season", "dummies": "a term for each season", "auto": "chosen by length"}
        return words.get(self.kind, f"{self.pairs} pair{'s' if self.pairs > 1 else ''} of harmonics")


def seasonal_terms(
    season: Season, positions: Sequence[int], per_year: int, name: str
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return the columns of a resolved season and their names; no column for ``none``.

    The 53rd week of an ISO year shares the term of the 52nd.
    """
    if season.kind == "none":
        return np.empty((len(positions), 0)), ()
    if season.kind == "harmonics":
        return harmonics(positions, per_year, season.pairs)
    return dummies([min(place, per_year - 1) for place in positions], per_year, name)


def automatic_season(n_used: int, per_year: int) -> tuple[str, int]:
    """Return the seasonal form for a series of this length: kind and number of harmonic pairs.

    Decided by the length alone, never by looking at the data (methods §0). Quarterly data use dummies
    from five years on and one pair of harmonics from two; weekly data two pairs from three years on and one
    from two; yearly data have no season.
    """
    if per_year == 1:
        return "none", 0
    if per_year == 4:
        return ("dummies", 0) if n_used >= 20 else ("harmonics", 1) if n_used >= 8 else ("none", 0)
    if per_year == 12 and n_used >= DUMMIES_FROM:
        return "dummies", 0
    months = n_used * 12 / per_year
    if months >= TWO_HARMONICS_FROM:
        return "harmonics", 2
    return ("harmonics", 1) if months >= ONE_HARMONIC_FROM else ("none", 0)


def dummies(
    positions: Sequence[int], per_year: int, name: str
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return sum-to-zero columns, one for each season but the last.

    Parameters
    ----------
    positions : sequence of int
        Place of each period in its year, 0 to ``per_year`` - 1.
    per_year : int
        Seasons in a year.
    name : str
        Prefix of the term names, e.g. ``month``.

    Returns
    -------
    columns : ndarray, shape (n, per_year - 1)
        Column s is 1 in season s, -1 in the last season and 0 else.
    terms : tuple of str
        ``month_1`` is January.
    """
    place = np.asarray(positions)
    columns = (place[:, None] == np.arange(per_year - 1)).astype(np.float64)
    columns[place == per_year - 1] = -1.0
    return columns, tuple(f"{name}_{season + 1}" for season in range(per_year - 1))


def harmonics(
    positions: Sequence[int], per_year: int, pairs: int
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return sine and cosine columns of the first harmonics of the year.

    The sine of the highest frequency, which is zero at every period when ``2 pairs = per_year``, is left
    out. Over whole years each column sums to zero.
    """
    angle = 2.0 * np.pi * np.asarray(positions, dtype=np.float64) / per_year
    columns: list[NDArray[np.float64]] = []
    terms: list[str] = []
    for pair in range(1, pairs + 1):
        if 2 * pair != per_year:
            columns.append(np.sin(pair * angle))
            terms.append(f"season_sin_{pair}")
        columns.append(np.cos(pair * angle))
        terms.append(f"season_cos_{pair}")
    return np.column_stack(columns), tuple(terms)

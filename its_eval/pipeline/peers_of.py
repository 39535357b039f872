"""The nearest units in a table of characteristics that is in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from its_eval.config.data import CharacteristicsTable
from its_eval.config.faults import show
from its_eval.data.attributes import Units, load_characteristics
from its_eval.data.frames import Frames, characteristics_table
from its_eval.data.tables import find_column, nearest
from its_eval.errors import DataError, UsageError
from its_eval.peers.pool import Pool
from its_eval.peers.recipes import recipe_for
from its_eval.peers.scaling import scale_characteristics
from its_eval.peers.select import PEER_COLUMNS, peer_rows, select_all

#: What messages call the table.
_TABLE = CharacteristicsTable(path=Path("c.csv")).model_copy(update={"path": Path("characteristics")})


def peers_of(
    characteristics: pd.DataFrame,
    unit: str | Sequence[str],
    k: int = 10,
    *,
    variables: Sequence[str] | None = None,
    within: str | Sequence[str] = (),
) -> pd.DataFrame:
    """Return the units nearest in some characteristics, as ``its-eval peers --format csv`` lists them.

    Parameters
    ----------
    characteristics : DataFrame
        A row per unit, its code in the index or in a column ``unit``.
    unit : str or sequence of str
        For whom.
    k : int
        How many.
    variables : sequence of str, optional
        The columns compared, in standard deviations; all that are numeric throughout when left out. A column
        of texts that is named counts as a category.
    within : str or sequence of str
        Columns on which a peer must agree, e.g. ``type``; compared only where `variables` names them.

    Returns
    -------
    DataFrame
        Columns unit, rank (1 for the nearest), peer, distance.

    Raises
    ------
    DataError
        For a table, column or code that is not there.

    Examples
    --------
    >>> trusts = pd.DataFrame({"beds": [500, 520, 900, 480], "type": list("aaba")}, index=list("PQRS"))
    >>> peers_of(trusts, "P", 2, within="type")
      unit  rank peer  distance
    0    P     1    Q  0.099668
    1    P     2    S  0.099668
    """
    codes, asked = _names("unit", unit), _names("within", within)
    compared = None if variables is None else _names("variables", variables)
    if compared == ():
        raise UsageError("variables (): expected at least one column, or none at all for every numeric one")
    path = _TABLE.path
    frame, table = characteristics_table(characteristics, _TABLE, "unit")
    frames = Frames({path: frame})
    column = find_column(frame.columns, table.columns.get("unit", "unit"), str(path))
    agree = tuple(find_column(frame.columns, name, str(path)) for name in asked)
    recipe = recipe_for(None, compared, {}, "available", "zscore", "euclidean", ())
    if variables is None:
        frames = Frames({path: frame.drop(columns=list(agree))})
    wanted = None if recipe.weights is None else list(recipe.weights)
    scaled = scale_characteristics(load_characteristics(path, column, wanted, frames.read), recipe, str(path))
    problems = [
        f"unit: {code!r} is not in the table; {nearest(code, sorted(scaled.units))}"
        for code in codes
        if code not in scaled.places
    ]
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        problems.append(f"k: {k!r}; expected a whole number of at least 1")
    if problems:
        raise DataError(problems)
    texts = {name: dict(zip(scaled.units, frame[name].astype(str), strict=True)) for name in agree}
    found = select_all(codes, scaled, k, Pool({}, agree, Units({}, texts)))
    return pd.DataFrame(list(peer_rows(found)), columns=list(PEER_COLUMNS))


def _names(option: str, value: str | Sequence[str]) -> tuple[str, ...]:
    """Return one name or several as several."""
    if not isinstance(value, Iterable):
        raise UsageError(f"{option} {show(value)}: expected a name, or several in a list")
    return (value,) if isinstance(value, str) else tuple(str(name) for name in value)

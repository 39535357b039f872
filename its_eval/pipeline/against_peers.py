"""Series in memory compared with others of the same frame: the config of `fit` with peers, evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from its_eval.data.tables import nearest
from its_eval.errors import DataError
from its_eval.pipeline.run import evaluate

if TYPE_CHECKING:
    import pandas as pd

    from its_eval.evaluation import Evaluation

#: In place of a list of peers: those nearest in characteristics, or in the outcome before the start.
NEAREST = "nearest"


def listed(codes: object, name: str, problems: list[str]) -> list[str]:
    """Return one code or several as a list, and add to the problems what is neither."""
    if isinstance(codes, Sequence) and not isinstance(codes, str | bytes):
        found = [str(code) for code in codes]
        problems += [
            f"{name}: {code!r} stands twice; expected it once"
            for place, code in enumerate(found)
            if found.index(code) < place
        ]
        return found
    if isinstance(codes, str | int):
        return [str(codes)]
    problems.append(f"{name}: a {type(codes).__name__}; expected the name of a column, or a list of names")
    return []


def against_peers(
    frame: pd.DataFrame,
    settings: Mapping[str, Any],
    treated: str | Sequence[str],
    peers: str | Sequence[str] | None,
    characteristics: pd.DataFrame | None,
    k: int | str,
) -> Evaluation:
    """Evaluate some columns of a frame with the others as their peers and placebos.

    Parameters
    ----------
    frame : DataFrame
        A series in each column, by period.
    settings : mapping
        What the config says besides: intervention, frequency, estimators and so on.
    treated : str or sequence of str
        The treated columns.
    peers : str or sequence of str or None
        The columns to compare with, or `NEAREST`; None for all the others.
    characteristics : DataFrame or None
        What units are like, for the nearest; None to match level and trend before the start.
    k : int or "all"
        How many are nearest.

    Raises
    ------
    DataError
        For a column that is not there, and as `evaluate`.
    """
    names = [str(name) for name in frame.columns.tolist()]
    problems: list[str] = []
    units = listed(treated, "treated", problems)
    chosen = [] if peers is None or peers == NEAREST else listed(peers, "peers", problems)
    problems += [
        f"{name}: the data have no column {code!r}; {nearest(code, [*names, *words])}"
        for name, codes, words in (("treated", units, ()), ("peers", chosen, (NEAREST,)))
        for code in codes
        if code not in names
    ]
    problems += [
        f"peers: {code!r} is treated; expected columns that are not" for code in chosen if code in units
    ]
    if characteristics is not None and peers != NEAREST:
        problems.append(f"characteristics: they choose peers; expected peers={NEAREST!r} beside them")
    if k != "all" and (isinstance(k, bool) or not isinstance(k, int) or k < 1):
        problems.append(f"k: {k!r}; expected a whole number of at least 1, or 'all'")
    if not set(names) - set(units):
        problems.append("treated: every column is treated; expected others to compare with")
    if problems:
        raise DataError(problems, "expected a DataFrame with a column for each unit, treated or not")
    how: dict[str, Any] = {"k": "all"}
    if chosen:
        # whoever is in the frame is a donor of placebos, peer or not
        how["given"] = dict.fromkeys(units, chosen)
    elif peers == NEAREST:
        how = {"k": k, "match": "pre_period" if characteristics is None else "characteristics"}
    title = (
        f"{', '.join(units)} and {'the nearest' if peers == NEAREST else ', '.join(chosen) or 'all others'}"
    )
    config = {"version": 1, "title": title, "treated": units, "peers": how, **settings}
    return evaluate(config, indicators=frame, characteristics=characteristics)

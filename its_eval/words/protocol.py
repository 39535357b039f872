"""What is said of a run that was held to a protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from its_eval.columns import DEVIATION, DEVIATIONS, NO_REASON
from its_eval.words.labels import check_words
from its_eval.words.numbers import counted

if TYPE_CHECKING:
    import pandas as pd

    from its_eval.evaluation import Evaluation

#: So many deviations are named in a line.
_NAMED = 3


def conduct_of(evaluation: Evaluation) -> Mapping[str, Any] | None:
    """Return how a run was held to a protocol; None of a run that was not."""
    found: Mapping[str, Any] | None = evaluation.conduct.get("protocol")
    return found


def protocol_line(evaluation: Evaluation) -> str:
    """Return in one line whether a run kept to its protocol; blank without one."""
    if conduct_of(evaluation) is None:
        return ""
    table = evaluation.tables[DEVIATIONS]
    real = table[table["severity"].eq(DEVIATION)]
    if real.empty:
        return f"Protocol: kept{_replaced(table)}."
    named = [_named(item, reason) for item, reason in zip(real["item"], real["reason"], strict=True)]
    more = f"; and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return (
        f"Protocol: {counted(len(real), 'deviation')}: {'; '.join(named[:_NAMED])}{more}{_replaced(table)}."
    )


def _named(item: str, reason: str) -> str:
    return f"{item} ({reason if reason == NO_REASON else 'reason given'})"


def _replaced(table: pd.DataFrame) -> str:
    """Return how many peers were replaced as the protocol says."""
    count = table.loc[table["severity"].ne(DEVIATION), "planned"].nunique()
    return f"; {counted(count, 'peer')} replaced by its rule" if count else ""


def protocol_sentences(evaluation: Evaluation) -> list[str]:
    """Return what is said of a run and its protocol, the answer first; nothing without a protocol."""
    conduct = conduct_of(evaluation)
    if conduct is None:
        return []
    table = evaluation.tables[DEVIATIONS]
    said = departures_sentences(evaluation) or ["This run kept to its protocol: no deviation was found."]
    real = table[table["severity"].eq(DEVIATION)]
    if len(real) < len(table):
        replaced = ", ".join(sorted(set(table.loc[table["severity"].ne(DEVIATION), "planned"])))
        said.append(f"Replaced by the next peer in order, as planned, for want of later data: {replaced}.")
    return [*said, _dated(conduct), *_required(conduct)]


def departures_sentences(evaluation: Evaluation) -> list[str]:
    """Return in how many points a run departs from its protocol; nothing of one that kept to it."""
    table = evaluation.tables.get(DEVIATIONS)
    real = None if table is None else table[table["severity"].eq(DEVIATION)]
    if real is None or real.empty:
        return []
    bare = int(real["reason"].eq(NO_REASON).sum())
    if not bare:
        reasons = "with a reason" if len(real) == 1 else "each with a reason"
    else:
        reasons = (
            "without a reason"
            if bare == len(real)
            else f"{counted(bare, 'of them', 'of them')} without a reason"
        )
    return [f"This run departs from its protocol in {counted(len(real), 'point')}, {reasons}."]


def _dated(conduct: Mapping[str, Any]) -> str:
    """Return who can confirm when the protocol was written."""
    registered = conduct.get("registered") or {}
    where, when = (str(registered.get(key) or "") for key in ("where", "when"))
    checked = " Its digest is the one that was deposited." if conduct.get("deposited") else ""
    if not where and not when:
        return f"The protocol was sealed by its author only; nobody else can confirm the date.{checked}"
    parts = " ".join(filter(None, [where and f"at {where}", when and f"on {when}"]))
    return f"The protocol was registered {parts}, as its authors say.{checked}"


def _required(conduct: Mapping[str, Any]) -> list[str]:
    names = [check_words(name) for name in conduct.get("must_pass") or ()]
    if not names:
        return []
    return [f"It requires these checks of every unit that is to have an answer: {', '.join(names)}."]

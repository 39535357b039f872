"""What is said of a run that was held to a protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from its_eval.evaluation import DEVIATION, DEVIATIONS, NO_REASON
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
    real = table[table["severity"].eq(DEVIATION)]
    bare = int(real["reason"].eq(NO_REASON).sum())
    said = ["This run kept to its protocol: no deviation was found."]
    if len(real):
        said = [f"This run departs from its protocol in {counted(len(real), 'point')}."]
        if bare:
            said.append(
                f"For {bare} of them no reason was given." if len(real) > 1 else "No reason was given."
            )
    if len(real) < len(table):
        replaced = counted(len(table) - len(real), "peer")
        said.append(f"Replaced by the next in order, as planned, since they later lacked data: {replaced}.")
    return [*said, _dated(conduct), *_required(conduct)]


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

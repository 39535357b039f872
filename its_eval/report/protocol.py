"""The section about the protocol: whether the run kept to it, and every deviation with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.columns import DEVIATION, DEVIATIONS
from its_eval.evaluation import records
from its_eval.report.blocks import Bullets, Cell, Code, Section, Sentence, Table, plain, text_cell
from its_eval.report.cells import columns
from its_eval.words.protocol import conduct_of, protocol_sentences

if TYPE_CHECKING:
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource


def protocol(source: ReportSource) -> tuple[Section, ...]:
    """Return whether the run kept to its protocol; without blocks for a run that was held to none."""
    return (Section("protocol", "Kept to the protocol?", _blocks(source)),)


def _blocks(source: ReportSource) -> list[Block]:
    conduct = conduct_of(source.evaluation)
    if conduct is None:
        return []
    sentences = [plain(said) for said in protocol_sentences(source.evaluation)]
    digest = Sentence(("Digest of the protocol (SHA-256): ", Code(str(conduct["digest"])), "."))
    rows = [
        [
            Cell((Code(str(row["item"])),), sort=str(row["item"])),
            *(text_cell(row[name]) for name in ("planned", "actual", "reason")),
        ]
        for _, row in sorted(
            records(source.evaluation.tables[DEVIATIONS]),
            key=lambda entry: (entry[1]["severity"] != DEVIATION, entry[0]),
        )
    ]
    table = Table(
        "table-deviations",
        "What differs from the protocol",
        columns("Item", "Planned", "Actual", "Reason"),
        rows,
    )
    return [Bullets([*sentences, digest]), *([table] if rows else [])]

"""How the answer depends on choices: other estimators, and every alternative that was tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.report.blocks import Bullets, Folded, Heading, Section, Sentence, Table, plain, text_cell
from its_eval.report.comparisons import compared_with
from its_eval.report.figures.specification import dimension_words
from its_eval.report.figures.specification_data import PRIMARY, specification_curve_data
from its_eval.report.figures.words import specification_sentences
from its_eval.report.narrative import estimand_words
from its_eval.report.sections.cells import columns, estimate_cell, not_asked, p_cell, records, shortened
from its_eval.report.sections.pictures import folded_pictures
from its_eval.report.source import anchor, in_order_of_designs, preferred_scale

if TYPE_CHECKING:
    import pandas as pd

    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource

#: What an estimator is, in words.
ESTIMATOR_WORDS = {
    "reml_ar": "REML with autoregressive errors",
    "reml_ar_noise": "REML with autoregressive errors and noise",
    "ols": "least squares, periods taken as independent",
    "newey_west": "least squares with Newey–West standard errors",
    "prais_winsten": "Prais–Winsten",
    "arima": "ARIMA errors, maximum likelihood",
    "poisson": "Poisson regression",
    "quasi_poisson": "quasi-Poisson regression",
    "negative_binomial": "negative binomial regression",
    "binomial": "logistic regression",
    "quasi_binomial": "quasi-binomial regression",
}


def choices(source: ReportSource) -> Section:
    """Return the primary estimand by every estimator and under every choice tried."""
    blocks: list[Block] = []
    for outcome in source.outcomes:
        own = [*_estimators(source, outcome), *_alternatives(source, outcome)]
        if own:
            blocks += [Heading(source.label(outcome), ident=anchor("choices", outcome)), *own]
    if source.table("sensitivity").empty:
        blocks.append(not_asked(source, "sensitivity"))
    return Section("choices", "How the answer depends on choices", blocks)


def _estimators(source: ReportSource, outcome: str) -> list[Block]:
    about = source.about(outcome)
    rows = source.rows("effects", outcome)
    rows = rows[(rows["estimand"] == source.primary) & preferred_scale(rows)]
    if not rows["role"].eq("sensitivity").any():
        return []
    lines = []
    for place, row in records(in_order_of_designs(rows, "unit")):
        estimator = str(row["estimator"])
        role = " (the answer)" if row["role"] == "primary" else ""
        lines.append(
            [
                text_cell(source.unit_name(str(row["unit"]))),
                text_cell(compared_with(str(row["design"]))),
                text_cell(f"{estimator}{role}"),
                estimate_cell("effects", place, row),
                p_cell("effects", place, row, "p_value"),
            ]
        )
    what = estimand_words(source.primary, about)
    titles = columns("Unit", "Compared with", "Estimator", "Estimate#", "p#")
    caption = f"{about['label']}: {what} by every estimator, the first being the answer"
    table = Table(anchor("table-estimators", outcome), caption, titles, lines)
    too_narrow = (
        "Newey–West and least squares stand here to compare with older reports: where periods resemble their "
        "neighbours their intervals are too narrow."
    )
    named = set(rows["estimator"]) & {"newey_west", "ols"}
    words = [plain(too_narrow, "quiet")] if named else []
    return [Folded(f"By every estimator: {what}", [*words, table])]


def _alternatives(source: ReportSource, outcome: str) -> list[Block]:
    rows = source.rows("sensitivity", outcome)
    if rows.empty:
        return []
    about, scale = source.about(outcome), source.scale(outcome)
    shown, more = shortened(rows.assign(scale=scale), "sensitivity")
    lines = [
        [
            text_cell(str(row["unit"])),
            text_cell(compared_with(str(row["design"]))),
            text_cell(dimension_words(str(row["dimension"]))),
            text_cell(str(row["choice"])),
            text_cell(estimand_words(str(row["estimand"]), about)),
            estimate_cell("sensitivity", place, row),
            p_cell("sensitivity", place, row, "p_value"),
        ]
        for place, row in records(shown)
    ]
    titles = columns("Unit", "Compared with", "What was changed", "To", "Quantity", "Estimate#", "p#")
    caption = f"{about['label']}: estimates under other choices.{more}"
    table = Table(anchor("table-choices", outcome), caption, titles, lines)
    return [
        Bullets(_agreement(source, outcome, rows)),
        *folded_pictures(source, "choices", outcome, "Every choice, in figures"),
        Folded("Every choice, in numbers", [table]),
    ]


def _agreement(source: ReportSource, outcome: str, rows: pd.DataFrame) -> list[Sentence]:
    """Return, per unit and design, how many alternatives point the same way: a count, not a test."""
    ratio = source.scale(outcome) == "ratio"
    others = rows[(rows["dimension"] != PRIMARY) & (rows["estimand"] == source.primary)]
    found = []
    for unit, design in in_order_of_designs(others, "unit")[["unit", "design"]].drop_duplicates().to_numpy():
        # the same numbers as in the figure, so that both say the same
        frame = specification_curve_data(source.evaluation, outcome, unit, design)
        said = " ".join(specification_sentences(frame, ratio=ratio))
        found.append(plain(f"{source.unit_name(unit)}, compared with {compared_with(design)}: {said}"))
    return found

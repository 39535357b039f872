"""The chapter of checks: what was checked, and how the answer depends on choices."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from its_eval.columns import THE_SET
from its_eval.evaluation import in_order_of_designs, records
from its_eval.figures.catalogue import FigureTask, figure_data
from its_eval.figures.specification_curve import (
    PRIMARY,
    SPECIFICATION_CURVE,
    dimension_words,
    specification_sentences,
)
from its_eval.report.blocks import Bullets, Folded, Heading, Section, Sentence, Table, plain
from its_eval.report.cells import (
    COMPARED,
    MESSAGE,
    estimate,
    folded_pictures,
    not_asked,
    p_value,
    picture,
    shortened,
    table_of,
    text,
    told,
    value,
    who,
)
from its_eval.report.source import anchor, preferred_scale
from its_eval.words.labels import check_words, compared_with, estimand_words
from its_eval.words.numbers import plural
from its_eval.words.sentences import control_sentences, data_sentences, warning_sentences

if TYPE_CHECKING:
    import pandas as pd

    from its_eval.evaluation import Row
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource


#: A status in words; never a colour alone.
STATUS_WORDS = {
    "attention": "needs attention",
    "note": "a note",
    "pass": "nothing found",
    "not_applicable": "does not apply",
}
#: Checks that tell of the effect or describe the series, whatever they find: nothing can be wrong.
TELLING = frozenset(
    {
        *(
            "placebo_units",
            "joint_placebo",
            "crawford_howell",
            "joint_change",
            "equivalence",
        ),
        *("peer_overlap", "specification_curve", "durbin_watson", "breusch_godfrey"),
    }
)
TOLD = "for information"
#: Checks of residuals: their figure shows what they found.
RESIDUAL_CHECKS = frozenset(
    {
        *("ljung_box", "seasonal_autocorrelation", "heteroscedasticity", "arch", "variance_ratio"),
        *("normality", "outliers", "persistence"),
    }
)


_WHOSE = told(lambda row: row["unit"] or "all together")
_CHECK = told(lambda row: check_words(row["check"]))


def checks(source: ReportSource) -> tuple[Section, ...]:
    """Return what was checked, and how the answer depends on choices."""
    return _checks(source), _choices(source)


def _checks(source: ReportSource) -> Section:
    """Return what needs attention, then every check with its result."""
    table = source.table("checks")
    alarming = table[table["status"] == "attention"]
    warnings = _warnings(source)
    blocks: list[Block] = [Heading("What needs attention", ident="attention")]
    blocks += [Bullets(warnings)] if warnings else []
    for outcome in source.outcomes:
        rows = alarming[alarming["outcome"] == outcome]
        if len(rows):
            blocks.append(_alarms(source, outcome, rows))
    if len(blocks) == 1:
        blocks.append(plain("Nothing asks for attention beyond what stands beside each estimate."))
    blocks.append(Heading("What was checked", ident="checked"))
    if table.empty:
        blocks.append(not_asked(source, "checks", "diagnostics"))
    else:
        blocks.append(plain(_counted(table)))
    for outcome in source.outcomes:
        rows = source.rows("checks", outcome)
        if len(rows):
            title = f"{source.label(outcome)}: all {len(rows)} checks"
            blocks.append(Folded(title, [_results(source, outcome, rows)]))
        blocks += _residual_figures(source, outcome)
        blocks += control_blocks(source, outcome)
    return Section("checks", "What was checked, and what needs attention", blocks)


_SERIES = {"control": "the control itself", "difference": "the outcome minus the control"}


def control_blocks(source: ReportSource, outcome: str) -> list[Block]:
    """Return what became of the control outcomes, and of the outcome without what it shares with them."""
    rows = source.rows("controls", outcome)
    if rows.empty:
        return []
    labels = {name: source.label(name) for name in source.outcomes}
    meaning = (
        "A control outcome should not have changed. What reached it and the outcome alike, in proportion to "
        "how much each varied before the start, is not in the outcome minus the control."
    )
    makers = {
        "Unit": told(lambda row: "all together" if row["unit"] == THE_SET else source.unit_name(row["unit"])),
        "Compared with": COMPARED,
        "Control": told(lambda row: labels.get(row["control"], row["control"])),
        "Series": told(lambda row: _SERIES[row["series"]]),
        "Quantity": told(lambda row: estimand_words(row["estimand"], source.about(outcome))),
        "Estimate#": estimate("controls"),
        "p#": p_value("controls"),
    }
    caption = f"{source.label(outcome)}: control outcomes, each with p-values of its own"
    shown, more = shortened(rows, "controls")
    table = table_of(shown, anchor("table-controls", outcome), f"{caption}.{more}", makers)
    words = [plain(said) for said in control_sentences(source.evaluation, outcome, _last_design(rows))]
    return [Heading(f"{source.label(outcome)}: control outcomes"), plain(meaning), Bullets(words), table]


def _last_design(rows: pd.DataFrame) -> str:
    """Return the comparison with others where there is one."""
    return str(in_order_of_designs(rows, "unit")["design"].iloc[-1])


def _residual_figures(source: ReportSource, outcome: str) -> list[Block]:
    """Return the residuals of the series that a check asks attention for; the others stay in their files."""
    rows = source.rows("checks", outcome)
    alarming = rows[(rows["status"] == "attention") & rows["check"].isin(RESIDUAL_CHECKS)]
    wanted = set(alarming[["unit", "design"]].itertuples(index=False, name=None))
    every = [
        figure for unit in source.units(outcome) for figure in source.figures_of("residuals", outcome, unit)
    ]
    drawn = [picture(source, figure) for figure in every if (figure.task.unit, figure.task.design) in wanted]
    if not drawn:
        return []
    words = f"Shown: the {len(drawn)} of {len(every)} series with a residual check that asks for attention."
    rest = plain(f"{words} The folder figures beside this report has all.", "quiet")
    return [Folded(f"{source.label(outcome)}: residuals, in figures", [rest, *drawn])]


def _warnings(source: ReportSource) -> list[Sentence]:
    """Return notes of the run, warnings of fits, and faults in the data."""
    found = [
        words
        for outcome in source.outcomes
        for words in warning_sentences(source.evaluation, outcome, source.label(outcome))
    ]
    warnings = [plain(words, "attention") for words in (*found, *data_sentences(source.evaluation))]
    return [*map(plain, source.evaluation.notes), *warnings]


def _alarms(source: ReportSource, outcome: str, rows: pd.DataFrame) -> Table:
    shown, more = shortened(rows, "checks")
    ask = "asks" if len(rows) == 1 else "ask"
    caption = f"{source.label(outcome)}: {plural(len(rows), 'check')} that {ask} for attention.{more}"
    makers = {"Unit": _WHOSE, "In words": MESSAGE, "Compared with": COMPARED, "Check": _CHECK}
    return table_of(shown, anchor("table-attention", outcome), caption, makers)


def _counted(table: pd.DataFrame) -> str:
    told = {
        "needs attention": ("asks for attention", "ask for attention"),
        "a note": (
            "is a note, as one in so many shows by chance",
            "are notes, as some of so many show by chance",
        ),
        "nothing found": ("found nothing", "found nothing"),
        TOLD: ("informs", "inform"),
        "does not apply": ("does not apply", "do not apply"),
    }
    counts = Counter(_result(row) for _, row in records(table))
    words = [
        f"{counts[status]} {one if counts[status] == 1 else many}"
        for status, (one, many) in told.items()
        if status in counts
    ]
    return f"Of {plural(len(table), 'check')} {', '.join(words)}."


def _result(row: Row) -> str:
    """Return the result of a check in words."""
    status = str(row["status"])
    if status == "pass" and row["check"] in TELLING:
        return TOLD
    return STATUS_WORDS.get(status, status)


def _results(source: ReportSource, outcome: str, rows: pd.DataFrame) -> Table:
    order = {status: place for place, status in enumerate(STATUS_WORDS)}
    urgent_first = rows.sort_values(
        ["status", "unit", "design", "check"],
        key=lambda column: column.map(order) if column.name == "status" else column,
        kind="stable",
    )
    shown, more = shortened(urgent_first, "checks")
    makers = {
        "Unit": _WHOSE,
        "Compared with": COMPARED,
        "Check": _CHECK,
        "Result": told(_result),
        "Statistic#": value("checks", "statistic"),
        "p#": p_value("checks"),
        "In words": MESSAGE,
    }
    caption = f"{source.label(outcome)}: checks.{more}"
    return table_of(shown, anchor("table-checks", outcome), caption, makers)


def _choices(source: ReportSource) -> Section:
    """Return the primary estimand by every estimator and under every choice tried."""
    blocks: list[Block] = []
    for outcome in source.outcomes:
        own = [*_estimators(source, outcome), *_alternatives(source, outcome), *_errors(source, outcome)]
        if own:
            blocks += [Heading(source.label(outcome), ident=anchor("choices", outcome)), *own]
    if source.table("sensitivity").empty:
        blocks.append(not_asked(source, "sensitivity"))
    return Section("choices", "How the answer depends on choices", blocks)


def _estimators(source: ReportSource, outcome: str) -> list[Block]:
    about = source.about(outcome)
    rows = source.rows("effects", outcome)
    shown = source.shown_estimand(outcome)
    rows = rows[(rows["estimand"] == shown) & preferred_scale(rows)]
    if not rows["role"].eq("sensitivity").any():
        return []
    what = estimand_words(shown, about)
    caption = f"{about['label']}: {what} by every estimator, the first being the answer"
    makers = who(source) | {
        "Estimator": told(
            lambda row: f"{row['estimator']}{' (the answer)' if row['role'] == 'primary' else ''}"
        ),
        "Estimate#": estimate("effects"),
        "p#": p_value("effects"),
    }
    ordered = in_order_of_designs(rows, "unit")
    table = table_of(ordered, anchor("table-estimators", outcome), caption, makers)
    too_narrow = (
        "Newey–West and least squares stand here to compare with older reports: where periods resemble their "
        "neighbours their intervals are too narrow."
    )
    named = set(rows["estimator"]) & {"newey_west", "ols"}
    words = [plain(too_narrow, "quiet")] if named else []
    return [Folded(f"By every estimator: {what}", [*words, table])]


def _errors(source: ReportSource, outcome: str) -> list[Block]:
    """Return the coefficients of error processes, and whether the data chose their order."""
    rows = source.rows("error_model", outcome)
    if rows.empty:
        return []
    shown, more = shortened(rows, "error_model")
    caption = f"{source.label(outcome)}: how neighbouring periods depend on each other, by estimator"
    makers = who(source) | {
        "Estimator": text("estimator"),
        "Process": text("process"),
        "Order chosen by": told(lambda row: "the data" if row["chosen_by"] == "data" else "the settings"),
        "Coefficient": told(lambda row: row["term"].replace("_", " ")),
        "Estimate#": value("error_model", "estimate", 3),
        "Standard error#": value("error_model", "std_error", 3),
    }
    table = table_of(shown, anchor("table-errors", outcome), f"{caption}.{more}", makers)
    return [Folded("The error models, in numbers", [table])]


def _alternatives(source: ReportSource, outcome: str) -> list[Block]:
    rows = source.rows("sensitivity", outcome)
    if rows.empty:
        return []
    about, scale = source.about(outcome), source.scale(outcome)
    shown, more = shortened(rows.assign(scale=scale), "sensitivity")
    caption = f"{about['label']}: estimates under other choices.{more}"
    makers = {
        "Unit": text("unit"),
        "Compared with": COMPARED,
        "What was changed": told(lambda row: dimension_words(row["dimension"])),
        "To": text("choice"),
        "Quantity": told(lambda row: estimand_words(row["estimand"], about)),
        "Estimate#": estimate("sensitivity"),
        "p#": p_value("sensitivity"),
    }
    table = table_of(shown, anchor("table-choices", outcome), caption, makers)
    return [
        Bullets(_agreement(source, outcome, rows)),
        *folded_pictures(source, "choices", outcome, "Every choice, in figures"),
        Folded("Every choice, in numbers", [table]),
    ]


def _agreement(source: ReportSource, outcome: str, rows: pd.DataFrame) -> list[Sentence]:
    """Return, per unit and design, how many alternatives point the same way: a count, not a test."""
    ratio = source.scale(outcome) == "ratio"
    others = rows[(rows["dimension"] != PRIMARY) & (rows["estimand"] == source.shown_estimand(outcome))]
    found = []
    for unit, design in in_order_of_designs(others, "unit")[["unit", "design"]].drop_duplicates().to_numpy():
        # the same numbers as in the figure, so that both say the same
        task = FigureTask(SPECIFICATION_CURVE.name, outcome, unit, design)
        frame = figure_data(source.evaluation, task)
        said = " ".join(specification_sentences(frame, ratio=ratio))
        found.append(plain(f"{source.unit_name(unit)}, compared with {compared_with(design)}: {said}"))
    return found

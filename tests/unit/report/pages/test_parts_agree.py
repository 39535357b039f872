"""One fact, one number and one wording, in whatever part of a report it is told."""

import re
from dataclasses import replace
from itertools import product

from its_eval.columns import make_table
from its_eval.figures.catalogue import FigureTask, figure_data
from its_eval.figures.specification_curve import specification_sentences
from its_eval.report.checklists import items_of
from its_eval.report.checks import checks
from its_eval.report.method import method
from its_eval.report.peers import peers
from its_eval.report.source import ReportSource, with_every_table
from its_eval.words.labels import compared_with

#: How many other choices there are by design.
DESIGNS = {"single": 5, "difference": 8}


def source_of(run, settings=None, **tables):
    evaluation = replace(run.evaluation, tables={**run.evaluation.tables, **tables})
    return ReportSource(with_every_table(evaluation), {**run.settings, **(settings or {})})


def section(chapter, ident, source):
    """Return one section of a chapter."""
    return next(made for made in chapter(source) if made.ident == ident)


def told(section):
    """All words of a section, a sentence or a row of a table to a line."""
    lines, blocks = [], list(section.blocks)
    while blocks:
        block = blocks.pop(0)
        blocks[:0] = getattr(block, "blocks", ())
        if block.kind == "table":
            lines += [" | ".join("".join(map(as_text, cell.parts)) for cell in row) for row in block.rows]
        for sentence in (block,) if block.kind == "sentence" else getattr(block, "items", ()):
            lines.append("".join(map(as_text, sentence.parts)))
    return lines


def as_text(part):
    return part if isinstance(part, str) else part.text


def test_the_choices_are_counted_as_in_their_figure(run):
    source = source_of(run)
    lines = [line for line in told(section(checks, "choices", source)) if "point the same way" in line]
    # another estimator and the four that stand beside every answer; with peers, each of three left out too
    series = [
        (*key, *design) for key in product(("waits", "seen"), ("A1", "A2")) for design in DESIGNS.items()
    ]
    for (outcome, unit, design, others), line in zip(series, lines, strict=True):
        frame = figure_data(run.evaluation, FigureTask("specification_curve", outcome, unit, design))
        assert line.endswith(": " + " ".join(specification_sentences(frame, ratio=False)))
        assert line.startswith(f"{source.unit_name(unit)}, compared with {compared_with(design)}: ")
        # the answer itself is none of the choices
        assert f" of {(~frame['primary']).sum()} others point" in line
        assert (~frame["primary"]).sum() == others


def test_dependence_between_periods_is_the_same_in_assumptions_and_checklist(run):
    # the other estimators have correlations of their own, which are not those of the answer
    fits = run.evaluation.tables["fits"].copy()
    answers = fits["estimator"] == "reml_ar"
    fits["rho1"] = [0.1 + 0.01 * place if answer else 0.9 for place, answer in enumerate(answers)]
    fits.loc[~answers, "flags"] = "near_unit_root"
    source = source_of(run, fits=fits)
    found = fits.loc[answers, "rho1"]
    span = f"estimated first autocorrelations: {found.min():.2f} to {found.max():.2f}."
    assert any(span in line.casefold() for line in told(section(method, "assumptions", source)))
    items = {item.key: item.facts for item in items_of(source, "reporting")}
    assert span in items["autocorrelation"]
    assert not any(
        "drift like a random walk" in line for line in told(section(method, "assumptions", source))
    )


def test_the_season_is_named_alike_everywhere(run):
    fits = run.evaluation.tables["fits"].assign(season="a term for each season")
    source = source_of(run, fits=fits)
    words = "a term for each calendar month"
    assert any(line.endswith(f" | {words}") for line in told(section(peers, "data", source)))
    assert words in {item.key: item.facts for item in items_of(source, "reporting")}["season"]


def test_peers_that_are_all_given_are_not_said_to_be_searched(run):
    given = {"A1": ["B1"], "A2": ["B2"]}
    text = "\n".join(
        told(section(method, "methods", source_of(run, {"peers": {**run.settings["peers"], "given": given}})))
    )
    assert "Peers of A2 are given: B2." in text
    assert "nearest eligible units" not in text


def test_a_warning_is_given_once_with_all_its_units(run):
    fits = run.evaluation.tables["fits"].copy()
    fits["flags"] = ["near_unit_root" if outcome == "waits" else "" for outcome in fits["outcome"]]
    lines = told(section(checks, "checks", source_of(run, fits=fits)))
    drifts = "uncertain: the series drifts, so its own history says little about its trend."
    assert [line for line in lines if drifts in line] == [
        f"Waits, A1, A2 compared with their own earlier trend: {drifts}",
        f"Waits, A1, A2 compared with their peers: {drifts}",
    ]


def test_messages_have_no_names_of_columns_in_them(run):
    message = "Leaving out 1 periods keeps slope_change at -0.28, see `ols`, from 2013-04 on."
    row = {"outcome": "waits", "unit": "A1", "design": "single", "check": "ljung_box", "message": message}
    table = make_table("checks", [row | {"status": "attention"}, row | {"status": "pass", "check": "arch"}])
    lines = told(section(checks, "checks", source_of(run, checks=table)))
    words = "Leaving out 1 period keeps the change of trend at −0.28, see ols, from 2013-04 on."
    assert f"A1 | {words} | its own earlier trend | Ljung–Box" in lines
    assert sum(words in line for line in lines) == 3
    assert not any(re.search(r"\b(slope_change|ljung_box)\b", line) for line in lines)

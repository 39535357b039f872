"""Every kind of figure: which there are, that each can be drawn, read, saved and told in words."""

import pickle
import re
import subprocess
import sys
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from its_eval.columns import COLUMNS, make_table
from its_eval.figures.catalogue import (
    FIGURES,
    FigureTask,
    describe,
    draw,
    figure_data,
    figure_tasks,
)
from its_eval.figures.style import figure_stem, save_figure

#: What a run of one outcome has, without strata, projects, verdicts, looks and weights of donors.
OTHERS = {"strata_gap", "slope_chart", "looks", "board", "donor_weights"}
KINDS = tuple(kind for kind in FIGURES if kind not in OTHERS)
CASES = {
    "plain": {},
    "one of everything": {
        "n_units": 1,
        "n_peers": 1,
        "n_placebos": 1,
        "n_dates": 1,
        "n_specifications": 1,
        "pooled": False,
    },
    "thirty long names": {
        "n_units": 30,
        "long_names": True,
        "n_placebos": 500,
        "failed_placebos": 3,
        "n_specifications": 300,
        "failed_specifications": 4,
        "infinite": True,
    },
    "log of a count": {
        "transform": "log",
        "kind": "count",
        "missing": (4, 31, 59),
        "phase_in": 3,
        "staggered": True,
        "infinite": True,
    },
    "logit": {"transform": "logit", "long_names": True, "n_units": 2},
    "count": {"kind": "count", "missing": (0, 29, 30), "n_aside": 0, "n_peers": 3},
    "number without denominators": {"kind": "number", "denominators": False, "n_units": 4},
    "quarterly": {"frequency": "quarter", "n": 40, "start": 20, "n_dates": 3},
    "yearly": {"frequency": "year", "n": 25, "start": 15, "n_dates": 4},
    "weekly": {"frequency": "week", "n": 70, "start": 40},
}
#: Other frequencies matter only where there is a time axis, or a period in words.
_OF_TIME = {"together", "small_multiples", "against_peers", "cumulative_effect", "placebo_dates", "residuals"}
_DRAWN = [
    (case, kind)
    for case, options in CASES.items()
    for kind in KINDS
    if kind != "main_its"
    and ("frequency" not in options or kind in _OF_TIME)
    and (case != "one of everything" or kind not in {"small_multiples", "forest"})
]


@pytest.fixture(scope="module")
def runs(run_with):
    return {case: run_with(**options) for case, options in CASES.items()}


def first_task(evaluation, kind):
    return next((task for task in figure_tasks(evaluation) if task.kind == kind), None)


class TestTasks:
    def test_all_kinds_in_order(self, runs):
        tasks = figure_tasks(runs["plain"])
        assert list(dict.fromkeys(task.kind for task in tasks)) == list(KINDS)
        assert len(set(tasks)) == len(tasks)
        assert tasks == figure_tasks(runs["plain"])

    def test_how_many_of_each(self, runs):
        kinds = [task.kind for task in figure_tasks(runs["plain"])]
        assert {kind: kinds.count(kind) for kind in KINDS} == {
            **dict.fromkeys(KINDS, 5),
            **dict.fromkeys(("main_its", "cumulative_effect", "specification_curve", "residuals"), 10),
            "trend_bounds": 10,
            **dict.fromkeys(("together", "small_multiples", "forest", "power_curve"), 2),
        }

    def test_one_unit_has_no_figure_of_several(self, runs):
        kinds = {task.kind for task in figure_tasks(runs["one of everything"])}
        assert set(KINDS) - kinds == {"small_multiples", "forest"}

    @pytest.mark.parametrize(
        ("table", "kinds"),
        [
            ("series", {"together", "main_its", "small_multiples", "against_peers"}),
            ("effects", {"cumulative_effect"}),
            ("peers", {"peer_distances"}),
            ("balance", {"balance"}),
            ("placebo_units", {"placebo_units"}),
            ("placebo_dates", {"placebo_dates"}),
            ("trend_bounds", {"trend_bounds"}),
            ("sensitivity", {"specification_curve"}),
            ("residuals", {"residuals"}),
            ("power_curve", {"power_curve"}),
            ("summary", {"placebo_units", "placebo_dates", "specification_curve", "forest"}),
        ],
    )
    @pytest.mark.parametrize("absent", [True, False])
    def test_only_figures_whose_tables_have_rows(self, runs, table, kinds, absent):
        tables = dict(runs["plain"].tables)
        if absent:
            del tables[table]
        else:
            tables[table] = tables[table].iloc[:0]
        left = {task.kind for task in figure_tasks(replace(runs["plain"], tables=tables))}
        assert set(KINDS) - left == kinds

    def test_a_curve_of_the_primary_specification_alone_is_none(self, runs):
        tables = dict(runs["plain"].tables)
        rows = tables["sensitivity"]
        tables["sensitivity"] = rows[rows["dimension"] == "primary"]
        evaluation = replace(runs["plain"], tables=tables)
        assert first_task(evaluation, "specification_curve") is None

    def test_peers_without_distances_have_no_figure(self, runs):
        tables = dict(runs["plain"].tables)
        tables["peers"] = tables["peers"].assign(distance=np.nan)
        assert first_task(replace(runs["plain"], tables=tables), "peer_distances") is None

    def test_tasks_can_be_sent_to_other_processes(self, runs):
        tasks = figure_tasks(runs["plain"])
        assert pickle.loads(pickle.dumps(tasks)) == tasks  # noqa: S301  (made here)

    def test_stems_are_unique_and_safe(self, runs):
        stems = [task.stem for evaluation in runs.values() for task in set(figure_tasks(evaluation))]
        for evaluation in runs.values():
            names = [task.stem for task in figure_tasks(evaluation)]
            assert len(set(names)) == len(names)
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,200}", stem) for stem in stems)

    def test_no_kind_is_the_beginning_of_another(self):
        assert not [(one, other) for one in KINDS for other in KINDS if other.startswith(f"{one}_")]

    def test_stems_without_unit_or_design(self):
        assert FigureTask("forest", "waits", design="single").stem == "forest_waits_single"
        assert FigureTask("balance", "waits", "U00").stem == "balance_waits_U00"
        outcomes = ("a", "a_b", "a-1234567890", "a b", "a/b", "")
        units = ("b", "a_b", "", "b-1234567890", "b c", "b/c")
        designs = ("single", "peer_mean")
        # a kind of figure always has a unit or never, and likewise a design
        for given in ((outcomes, units, [None]), (outcomes, [None], designs), (outcomes, [None], [None])):
            stems = [figure_stem(*parts, "forest") for parts in product(*given)]
            assert len(set(stems)) == len(stems)

    def test_listing_and_describing_load_no_matplotlib(self):
        code = (
            "import sys; import its_eval.figures.catalogue; assert 'matplotlib' not in sys.modules, 'loaded'"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("case", "kind"), _DRAWN)
def test_can_be_read(runs, case, kind, layout):
    task = first_task(runs[case], kind)
    if task is None:
        assert kind in ("cumulative_effect", "together")
        pytest.skip("no cumulative effect on a log or logit scale, and no mean level of logits")
    figure, _, _ = draw(runs[case], task)
    layout(figure)
    # letters are large enough on a phone, and no title or legend is baked in
    assert 12.0 / 72.0 * 390.0 / figure.get_size_inches()[0] >= 9.0
    assert figure._suptitle is None
    assert not [axes for axes in figure.axes if axes.get_title() or axes.get_legend()]
    text = describe(runs[case], task)
    assert text.endswith(".")
    assert text[0].isupper()
    assert "nan" not in text.lower()
    assert "\N{NO-BREAK SPACE}" not in text
    assert 40 < len(text) < 1500


@pytest.mark.parametrize("kind", KINDS)
class TestSaving:
    def test_same_bytes_twice_and_numbers_beside(self, runs, kind, tmp_path):
        task = first_task(runs["plain"], kind)
        for folder in ("one", "two"):
            figure, frame, stem = draw(runs["plain"], task)
            save_figure(figure, frame, tmp_path / folder, stem)
        for ending in ("svg", "png", "csv"):
            name = f"{task.stem}.{ending}"
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
        back = pd.read_csv(tmp_path / "one" / f"{task.stem}.csv", dtype=str, keep_default_na=False)
        frame = figure_data(runs["plain"], task)
        assert list(back.columns) == list(frame.columns)
        for column in frame.select_dtypes("float").columns:
            numbers = [float(text) if text else np.nan for text in back[column]]
            np.testing.assert_array_equal(numbers, frame[column])

    def test_nothing_depends_on_the_order_of_rows(self, runs, kind):
        task = first_task(runs["plain"], kind)
        tables = {
            name: table.sample(frac=1.0, random_state=1) for name, table in runs["plain"].tables.items()
        }
        shuffled = replace(runs["plain"], tables=tables)
        assert figure_tasks(shuffled) == figure_tasks(runs["plain"])
        pd.testing.assert_frame_equal(figure_data(shuffled, task), figure_data(runs["plain"], task))


def test_main_figure_is_described(runs):
    text = describe(runs["plain"], FigureTask("main_its", "waits", "U02", "single"))
    frame = figure_data(runs["plain"], FigureTask("main_its", "waits", "U02", "single"))
    assert text.startswith("Waits under four hours of Trust U02, January 2012 to December 2016:")
    assert f"at {frame['trend_fitted'].iloc[-1]:.1f}, the earlier trend at" in text
    assert "95 % interval" in text


def test_main_figure_without_fit_is_described(runs):
    evaluation = runs["plain"]
    tables = dict(evaluation.tables)
    tables["series"] = tables["series"].assign(fitted=np.nan)
    text = describe(replace(evaluation, tables=tables), FigureTask("main_its", "waits", "U02", "single"))
    assert text.endswith("observations, fit and the earlier trend carried on.")


def test_a_design_power_table_alone_can_be_drawn(layout):
    from its_eval.evaluation import Evaluation

    rows = [
        {"outcome": "x", "design": "single", "unit": unit, "estimand": estimand, "autocorrelation": rho}
        | {"n_pre": 24, "n_post": after, "configured": after == 24, "minimum_detectable": 50.0 / after}
        | {"power": 0.8, "alpha": 0.05, "df": 20.0}
        for rho in (0.2, 0.6)
        for after in (12, 24, 48)
        # of units with other starts, and of other quantities, nothing is drawn
        for unit, estimand in (("A", "level_change"), ("A", "effect_at_12"), ("B", "level_change"))
    ]
    about = {"label": "X", "unit": None, "kind": "number", "better": None, "transform": "none"}
    about |= {"frequency": "month", "confidence": 0.95}
    evaluation = Evaluation("Power", {"power_curve": pd.DataFrame(rows)}, (), {"x": about})
    (task,) = figure_tasks(evaluation)
    figure, frame, stem = draw(evaluation, task)
    layout(figure)
    assert stem == "power_curve_x_single"
    assert len(frame) == 6


def test_figures_of_a_real_run(study, layout):
    from its_eval.config import load_config
    from its_eval.pipeline.run import evaluate

    evaluation = evaluate(load_config(study.config))
    tasks = figure_tasks(evaluation)
    assert {"main_its", "cumulative_effect", "against_peers", "forest"} <= {task.kind for task in tasks}
    for task in {task.kind: task for task in tasks}.values():
        figure, frame, stem = draw(evaluation, task)
        layout(figure)
        assert len(frame)
        assert stem == task.stem
        assert describe(evaluation, task).endswith(".")
        if task.kind == "cumulative_effect":
            assert frame["fitted"].iloc[-1] == pytest.approx(frame["total"].iloc[-1], rel=1e-9)


def test_empty_tables_of_a_run_have_no_figures(runs):
    tables = {name: make_table(name, []) for name in COLUMNS}
    assert figure_tasks(replace(runs["plain"], tables=tables)) == []

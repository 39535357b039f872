"""A result where it is looked at: attributes, text, cell, figures, report, folder; one base for both kinds."""

import html
import pickle
import re
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from its_eval import Evaluation, SeriesFits, evaluate, fit
from its_eval.columns import COLUMNS
from its_eval.errors import OutputError, UsageError
from its_eval.notebook import LINES, on_a_screen
from its_eval.result import Result

STATES = pd.read_csv(
    Path(__file__).parents[2] / "data" / "sample" / "california_prop99.csv", index_col="Year"
)
OPTIONS = {"frequency": "year", "seasonality": "none"}


@pytest.fixture(scope="module")
def compared():
    return fit(
        STATES[["California", "Colorado", "Idaho", "Montana"]], "1989", treated="California", **OPTIONS
    )


@pytest.fixture(scope="module")
def alone():
    return fit(STATES[["California", "Utah"]], "1989", **OPTIONS)


def test_both_kinds_of_result_have_one_base(compared, alone):
    assert isinstance(compared, Evaluation)
    assert isinstance(alone, SeriesFits)
    for result in (compared, alone):
        assert isinstance(result, Result)
        for name in ("effects", "fits", "series", "not_estimated"):
            assert getattr(result, name) is result.tidy(name)
        assert tuple(result.verdicts.columns) == COLUMNS["verdicts"]
        assert result.to_dict()["title"] == result.title
    shared = {name for name in vars(Result) if not name.startswith("_")} - {
        "evaluated",
        "first_unit",
        "summary",
    }
    assert shared & vars(SeriesFits).keys() == set()
    assert shared & vars(Evaluation).keys() == {"to_dict"}


def test_series_are_evaluated_as_they_were_fitted(alone):
    whole = alone.evaluated()
    assert whole is alone.evaluated()
    both = whole.effects.merge(
        alone.effects, left_on=["unit", "estimand", "scale"], right_on=["series", "estimand", "scale"]
    )
    assert len(both) == len(alone.effects)
    for name in ("estimate", "std_error", "p_value", "conf_low", "conf_high"):
        np.testing.assert_array_equal(both[f"{name}_x"], both[f"{name}_y"])
    assert set(alone.verdicts["unit"]) >= {"California", "Utah"}


def test_text_is_the_answer_on_one_screen(compared, alone):
    lines = repr(compared).splitlines()
    assert lines[0] == compared.title == "California and all others"
    assert any(line.startswith("California: ") for line in lines)
    assert max(map(len, lines)) <= 100
    assert repr(alone) == alone.summary()
    many = fit(STATES.iloc[:, :30], "1989", **OPTIONS)
    assert len(many.summary().splitlines()) == 61
    assert repr(many).splitlines()[-1] == "… 13 more: summary() has all"
    assert on_a_screen(["a"] * (LINES + 2)).splitlines()[LINES:] == ["… 2 more: summary() has every answer"]


def test_a_cell_has_the_text_and_the_main_figure(compared, alone):
    for result in (compared, alone):
        page = result._repr_html_()
        assert page.count("<img ") == 1
        assert 'src="data:image/svg+xml;base64,' in page
        assert result.title in page
        # its lines are whole: the browser breaks them where the cell ends
        told = [html.unescape(line) for line in re.findall(r"min-height:1lh\">([^<]*)</div>", page)]
        assert " ".join(told).split() == repr(result).split()
        (alt,) = re.findall(r'alt="([^"]+)"', page)
        assert "California" in alt


def test_a_figure_changes_no_setting_and_opens_no_window(compared, alone):
    # read as stored: asking for the backend would choose one
    before = dict(dict.items(mpl.rcParams))
    for figure in (compared.plot(), compared.plot("California", design="single"), alone.plot("Utah")):
        assert isinstance(figure, Figure)
        assert figure._repr_svg_().startswith("<?xml")
    assert isinstance(compared.plot(kind="placebo_units"), Figure)
    assert dict(dict.items(mpl.rcParams)) == before
    code = (
        "import sys, pandas as pd; from its_eval import fit\n"
        "fit(pd.Series(range(30), [str(1980 + n) for n in range(30)]) % 7 * 1.0, '1995', frequency='year').plot()\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"kind": "forrest"}, "kind 'forrest': there is no such figure; did you mean 'forest'?"),
        ({"unit": "Utah"}, "unit 'Utah': no figure 'its' is about it; there are: 'California'"),
        (
            {"design": "stacked"},
            "design 'stacked': no figure 'its' is about it; there are: 'difference', 'single'",
        ),
        ({"kind": "forest"}, "kind 'forest': the result has no numbers for it"),
    ],
)
def test_figures_that_there_are_not(compared, asked, message):
    with pytest.raises(UsageError) as caught:
        compared.plot(**asked)
    assert caught.value.message == message


def test_a_saved_folder_is_a_run_that_can_be_repeated(its, tmp_path, compared, contents):
    folder = compared.save(tmp_path / "saved")
    assert its("verify", folder).code == 0
    again = its(
        "run", folder / "config.resolved.yaml", "--out", tmp_path / "again", "--no-figures", "--no-report"
    )
    assert again.code == 0
    assert contents(folder / "tables") == contents(tmp_path / "again" / "tables")
    with pytest.raises(OutputError):
        compared.save(folder)
    assert compared.save(folder, force=True) == folder


def test_a_report_is_one_file(tmp_path, alone, monkeypatch):
    # the folder of a run is not written for it
    for name in ("write_tables", "write_manifest", "written_frames"):
        monkeypatch.setattr(f"its_eval.pipeline.produce.{name}", None)
    path = alone.report(tmp_path / "report.html")
    text = path.read_text(encoding="utf-8")
    assert "California" in text
    assert "Utah" in text
    assert list(tmp_path.iterdir()) == [path]
    for place in (tmp_path, tmp_path / "no" / "report.html"):
        with pytest.raises(OutputError, match="expected the path of a file"):
            alone.report(place)


def test_characteristics_and_frames_by_indicator_are_saved_too(its, study, tmp_path, contents):
    long = pd.read_csv(study.indicators)
    frames = {name: own.drop(columns="indicator") for name, own in long.groupby("indicator")}
    found = evaluate(study.config, indicators=frames, characteristics=pd.read_csv(study.characteristics))
    folder = found.save(tmp_path / "saved")
    assert sorted(path.name for path in (folder / "inputs").iterdir()) == [
        *("characteristics.csv", "indicators_1.csv", "indicators_2.csv"),
    ]
    code = its("run", folder / "config.resolved.yaml", "--out", tmp_path / "again", "--no-figures").code
    assert code == 0
    assert contents(folder / "tables") == contents(tmp_path / "again" / "tables")


def test_a_result_that_was_read_is_not_written_again(compared, tmp_path):
    read = Evaluation(compared.title, compared.tables, compared.notes, compared.outcomes)
    with pytest.raises(UsageError, match="can be written again"):
        read.save(tmp_path / "out")


def test_results_can_be_sent_to_another_process(compared, alone):
    for result in (compared, alone):
        assert pickle.loads(pickle.dumps(result)).effects.equals(result.effects)  # noqa: S301

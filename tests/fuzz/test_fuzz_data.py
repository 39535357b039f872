"""Whatever a table holds, reading and planning end in a plan or in a DataError."""

import io

import numpy as np
import pandas as pd
import pytest
from fuzz_study import CONFIG, lines
from hypothesis import given, settings
from hypothesis import strategies as st

from its_eval.calendar import Calendar
from its_eval.config import load_config
from its_eval.data.numbers import LARGEST, to_numbers
from its_eval.errors import DataError
from its_eval.pipeline.planning import make_plan
from its_eval.pipeline.sources import load_sources

cells = st.one_of(
    st.text(max_size=12),
    st.floats().map(str),
    st.integers(-(10**18), 10**18).map(str),
    st.sampled_from(
        ["", "NA", "*", "-", "1,5", "1,234", "95%", "2015-07", "2015-13", "07/2015", "2015-07-31", "A1"]
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("fuzz")
    (made / "its.yaml").write_text(CONFIG, encoding="utf-8")
    (made / "c.csv").write_text("unit,Beds\nA,1\nB,2\nC,3\nD,4\n", encoding="utf-8")
    return made


def check(folder, content):
    (folder / "i.csv").write_bytes(content)
    config = load_config(folder / "its.yaml")
    try:
        plan = make_plan(config, load_sources(config))
    except DataError as error:
        assert error.problems  # noqa: PT017  (either outcome is right)
        assert all(isinstance(problem, str) and problem for problem in error.problems)  # noqa: PT017
        return
    for outcome in plan.outcomes:
        values = outcome.panel.values if hasattr(outcome, "panel") else np.zeros(0)
        assert not np.isinf(np.asarray(values, dtype=np.float64)).any()


@settings(max_examples=settings().max_examples // 8)
@given(st.binary(max_size=400))
def test_any_bytes(folder, content):
    check(folder, content)


@settings(max_examples=settings().max_examples // 4)
@given(st.lists(st.tuples(st.integers(0, 143), st.integers(0, 3), cells), min_size=1, max_size=6))
def test_a_table_with_any_cells(folder, changes):
    rows = [line.split(",") for line in lines()]
    for row, column, cell in changes:
        rows[row + 1][column] = cell
    buffer = io.StringIO()
    pd.DataFrame(rows[1:], columns=rows[0]).to_csv(buffer, index=False)
    check(folder, buffer.getvalue().encode("utf-8", "surrogatepass"))


@settings(max_examples=settings().max_examples // 4)
@given(st.integers(0, 3000), st.integers(0, 60), st.binary(max_size=5))
def test_a_table_with_damaged_bytes(folder, start, length, put):
    sound = "\n".join(lines()).encode()
    check(folder, sound[:start] + put + sound[start + length :])


@given(st.lists(cells, min_size=1, max_size=20))
def test_numbers_are_finite_or_missing_or_faulty(texts):
    values, faulty = to_numbers(pd.Series(texts, dtype=str))
    assert not np.isinf(values).any()
    assert np.isnan(values[faulty]).all()
    assert (np.abs(values[~np.isnan(values)]) <= LARGEST).all()


@given(
    cells,
    st.sampled_from(["month", "quarter", "year", "week"]),
    st.sampled_from(["iso", "dmy", "mdy"]),
)
def test_a_period_is_read_or_refused(text, frequency, dates):
    try:
        ordinal = Calendar(frequency).parse(text, dates)
    except ValueError as error:
        assert str(error)  # noqa: PT017
        return
    calendar = Calendar(frequency)
    assert calendar.parse(calendar.format(ordinal), "iso") == ordinal

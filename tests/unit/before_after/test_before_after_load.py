"""Reading tables of projects: columns, cells, and every fault in one pass."""

import math

import pytest

from its_eval.errors import DataError
from its_eval.improvement.paired_load import is_statistics, load_projects, load_statistics


@pytest.fixture
def table(tmp_path):
    def write(text):
        path = tmp_path / "projects.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_usual_names_are_recognised_and_follow_ups_come_in_order_of_time(table):
    path = table("Trust,Measure,Before,90_days,Day 30,follow_up_60,After\nA,Wait,10,4,7,5,3\n")
    projects = load_projects(path, {})
    assert projects.follow_ups == ("30 days", "60 days", "90 days", "follow-up")
    assert projects.has_units
    assert list(projects.frame["value"]) == [7, 5, 4, 3]
    assert set(projects.frame["baseline"]) == {10}
    assert set(projects.frame["project"]) == {"row 2"}


def test_named_columns_rule(table):
    path = table("What,Start,Later,Latest,Before\nWait,10,6,5,99\n")
    projects = load_projects(path, {"measure": "what", "baseline": "START"}, ["later", "Latest"])
    assert projects.follow_ups == ("Later", "Latest")
    assert list(projects.frame["value"]) == [6, 5]
    assert list(projects.frame["baseline"]) == [10, 10]
    assert not projects.has_units
    assert set(projects.frame["unit"]) == {"all"}


def test_every_fault_of_the_columns_is_reported_at_once(table):
    path = table("Unit,Basline,Something\nA,1,2\n")
    with pytest.raises(DataError) as fault:
        load_projects(path, {"projct": "x", "unit": "Untt"})
    text = "\n".join(fault.value.problems)
    assert "there is no role 'projct' for a column; did you mean 'project'" in text
    assert "there is no column 'Untt'; did you mean 'Unit'?" in text
    assert "no column is recognised as measure" in text
    assert (
        "recognised as baseline (usual names: 'baseline', 'before', 'pre'); did you mean 'Basline'?" in text
    )
    assert "no column is recognised as a follow-up" in text
    assert len(fault.value.problems) == 5
    assert "--column ROLE=NAME" in fault.value.hint


def test_every_fault_of_the_cells_is_reported_at_once(table):
    path = table(
        "measure,unit,project,better,projects,baseline,follow_up\n"
        'Wait,A,1,lower,1,"1,200",x\n'
        "Wait,A,1,higher,1,5,4\n"
        ",A,2,,1,5,4\n"
        "Wait,all,3,best,0,5,4\n"
        "Wait,,4,,1.5,5,4\n"
    )
    with pytest.raises(DataError) as fault:
        load_projects(path, {})
    text = "\n".join(fault.value.problems)
    assert "row 2, column 'baseline': '1,200' is not a number; write 1200" in text
    assert "row 2, column 'follow_up': 'x' is not a number" in text
    assert "row 4: the measure is blank" in text
    assert "row 5: a unit cannot be called 'all'" in text
    assert "row 5: projects 0: expected a whole number of 1 or more" in text
    assert "row 5: better 'best': expected lower or higher, or blank" in text
    assert "row 6: the unit is blank" in text
    assert "row 6: projects 1.5" in text
    assert "measure 'Wait': better is lower in some rows and higher in others" in text
    assert "Wait, A, 1 stands in rows 2, 3; keep one" in text
    assert len(fault.value.problems) == 10


def test_a_blank_number_of_projects_is_refused(table):
    with pytest.raises(DataError, match="row 2: projects nan"):
        load_projects(table("measure,projects,baseline,after\nWait,,1,2\n"), {})


def test_two_columns_of_one_follow_up_are_refused(table):
    for header in ("day_30,30 days", "after,follow_up"):
        with pytest.raises(DataError, match="hold the same follow-up; name those meant"):
            load_projects(table(f"measure,baseline,{header}\nWait,1,2,3\n"), {})


def test_a_follow_up_with_another_role_or_that_is_not_there(table):
    path = table("measure,baseline,after\nWait,1,2\n")
    with pytest.raises(DataError) as fault:
        load_projects(path, {}, ["baseline", "aftr"])
    text = "\n".join(fault.value.problems)
    assert "column 'baseline' cannot be a follow-up; it has another role" in text
    assert "there is no column 'aftr'; did you mean 'after'?" in text


def test_one_column_cannot_play_two_roles(table):
    path = table("measure,value,after\nWait,1,2\n")
    with pytest.raises(DataError, match="column 'value' is taken for project and baseline"):
        load_projects(path, {"project": "value", "baseline": "value"})


def test_two_columns_of_one_name_are_refused(table):
    with pytest.raises(DataError, match="2 columns are called 'baseline'; expected one"):
        load_projects(table("measure,baseline,Baseline,after\nWait,1,2,3\n"), {})


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="there is no such file") as fault:
        load_projects(tmp_path / "none.csv", {})
    assert fault.value.hint == "check the path"


def test_published_statistics_are_recognised(table):
    assert is_statistics(table("measure,t,df\nWait,4.077,81\n"), {})
    assert not is_statistics(table("measure,t,df,baseline,after\nWait,4.077,81,1,2\n"), {})
    assert is_statistics(table("measure,stat,dof\nWait,4.077,81\n"), {"t": "stat", "df": "dof"})


def test_pairs_default_to_df_plus_one(table):
    found = load_statistics(table("measure,t,df,n\nA,2,9,\nB,-3,9,40\n"), {})
    assert list(found["n"]) == [10, 40]
    assert list(load_statistics(table("measure,t,df\nA,2,9\n"), {})["n"]) == [10]


def test_every_fault_of_statistics_is_reported_at_once(table):
    path = table("measure,t,df,n\nA,,9,\nB,1,x,3\nC,1,0,1\n,2,8,9\n")
    with pytest.raises(DataError) as fault:
        load_statistics(path, {})
    text = "\n".join(fault.value.problems)
    assert "row 2, column 't': needed, but blank" in text
    assert "row 3, column 'df': 'x' is not a number" in text
    assert "row 4: df 0 and n 1: expected df above 0 and at least 2 pairs" in text
    assert "row 5: the measure is blank" in text
    assert len(fault.value.problems) == 4


def test_statistics_without_their_columns(table):
    with pytest.raises(DataError, match="no column is recognised as df"):
        load_statistics(table("measure,t\nA,2\n"), {"t": "t"})


def test_missing_marks_are_missing(table):
    frame = load_projects(table("measure,baseline,after\nWait,*,3\nWait,-,4\n"), {}).frame
    assert all(math.isnan(value) for value in frame["baseline"])

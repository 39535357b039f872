"""Checks that a config asks for or leaves out, in a run."""

from its_eval import load_run
from its_eval.columns import COLUMNS

TABLES = ("--no-figures", "--no-report", "-q", "--force")


def tables_of(its, study, checks):
    config = study.write(changes={"diagnostics: no}": f"diagnostics: no, {checks}}}"})
    out = study.folder / "out"
    answer = its("run", config, "-o", out, *TABLES)
    assert (answer.code, answer.err) == (0, "")
    return load_run(out).tables


def test_the_trend_may_bend_so_far(its, study):
    tables = tables_of(its, study, "trend_bounds: yes, one_month: yes")
    checks, bounds = tables["checks"], tables["trend_bounds"]
    assert tuple(bounds.columns) == COLUMNS["trend_bounds"]
    found = checks[checks["check"] == "trend_bounds"].set_index(["outcome", "unit", "design"])
    assert len(found) == 8
    assert set(found["status"]) <= {"pass", "note", "attention"}
    for key, rows in bounds.groupby(["outcome", "unit", "design"]):
        assert (rows["breakdown_bend"] == rows["breakdown_bend"].iloc[0]).all()
        assert found.loc[key, "statistic"] == rows["breakdown_bend"].iloc[0]
        assert (rows["n_before"] == 30).all()
    # with a straight trend it is the interval of the effect itself
    plain = bounds[bounds["bend"] == 0].set_index(["outcome", "unit", "design"])
    effects = tables["effects"]
    own = effects[(effects["role"] == "primary")].set_index(["outcome", "unit", "design"])
    for column in ("estimate", "conf_low", "conf_high"):
        difference = plain[column] - own[column].reindex(plain.index)
        assert difference.abs().max() < 1e-9
    # waits of A1 fall from the start on: the finding stands a bend that others do not have
    a1 = found.loc[("waits", "A1", "difference")]
    assert a1["statistic"] > 0
    assert a1["message"].startswith("To undo the finding, the trend would have to bend by ")
    assert " days over the 30 months before" in a1["message"]
    assert (checks["check"] == "one_month").sum() == 8


def test_checks_that_are_not_wanted_are_not_made(its, study):
    tables = tables_of(its, study, "trend_bounds: no, one_month: no")
    assert tables["trend_bounds"].empty
    assert not tables["checks"]["check"].isin(["trend_bounds", "one_month"]).any()

"""What becomes of missing periods: by outcome, and filled in as a named sensitivity."""

import numpy as np
import pandas as pd
import pytest

from its_eval import evaluate
from its_eval.errors import DataError

PEERS = ("D1", "D2", "D3", "D4")


def frames(gaps=(), seed=11):
    """Return 60 months of two outcomes of a treated unit and four others, some periods blank."""
    rng = np.random.default_rng(seed)
    periods = pd.period_range("2013-01", periods=60, freq="M").astype(str)
    tables = {
        name: pd.DataFrame(rng.normal(50, 2, (60, 5)), index=periods, columns=["T", *PEERS])
        for name in ("falls", "waits")
    }
    for name, unit, place in gaps:
        tables[name].loc[periods[place], unit] = np.nan
    return tables


def run(tables, missing=None, **settings):
    tree = {
        "version": 1,
        "intervention": {"name": "Law", "date": "2015-07"},
        "treated": ["T"],
        "peers": {"k": "all", "min_coverage": 0.5},
        "outcomes": [
            {"indicator": name, "seasonality": "none"} | ({"missing": missing[name]} if missing else {})
            for name in tables
        ],
        "designs": ["single", "difference"],
        "estimands": {"primary": "level_change"},
        "checks": dict.fromkeys(
            ("placebo_units", "placebo_dates", "leave_one_peer_out", "diagnostics"), False
        ),
        "sensitivity": {"standard": False},
    }
    return evaluate(tree | settings, indicators=tables).tables


GAPS = [("falls", "T", 10), ("waits", "T", 20), ("waits", "D1", 40)]


def test_every_outcome_has_a_policy_of_its_own():
    tables = run(frames(GAPS), {"falls": "mask", "waits": "drop_unit"}, data={"missing": "error"})
    assert set(tables["effects"]["outcome"]) == {"falls"}
    lost = tables["not_estimated"].set_index("outcome")
    assert set(lost.index) == {"waits"}
    assert set(lost["reason"]) == {"dropped"}
    # under mask a peer with a gap stays one
    assert "D1" in set(tables["peers"].query("outcome == 'falls'")["peer"])
    assert "D1" not in set(tables["peers"].query("outcome == 'waits'")["peer"])


def test_an_outcome_without_a_policy_takes_that_of_the_data():
    with pytest.raises(DataError, match="waits, T: 1 of 60 periods missing: 2014-09"):
        run({"waits": frames(GAPS)["waits"]}, data={"missing": "error"})
    with pytest.raises(DataError) as refused:
        run(frames(GAPS), {"falls": "mask", "waits": "error"})
    assert all("waits" in problem for problem in refused.value.problems)


@pytest.mark.parametrize("design", ["single", "difference"])
def test_interpolation_is_the_run_on_a_table_that_was_filled_in(design):
    """Filled in by pandas, between values only: the last period of T and the first of D2 stay missing."""
    gaps = [("waits", "T", place) for place in (7, 8, 9, 33, 59)]
    gaps += [("waits", "D2", place) for place in (0, 21, 45)]
    tables = {"waits": frames(gaps)["waits"]}
    filled = {"waits": tables["waits"].interpolate(limit_area="inside")}
    assert filled["waits"].isna().sum().sum() == 2
    found = run(tables, designs=[design], sensitivity={"standard": False, "missing": ["interpolation"]})
    row = found["sensitivity"].query("dimension == 'missing'")
    assert row["choice"].tolist() == ["interpolation"]
    other = run(filled, designs=[design])["effects"].query("role == 'primary'")
    for name in ("estimate", "std_error", "df", "conf_low", "conf_high"):
        np.testing.assert_allclose(row[name], other[name], rtol=1e-9)
    # the answer itself fills in nothing
    first = found["effects"].query("role == 'primary'")
    assert not np.isclose(first["estimate"].item(), row["estimate"].item())


def test_without_gaps_there_is_nothing_to_fill_in():
    tables = run({"waits": frames()["waits"]}, sensitivity={"standard": False, "missing": ["interpolation"]})
    assert "missing" not in set(tables["sensitivity"]["dimension"])


def test_what_an_event_takes_out_stays_out():
    event = {"name": "Fire", "date": "2014-03", "until": "2014-05", "as": "mask", "units": ["T"]}
    choices = {"standard": False, "missing": ["interpolation"]}
    tables = {"waits": frames([("waits", "T", 25)])["waits"]}
    found = run(tables, events=[event], designs=["single"], sensitivity=choices)
    row = found["sensitivity"].query("dimension == 'missing'")
    filled = {"waits": tables["waits"].interpolate(limit_area="inside")}
    other = run(filled, events=[event], designs=["single"])["effects"].query("role == 'primary'")
    np.testing.assert_allclose(row["estimate"], other["estimate"], rtol=1e-9)


def test_donors_are_ranked_by_their_own_filled_series():
    """The rank of the curve takes the statistics of each choice, not those of another with the same window."""
    gaps = [("waits", unit, place) for unit in PEERS for place in (5, 15, 25, 29, 30, 31, 50, 55)]
    gaps += [("waits", "T", place) for place in (6, 16, 28)]
    tables = {"waits": frames(gaps, seed=12)["waits"]}
    filled = {"waits": tables["waits"].interpolate(limit_area="inside")}
    checks = {
        "placebo_units": True,
        "placebo_dates": False,
        "diagnostics": False,
        "leave_one_peer_out": False,
    }
    choices = {"standard": False, "missing": ["interpolation"]}
    found = run(tables, designs=["difference"], checks=checks, sensitivity=choices)
    other = run(filled, designs=["difference"], checks=checks)
    # the median of two specifications is their mean
    own = [part["effects"].query("role == 'primary'")["statistic"].item() for part in (found, other)]
    donors = [part["placebo_units"].set_index("placebo")["statistic"] for part in (found, other)]
    assert not np.allclose(*donors)
    donors = np.abs([values[list(PEERS)] for values in donors])
    as_large = donors.mean(axis=0) >= np.mean(np.abs(own))
    # where both choices took the statistics of the first, the rank would be another
    assert as_large.sum() != (donors[0] >= np.abs(own[0])).sum()
    curve = found["checks"].query("check == 'specification_curve'")
    assert curve["p_value"].item() == pytest.approx((1 + as_large.sum()) / 5)

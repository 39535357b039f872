"""``validate`` says first what a run would refuse, in the same words and with the same exit code."""

import math

import pytest
import yaml

from its_eval.estimators.kind import EstimatorKind

N = 48
MONTHS = [f"{2014 + place // 12}-{place % 12 + 1:02d}" for place in range(N)]
UNITS = ("Ash", "Beech", "Cedar", "Elm")


def level(place, unit):
    return round(50 + unit + 0.1 * place + math.sin(7.3 * place + unit) * 43758.5453 % 1, 2)


def rows_of(change=lambda unit, place, value: value):
    """Return a table of four units; ``change`` gives another value of a cell, or None for no row."""
    lines = ["indicator,unit,period,value"]
    for number, unit in enumerate(UNITS):
        for place, month in enumerate(MONTHS):
            value = change(unit, place, level(place, number))
            if value is not None:
                lines.append(f"seen,{unit},{month},{value}")
    return "\n".join([*lines, ""])


def only(places, units=UNITS):
    """Return a change that keeps some periods of some units."""
    return lambda unit, place, value: value if unit not in units or place in places else None


def start(date, **more):
    return {"intervention": {"date": date, "shape": "step", **more}}


def by(name, **more):
    return {"estimators": [{"name": name, **more}]}


def outcome(**keys):
    return {"outcomes": [{"indicator": "seen", "seasonality": "none", **keys}]}


def event(date, **more):
    return {"events": [{"name": "Strike", "date": date, **more}]}


GIVEN = {"peers": {"given": {"Ash": ["Beech", "Cedar"]}}, "designs": ["difference"]}
LATE = only(range(40, N), UNITS[1:])
GAP = only({*range(N)} - {20}, ("Ash",))

#: Name: what the config says beside the usual, and what becomes of the table.
REFUSED = {
    "one month after the start": (start("2017-12"), None),
    "two months after the start": (start("2017-11"), None),
    "one month before the start": (start("2014-02"), None),
    "two months before the start": (start("2014-03"), None),
    "seven months after a change of trend": (start("2017-06", shape="step_and_slope"), None),
    "seven months before a change of trend": (start("2014-08", shape="slope"), None),
    "two months after the phase-in": (start("2017-06", phase_in={"periods": 5}), None),
    "few months after a ramp": (
        start("2017-01", shape="slope", phase_in={"periods": 6, "as": "ramp"}), None
    ),
    "an event soon after the start": (event("2016-08", **{"as": "step"}), None),
    "an event soon before the start": (event("2016-06", **{"as": "step_and_slope"}), None),
    "an event at the end": (event("2017-12", **{"as": "step"}), None),
    "a mask over all that follows": (event("2016-08", until="2017-12", **{"as": "mask"}), None),
    "a mask over all that was": (event("2014-01", until="2016-05", **{"as": "mask"}), None),
    "a mask of one unit": (event("2016-07", until="2017-11", units=["Ash"], **{"as": "mask"}), None),
    "values before the start alone": ({}, lambda u, p, v: v if p < 30 else "*"),
    "values after the start alone": ({}, lambda u, p, v: v if p >= 30 else "*"),
    "no value at all": ({}, lambda u, p, v: "*"),
    "ten months": (start("2014-06"), only(range(10))),
    "ten months, counted by noise": (start("2014-06") | by("reml_ar_noise"), only(range(10))),
    "ten months, by steps": (start("2014-06") | by("reml_local_level"), only(range(10))),
    "more terms than months": (
        start("2014-08") | outcome(seasonality="months") | by("ols"), only(range(12))
    ),
    "terms for every month but one": (
        start("2014-11") | outcome(seasonality="months") | by("newey_west"), only(range(14))
    ),
    "a season of months that are not there": (
        outcome(seasonality="months") | by("ols"), only([p for p in range(N) if p % 12 not in (3, 7)])
    ),
    "a gap, and units with gaps are left out": ({"data": {"missing": "drop_unit"}}, GAP),
    "all units with gaps left out": (
        {"data": {"missing": "drop_unit"}, "treated": list(UNITS)},
        lambda unit, place, value: value if place != 3 + UNITS.index(unit) else None,
    ),
    "a gap that Prais and Winsten cannot bridge": (by("prais_winsten"), GAP),
    "a zero and logarithms": (outcome(transform="log"), lambda u, p, v: 0 if p == 5 else v),
    "negative values and logarithms": (outcome(transform="log"), lambda u, p, v: -v if p == 35 else v),
    "a hundred per cent and log odds": (
        outcome(kind="percentage", transform="logit"), lambda u, p, v: 100 if p == 5 else v
    ),
    "counts below zero": (
        outcome(kind="number", transform="log"),
        lambda u, p, v: -v,
    ),
    "a share without denominators, by a quasi-family": (outcome(kind="percentage") | by("quasi_binomial"), None),
    "a share without denominators, by a family": (outcome(kind="percentage") | by("binomial"), None),
    "a share without denominators, as sampled": (
        outcome(kind="percentage") | by("reml_ar_sampling"), None
    ),
    "no peer with data before the start": (GIVEN, LATE),
    "no peer that may be one": (
        {"peers": {"k": "all", "exclude": list(UNITS[1:])}, "designs": ["difference"]}, None
    ),
    "no peer with data, in one model": (
        GIVEN | {"designs": ["peer_mean", "stacked"], **by("ols")}, LATE
    ),
    "one donor of a mixture": (
        {"peers": {"given": {"Ash": ["Beech"]}}, "designs": ["synthetic"]}, None
    ),
    "few periods before a mixture": (
        GIVEN | {"designs": ["synthetic"], "peers": {"k": "all"}} | start("2014-03"), None
    ),
    "an ARIMA of more terms than months": (
        start("2014-09") | by("arima", order=[2, 1, 2], seasonal_order=[1, 1, 1]), only(range(20))
    ),
    "two estimators, both too short": (
        start("2014-06") | {"estimators": [{"name": "reml_ar"}, {"name": "reml_ar_noise"}]}, only(range(10))
    ),
    "two units, both too short": (start("2017-12") | {"treated": ["Ash", "Elm"]}, None),
    "two units, too short and without a logarithm": (
        outcome(transform="log") | {"treated": {"Ash": "2016-07", "Elm": "2017-12"}, "intervention": {"shape": "step"}},
        lambda u, p, v: 0 if (u, p) == ("Ash", 5) else v,
    ),
}  # fmt: skip


@pytest.fixture
def case(its, tmp_path):
    def made(changes, change=None):
        (tmp_path / "data.csv").write_text(rows_of(change or (lambda u, p, v: v)), encoding="utf-8")
        tree = {
            "version": 1,
            "intervention": {"date": "2016-07", "shape": "step"},
            "treated": ["Ash"],
            **outcome(),
            "checks": dict.fromkeys(
                ("placebo_units", "placebo_dates", "leave_one_peer_out", "diagnostics"), False
            ),
            **changes,
        }
        tree["data"] = {"indicators": {"path": "data.csv"}, **changes.get("data", {})}
        path = tmp_path / "c.yaml"
        path.write_text(yaml.safe_dump(tree), encoding="utf-8")
        return lambda command="validate", *options: its(command, path, *options)

    return made


@pytest.mark.parametrize("name", REFUSED)
def test_validate_refuses_what_a_run_refuses(case, tmp_path, name):
    call = case(*REFUSED[name])
    run = call("run", "-o", tmp_path / "out", "--no-figures", "--no-report", "-q")
    assert run.code in (3, 4), run.out
    said = [line.strip().removeprefix("its-eval: ") for line in run.err.splitlines()]
    checked = call()
    assert checked.code == run.code, checked.out
    shown = [line.strip() for line in checked.out.splitlines()]
    told = [line for line in said if line and line not in shown and "no series could be" not in line]
    assert not told, (said, shown)
    assert any(unit in checked.out for unit in UNITS)


def test_at_least_forty_configs_are_refused():
    assert len(REFUSED) >= 40


def test_what_is_left_out_of_a_run_that_goes_on_is_a_note(case, tmp_path):
    """A gap leaves one of two units out: the run answers the other, and both commands say so."""
    call = case({"data": {"missing": "drop_unit"}, "treated": ["Ash", "Beech"]}, GAP)
    said = "Ash misses 1 usable periods, and `missing: drop_unit` leaves such units out"
    checked = call()
    assert checked.code == 0
    assert f"  note: not estimated: seen, Ash, single: {said}\n" in checked.out
    run = call("run", "-o", tmp_path / "out", "--no-figures", "--no-report")
    assert run.code == 0
    assert "Not estimated, Ash" in run.out


@pytest.mark.parametrize("name", ["reml_ar", "ols", "newey_west", "reml_ar_noise"])
def test_what_a_run_estimates_is_not_fitted_to_validate(case, monkeypatch, name):
    monkeypatch.setattr(EstimatorKind, "fit", lambda *_: pytest.fail("fitted"))
    assert case(by(name))().code == 0


def test_given_peers_that_drop_out_are_named_with_the_reason(case, tmp_path):
    call = case({**GIVEN, "designs": ["single", "difference"]}, only(range(40, N), ("Cedar",)))
    said = "seen, Ash: the given peer Cedar is left out: 0 of 30 periods before the start observed"
    assert f"  note: {said}\n" in call().out
    run = call("run", "-o", tmp_path / "out", "--no-figures", "--no-report")
    assert (run.code, f"Note: {said}" in " ".join(run.out.split())) == (0, True)


def test_an_event_outside_the_data_is_said_where_the_answer_is(case, tmp_path):
    call = case(event("2081-10", **{"as": "step"}))
    said = "The event 'Strike' (2081-10) lies outside the data and has no effect."
    assert call().out.count("Strike") == 1
    run = call("run", "-o", tmp_path / "out", "--no-figures", "--no-report", "--fail-on", "data")
    assert run.code == 1
    assert f"Note: {said}" in run.out

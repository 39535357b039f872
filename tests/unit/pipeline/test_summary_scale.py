"""Sensitivity, placebos and pools are on the scale on which the summary shows the primary estimand."""

import numpy as np
import pytest

N = 60
UNITS = ("T1", "T2", "D1", "D2", "D3", "D4")


def study(make_world, outcome, **settings):
    rng = np.random.default_rng(6)
    sizes = {unit: np.round(rng.uniform(80, 120, N)) for unit in UNITS}
    counts = {unit: rng.binomial(sizes[unit].astype(int), 0.6).astype(float) for unit in UNITS}
    world = make_world(
        {unit: 100 * counts[unit] / sizes[unit] for unit in UNITS}, denominators=sizes, counts=counts
    )
    return world.run(
        outcomes=[world.outcome(**outcome)],
        checks={**world.settings["checks"], "placebo_units": True, "leave_one_peer_out": True},
        sensitivity={"pre_window": [24]},
        peers={"k": 2},
        **settings,
    ).tables


def check_scale(tables):
    summary = tables["summary"].set_index("unit")
    rows = tables["sensitivity"]
    for unit, shown in summary.iterrows():
        (own,) = rows[(rows["unit"] == unit) & (rows["dimension"] == "primary")].to_dict("records")
        for name in ("estimate", "conf_low", "conf_high", "p_value"):
            assert own[name] == pytest.approx(shown[name], rel=1e-9)
    # those of two units lie between them, whatever the method
    between = (summary["estimate"].min(), summary["estimate"].max())
    pooled = tables["pooled"]
    pooled = pooled[pooled["method"].isin(["fixed_effect", "unweighted_mean", "paule_mandel_mkh"])]
    assert len(pooled) == 3
    assert pooled["estimate"].between(*between).all()
    assert (pooled["conf_low"] < pooled["estimate"]).all()
    return summary


def test_a_family_on_its_link_is_shown_as_odds_ratios(make_world):
    """The outcome has no transform: the link belongs to the estimator."""
    tables = study(make_world, {"kind": "percentage"}, designs=["single"], estimators=["quasi_binomial"])
    summary = check_scale(tables)
    assert set(summary["scale"]) == {"ratio"}
    assert (tables["sensitivity"]["estimate"] > 0.5).all()


def test_a_change_in_per_cent_of_logarithms_stays_one(make_world):
    tables = study(
        make_world,
        {"kind": "number", "transform": "log"},
        designs=["difference"],
        estimands={"primary": "relative_average_effect", "margin": 50},
    )
    summary = check_scale(tables)
    for unit, shown in summary.iterrows():
        placebos = tables["placebo_units"]
        (own,) = placebos[(placebos["unit"] == unit) & (placebos["placebo"] == unit)].to_dict("records")
        assert own["estimate"] == pytest.approx(shown["estimate"], rel=1e-9)
        effects = tables["effects"].query(
            "unit == @unit and estimand == 'average_effect' and scale == 'link'"
        )
        assert own["statistic"] == pytest.approx(effects["statistic"].item(), rel=1e-9)
    # the margin is in per cent as well
    checks = tables["checks"]
    assert checks.loc[checks["check"] == "equivalence", "message"].str.contains("lies inside ±50").all()


def test_an_average_in_outcome_units_of_a_logit_is_not_exponentiated(make_world):
    tables = study(
        make_world,
        {"kind": "percentage", "transform": "logit"},
        designs=["difference"],
        estimands={"primary": "relative_average_effect"},
    )
    assert set(check_scale(tables)["scale"]) == {"response"}

"""A run with every table, made by hand, and ways to look at what was drawn."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from its_eval.calendar import describe_period, format_period, parse_period
from its_eval.columns import COLUMNS, make_table
from its_eval.evaluation import Evaluation
from its_eval.figures.style import house_style

FIRST = {"month": "2012-01", "quarter": "2001Q1", "year": "1961", "week": "2018-W10"}
LONG_NAME = "Barking, Havering And Redbridge University Hospitals NHS Trust of the Fictional County"
OUTCOME = "waits"


def make_study(
    *,
    n_units=5,
    n=60,
    start=30,
    frequency="month",
    kind="percentage",
    transform="none",
    long_names=False,
    missing=(),
    phase_in=0,
    infinite=False,
    n_peers=6,
    n_aside=3,
    n_placebos=40,
    failed_placebos=0,
    n_dates=9,
    n_specifications=12,
    failed_specifications=0,
    pooled=True,
    denominators=True,
    staggered=False,
    seed=3,
):
    """Every table of a run with effects 0, 1, 2 … in the units U00, U01, …"""
    rng = np.random.default_rng(seed)
    log, logit = transform == "log", transform == "logit"
    first = parse_period(FIRST[frequency], frequency)
    periods = [format_period(first + index, frequency) for index in range(n)]
    units = [f"U{index:02d}" for index in range(n_units)]
    names = {unit: (f"{LONG_NAME} {unit}" if long_names else f"Trust {unit}") for unit in units}
    peers = [f"P{index:02d}" for index in range(n_peers)]
    tables = {name: [] for name in _TABLES}
    time = np.arange(n)
    season = 0.05 * np.sin(2.0 * np.pi * time / 12.0)
    peer_values = pd.DataFrame(
        {peer: 80.0 + rng.normal(0.0, 1.0, n) + 0.1 * index for index, peer in enumerate(peers)},
        index=periods,
    )
    starts = {unit: start + (index % 3 if staggered else 0) for index, unit in enumerate(units)}
    for index, unit in enumerate(units):
        begins = starts[unit]
        after = time >= begins
        weight = 50.0 + 10.0 * index
        for design in ("single", "difference"):
            level = np.log(80.0) if log else np.log(4.0) if logit else 80.0
            scale = 0.05 if log or logit else 2.0
            base = (0.0 if design == "difference" else level) + 0.002 * scale * time
            fit = base + scale * 0.1 * index * after
            noise = rng.normal(0.0, scale / 4.0, n)
            noise[list(missing)] = np.nan
            width = scale * (0.5 + 0.02 * np.maximum(time - begins, 0))
            shift = season * scale * 4.0

            def respond(values, design=design):
                if log or (logit and design == "difference"):
                    return np.exp(values)
                return 100.0 / (1.0 + np.exp(-values)) if logit else np.asarray(values)

            own = respond(fit + shift + noise)
            mean = peer_values.mean(axis=1).to_numpy()
            unit_value = own if design == "single" else (own * mean if log or logit else own + mean)
            for t in time:
                phase = begins <= t < begins + phase_in
                used = not np.isnan(noise[t]) and not phase
                reason = "" if used else "phase-in of New rota" if phase else "missing"
                tables["series"].append(
                    {
                        "outcome": OUTCOME,
                        "unit": unit,
                        "design": design,
                        "period": periods[t],
                        "event_time": t - begins,
                        "observed": own[t],
                        "unit_value": unit_value[t],
                        "peer_mean": mean[t] if design == "difference" else np.nan,
                        "denominator": weight if denominators else np.nan,
                        "used": used,
                        "used_reason": reason,
                        "fitted": respond(fit + shift)[t],
                        "counterfactual": respond(base + shift)[t] if after[t] else np.nan,
                        "counterfactual_low": respond(base + shift - width)[t] if after[t] else np.nan,
                        "counterfactual_high": respond(base + shift + width)[t] if after[t] else np.nan,
                        "deseasonalised": respond(fit + noise)[t],
                    }
                )
                if used:
                    innovation = noise[t] / (scale / 4.0)
                    tables["residuals"].append(
                        {"outcome": OUTCOME, "unit": unit, "design": design, "period": periods[t]}
                        | {"innovation": innovation}
                    )
            _unit_rows(tables, unit, design, periods[begins], index, rng, locals())
        _peer_rows(tables, unit, peers, n_aside)
    if pooled:
        _pooled_rows(tables, n_units, log or logit)
    for design in ("single", "difference"):
        tables["power_curve"] += [
            {"outcome": OUTCOME, "design": design, "unit": "", "estimand": estimand, "autocorrelation": rho}
            | {"n_pre": length // 3, "n_post": length - length // 3, "power": 0.8, "alpha": 0.05}
            | {"configured": length == 72}
            | {"minimum_detectable": np.nan if length < 20 else size * (1.0 + rho) * (48.0 / length) ** 0.7}
            for estimand, size in (("level_change", 1.2), ("slope_change", 0.9))
            for rho in (0.0, 0.2, 0.4, 0.6, 0.8)
            for length in (16, 24, 36, 48, 72, 96, 120)
        ]
    about = {
        "label": "Waits under four hours",
        "unit": "%" if kind == "percentage" else "people",
        "kind": kind,
        "better": "higher",
        "transform": transform,
        "frequency": frequency,
        "interruption": "New rota",
        "interruption_period": periods[start],
        "start_in_words": describe_period(first + start, frequency),
        "starts": {
            unit: (periods[begins], describe_period(first + begins, frequency))
            for unit, begins in starts.items()
        },
        "confidence": 0.95,
        "events": (("A second wing opens", periods[min(start + 5, n - 1)], ()),),
    }
    tables["peer_series"] = peer_series(OUTCOME, peer_values)
    made = {name: _frame(name, rows) for name, rows in tables.items()}
    return Evaluation("A study", made, (), {OUTCOME: about}, names)


def peer_series(outcome, values):
    """Rows of the table from values of peers, periods × units."""
    return [
        {"outcome": outcome, "unit": unit, "period": period, "value": values.loc[period, unit]}
        for unit in values.columns
        for period in values.index
    ]


_TABLES = (*COLUMNS, "power_curve")


def _frame(name, rows):
    return pd.DataFrame(rows) if name == "power_curve" else make_table(name, rows)


def _unit_rows(tables, unit, design, start, index, rng, given):
    """Rows of one unit and design: summary, effects, placebos, specifications."""
    ratio = given["log"] or given["logit"]
    keys = {"outcome": OUTCOME, "unit": unit, "design": design}
    estimate, std_error = (0.02 * index, 0.012) if ratio else (0.2 * index - 0.2, 0.15)
    wide = np.inf if given["infinite"] and index == 0 else 0.0
    low, high = estimate - 2.0 * std_error - wide, estimate + 2.0 * std_error + wide
    if given["infinite"] and index == 1:
        low, high = estimate - 200.0 * std_error, estimate + 200.0 * std_error
    respond = np.exp if ratio else (lambda value: value)
    shown = {
        "estimate": respond(estimate),
        "conf_low": respond(low),
        "conf_high": min(respond(high), np.inf),
    }
    tables["summary"].append(
        keys
        | shown
        | {"estimand": "slope_change", "p_value": 0.04, "p_placebo": 0.07 if design == "difference" else None}
        | {"scale": "ratio" if ratio else "response", "direction": "unclear", "label": "no clear evidence"}
    )
    shared = {
        "interruption": "New rota",
        "interruption_period": start,
        "std_error": std_error,
        "statistic": estimate / std_error,
        "conf_level": 0.95,
    }
    for estimator, role in (("reml_ar", "primary"), ("ols", "sensitivity")):
        row = keys | shared | {"estimator": estimator, "role": role, "estimand": "slope_change"}
        tables["effects"].append(
            row
            | {"scale": "link" if ratio else "response"}
            | {"estimate": estimate, "conf_low": low, "conf_high": high}
        )
        if ratio:
            tables["effects"].append(row | {"scale": "ratio"} | shown)
    if not ratio and (given["denominators"] or given["kind"] != "percentage"):
        rows = [row for row in tables["series"] if row["unit"] == unit and row["design"] == design]
        after = [row for row in rows if row["used"] and row["event_time"] >= given["phase_in"]]
        # people for a percentage, per thousand of the denominator for a count, plain otherwise
        factor = (
            {"percentage": 0.01, "count": 0.001}.get(given["kind"], 0.0) if given["denominators"] else 0.0
        )
        total = sum(
            (factor * row["denominator"] if factor else 1.0) * (row["fitted"] - row["counterfactual"])
            for row in after
        )
        tables["effects"].append(
            keys
            | shared
            | {"estimator": "reml_ar", "role": "secondary", "estimand": "cumulative_effect"}
            | {"scale": "response", "estimate": total, "conf_low": total - 9.0, "conf_high": total + 9.0}
        )
    if design == "difference":
        for number in range(given["n_placebos"]):
            value = np.nan if number < given["failed_placebos"] else rng.standard_t(10)
            tables["placebo_units"].append(
                keys
                | {"estimand": "slope_change", "placebo": f"D{number:03d}"}
                | {"estimate": value * std_error, "statistic": value}
            )
        before = given["periods"][: given["begins"]]
        for period in before[:: max(1, len(before) // max(given["n_dates"], 1))][: given["n_dates"]]:
            value = rng.standard_t(10)
            tables["placebo_dates"].append(
                keys
                | {"estimand": "slope_change", "placebo": period}
                | {"estimate": value * std_error, "statistic": value}
            )
    bounds = {
        "breakdown_bend": 0.8,
        "bend_before": -0.5,
        "bend_before_low": -2.0,
        "bend_before_high": 1.0,
        "donor_bend_median": 0.4,
        "donor_bend_p90": 1.2,
        "n_donors": 20,
        "n_before": given["begins"],
    }
    if design == "single":
        bounds |= {"donor_bend_median": np.nan, "donor_bend_p90": np.nan, "n_donors": 0}
    for bend in np.linspace(0.0, 1.8, 7):
        half = (1.0 + bend / 0.8) * std_error
        tables["trend_bounds"].append(
            keys
            | bounds
            | {"estimand": "slope_change", "bend": bend, "estimate": respond(2.0 * std_error)}
            | {"conf_low": respond(2.0 * std_error - half), "conf_high": respond(2.0 * std_error + half)}
        )
    for number in range(given["n_specifications"]):
        value = np.nan if number < given["failed_specifications"] else estimate + rng.normal(0.0, std_error)
        ends = (value - 2.0 * std_error, value + 2.0 * std_error)
        dimension, choice = (
            ("leave_one_peer_out", f"P{number:02d}")
            if number % 2
            else ("k", str(5 * (number // 2 + 1)))
            if number % 4
            else ("combination", f"season=harmonics; order={number // 4}")
        )
        tables["sensitivity"].append(
            keys
            | {"dimension": dimension, "choice": choice, "estimand": "slope_change"}
            | {"estimate": respond(value), "std_error": std_error}
            | {"conf_low": respond(ends[0]), "conf_high": respond(ends[1])}
        )
    if given["n_specifications"]:
        tables["sensitivity"].append(
            keys | shown | {"dimension": "primary", "choice": "as configured", "estimand": "slope_change"}
        )


def _peer_rows(tables, unit, peers, n_aside):
    keys = {"outcome": OUTCOME, "unit": unit}
    for rank, peer in enumerate(peers, start=1):
        pool_rank = rank + min(n_aside, rank - 1)
        tables["peers"].append(
            keys | {"rank": rank, "peer": peer, "distance": 1.0 + 0.3 * pool_rank, "pool_rank": pool_rank}
        )
    for number in range(n_aside if len(peers) > n_aside else 0):
        reason = ("treated itself", "48 of 56 periods after the start observed")[number % 2]
        tables["peer_exclusions"].append(
            keys | {"candidate": f"X{number:02d}", "distance": 1.0 + 0.3 * (2 * number + 2), "reason": reason}
        )
    for number, variable in enumerate(("Beds", "Age 60-74", "Degree of specialisation", "Urban")):
        unit_value, peer_mean, pool_mean, deviation = 10.0 + number, 9.0 + 1.5 * number, 6.0, 3.0
        if number == 2:
            peer_mean = unit_value
        tables["balance"].append(
            keys
            | {"variable": variable, "unit_value": unit_value, "peer_mean": peer_mean, "pool_mean": pool_mean}
            | {"smd": (unit_value - peer_mean) / deviation}
        )


def _pooled_rows(tables, n_units, ratio):
    size, respond = (0.02, np.exp) if ratio else (0.3, float)
    for design in ("single", "difference"):
        for method, ahead in (
            ("paule_mandel_mkh", 2.5),
            ("fixed_effect", np.nan),
            ("paule_mandel_mkh without U00", 1.0),
        ):
            tables["pooled"].append(
                {"outcome": OUTCOME, "design": design, "estimand": "slope_change", "method": method}
                | {"estimate": respond(size), "conf_low": respond(0.0), "conf_high": respond(2.0 * size)}
                | {"prediction_low": respond(size * (1.0 - ahead)), "n_units": n_units}
                | {"prediction_high": respond(size * (1.0 + ahead))}
            )


@pytest.fixture(scope="session")
def run_with():
    """Return the maker of runs."""
    return make_study


def text_boxes(figure):
    """Return every text of a figure with its box in pixels."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    return [(text, text.get_window_extent(renderer)) for text in texts]


def check_layout(figure):
    """Fail when words overlap, leave the sheet, stand on data, are small or not horizontal."""
    with house_style():
        boxes = text_boxes(figure)
    assert boxes
    for (one, first), (other, second) in combinations(boxes, 2):
        # boxes of letters touch a little above and below without the letters doing so
        apart = (
            first.x1 <= second.x0
            or second.x1 <= first.x0
            or first.y1 - 2 <= second.y0
            or second.y1 - 2 <= first.y0
        )
        assert apart, f"{one.get_text()!r} overlaps {other.get_text()!r}"
    for text, box in boxes:
        assert 0 <= box.x0 <= box.x1 <= figure.bbox.x1, f"{text.get_text()!r} is cut off"
        assert 0 <= box.y0 <= box.y1 <= figure.bbox.y1, f"{text.get_text()!r} is cut off"
        assert text.get_fontsize() >= 12
        assert text.get_rotation() == 0
    for axes in figure.axes:
        if not axes.axison:
            continue
        inside = axes.get_window_extent()
        for text, box in boxes:
            over = (
                box.x0 < inside.x1
                and box.x1 > inside.x0
                and box.y0 < inside.y1 - 2
                and box.y1 > inside.y0 + 2
            )
            assert not over, f"{text.get_text()!r} stands on the data"


@pytest.fixture(scope="session")
def layout():
    """Return the check of a figure's words."""
    return check_layout


@pytest.fixture(scope="session")
def said():
    """Return a function that gives all words on a figure as one text."""
    return lambda figure: " ".join(
        text.get_text().replace("\N{NO-BREAK SPACE}", " ") for text in figure.findobj(Text) if text.get_text()
    )


@pytest.fixture(scope="session")
def artists():
    """Return a function that gives the strokes of a name."""
    return lambda figure, gid: [artist for artist in figure.findobj() if artist.get_gid() == gid]

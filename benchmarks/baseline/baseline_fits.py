"""The part of the corpus that calls the package: `its_eval.fit`, and `evaluate` without files.

It runs in both versions, so it uses the names that docs/python.md calls stable, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from baseline_data import FREQUENCIES, START, month

Tables = dict[str, Any]


def python_calls() -> Iterator[tuple[str, Tables, str]]:
    """Yield name, tables and printed text of every call; a fault is printed as such."""
    import pandas as pd  # noqa: PLC0415  (the parent process of the runs needs none of it)

    from its_eval import evaluate, fit, load_config  # noqa: PLC0415
    from its_eval.config import Estimator, Seasonality  # noqa: PLC0415

    long = pd.read_csv("data/study.csv")
    waits = long[long["indicator"] == "waits"].pivot_table(index="period", columns="unit", values="value")
    weeks = pd.read_csv("data/week.csv").pivot_table(index="period", columns="unit", values="value")
    start = month(START)
    two = Seasonality(kind="harmonics", harmonics=2)
    calls: dict[str, Any] = {
        "default": lambda: fit(waits, start),
        "one_series": lambda: fit(waits["U02"], start, at=(0, 6, 60), confidence=0.8),
        "log": lambda: fit(waits, start, log=True, seasonality="none"),
        "months": lambda: fit(waits, start, seasonality="months"),
        "harmonics": lambda: fit(waits, start, seasonality=two),
        "step": lambda: fit(waits, start, shape="step", phase_in=3),
        "slope": lambda: fit(waits, start, shape="slope", phase_in=2),
        "order_2": lambda: fit(waits, start, estimator=Estimator(name="reml_ar", order=2)),
        "by_segment": lambda: fit(waits, start, estimator=Estimator(name="reml_ar", variance="by_segment")),
        "lags": lambda: fit(waits, start, estimator=Estimator(name="newey_west", lags=3), seasonality="none"),
        "arima": lambda: fit(waits[["U01", "U02"]], start, estimator="arima", seasonality="none"),
        "weekly": lambda: fit(weeks[["U01", "U06"]], FREQUENCIES["week"](70), frequency="week"),
        "too_late": lambda: fit(waits, "2017-06"),
        "outside": lambda: fit(waits, "2031-01"),
        "family": lambda: fit(waits, start, estimator="poisson"),
    }
    for name in ("ols", "newey_west", "prais_winsten", "reml_ar_noise"):
        calls[name] = lambda name=name: fit(waits, start, estimator=name, seasonality="none")
    for name, call in calls.items():
        yield (f"fit_{name}", *_told(call))
    for path in ("configs/uk_seatbelts.yaml", "every_check.yaml", "refused_gap_is_error.yaml"):
        yield (f"evaluate_{Path(path).stem}", *_told(lambda path=path: evaluate(load_config(path))))


def _told(call: Any) -> tuple[Tables, str]:
    """Return the tables and the summary of a call, or the words with which it fails."""
    try:
        found = call()
    except Exception as error:  # noqa: BLE001  (whatever it says is what is compared)
        return {}, f"{type(error).__name__}: {error}\n"
    return dict(found.tables), found.summary() + "\n"

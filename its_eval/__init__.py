"""Interrupted time series evaluation for health services.

The public names are loaded when they are first used, so that ``import its_eval`` is quick.

Examples
--------
>>> import pandas as pd
>>> from its_eval import fit
>>> months = pd.period_range("2013-01", periods=48, freq="M")
>>> waits = pd.Series([50.0 + 7 * m % 5 + 6 * (m >= 24) for m in range(48)], months, name="waits")
>>> found = fit(waits, "2015-01", seasonality="none")
>>> found.verdicts["label"].iloc[0]
'changed'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from its_eval.config import load_config
    from its_eval.evaluation import Evaluation
    from its_eval.peers.select import select_peers
    from its_eval.pipeline.peers_of import peers_of
    from its_eval.pipeline.run import evaluate
    from its_eval.pipeline.series_fits import SeriesFits, fit
    from its_eval.report.source import load_run

    __version__: str

__all__ = [
    "Evaluation",
    "SeriesFits",
    "__version__",
    "evaluate",
    "fit",
    "load_config",
    "load_run",
    "peers_of",
    "select_peers",
]

_HOMES = {
    "Evaluation": "its_eval.evaluation",
    "SeriesFits": "its_eval.pipeline.series_fits",
    "evaluate": "its_eval.pipeline.run",
    "fit": "its_eval.pipeline.series_fits",
    "load_config": "its_eval.config",
    "peers_of": "its_eval.pipeline.peers_of",
    "load_run": "its_eval.report.source",
    "select_peers": "its_eval.peers.select",
}


def __getattr__(name: str) -> object:
    """Return a public name, loading its module on first use."""
    if name == "__version__":
        from its_eval.provenance import program_version  # noqa: PLC0415  (start-up time)

        return program_version()
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names and what is loaded."""
    return sorted({*globals(), *__all__})

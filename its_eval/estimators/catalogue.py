"""Estimators by the name they have in the config: a line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.catalogue import Catalogue

if TYPE_CHECKING:
    from its_eval.estimators.kind import EstimatorKind

_HOME = "its_eval.estimators"

ESTIMATORS: Catalogue[EstimatorKind] = Catalogue(
    "an estimator",
    {
        "reml_ar": f"{_HOME}.reml.entry:REML_AR",
        "reml_ar_noise": f"{_HOME}.reml.entry:REML_AR_NOISE",
        "reml_local_level": f"{_HOME}.reml.entry:REML_LOCAL_LEVEL",
        "reml_ar_sampling": f"{_HOME}.reml.entry:REML_AR_SAMPLING",
        "gls_ar": f"{_HOME}.gls_ar:GLS_AR",
        "ols": f"{_HOME}.least_squares:LEAST_SQUARES",
        "newey_west": f"{_HOME}.least_squares:NEWEY_WEST",
        "prais_winsten": f"{_HOME}.prais_winsten:PRAIS_WINSTEN",
        "arima": f"{_HOME}.arima_order:ARIMA",
        "structural": f"{_HOME}.structural:STRUCTURAL",
        "poisson": f"{_HOME}.families:POISSON",
        "quasi_poisson": f"{_HOME}.families:QUASI_POISSON",
        "negative_binomial": f"{_HOME}.families:NEGATIVE_BINOMIAL",
        "binomial": f"{_HOME}.families:BINOMIAL_FAMILY",
        "quasi_binomial": f"{_HOME}.families:QUASI_BINOMIAL",
    },
)

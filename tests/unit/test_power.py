"""The minimum detectable effect against the noncentral t distribution."""

import numpy as np
import pytest
from scipy import stats

from its_eval.checks.power import minimum_detectable


def power_at(effect, df, alpha):
    """Integrate the normal over the chi distribution: no noncentral t involved."""
    critical = stats.t.ppf(1 - alpha / 2, df)
    grid = stats.chi2.ppf((np.arange(200_000) + 0.5) / 200_000, df)
    bound = critical * np.sqrt(grid / df)
    return float((stats.norm.sf(bound - effect) + stats.norm.cdf(-bound - effect)).mean())


@pytest.mark.parametrize("df", [2.0, 3.3, 7.7, 30.0, 500.0])
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_the_power_at_the_answer_is_what_was_asked(df, alpha):
    effect = minimum_detectable(2.5, df, alpha) / 2.5
    critical = stats.t.ppf(1 - alpha / 2, df)
    assert stats.nct.sf(critical, df, effect) + stats.nct.sf(critical, df, -effect) == pytest.approx(
        0.8, abs=1e-8
    )
    assert power_at(effect, df, alpha) == pytest.approx(0.8, abs=2e-5)


@pytest.mark.parametrize(
    ("n", "d", "power"),
    [(34, 0.5, 0.8), (199, 0.2, 0.8), (15, 0.8, 0.8), (44, 0.5, 0.9)],
)
def test_published_sample_sizes_of_the_one_sample_t_test(n, d, power):
    """Smallest n for effect size d, two-sided .05 (as G*Power and Cohen 1988 for paired data)."""
    assert minimum_detectable(1 / np.sqrt(n), n - 1, power=power) <= d
    assert minimum_detectable(1 / np.sqrt(n - 1), n - 2, power=power) > d


def test_it_exceeds_the_textbook_shortcut_at_few_degrees_of_freedom():
    shortcut = stats.t.ppf(0.975, 4) + stats.t.ppf(0.8, 4)
    assert minimum_detectable(1.0, 4.0) > shortcut
    assert minimum_detectable(1.0, 1e6) == pytest.approx(
        stats.norm.ppf(0.975) + stats.norm.ppf(0.8), rel=1e-5
    )


@pytest.mark.parametrize("df", [1.0, 2.0, 2.5, 5.0, 60.0, 1e5])
@pytest.mark.parametrize("alpha", [0.499, 0.1, 0.001, 0.0001])
def test_every_confidence_of_a_config_has_an_answer(df, alpha):
    effect = minimum_detectable(1.0, df, alpha)
    assert power_at(effect, df, alpha) == pytest.approx(0.8, abs=1e-4)

"""Published and R numbers beside the package's own: what agrees, what cannot be expressed and why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from case_models import computed, expected

#: Relative agreement asked for: closed forms, and iterated likelihoods away from a bound.
CLOSED, ITERATED = 1e-6, 1e-4
#: Blocks whose numbers come out of an optimiser.
ITERATIVE = re.compile(r"gls_ar1|gls_ar2|arima|nb_step|structTS")
#: Published tables of R's glm stopped at its default tolerance of 1e-8 in the deviance.
UNCONVERGED = re.compile(r"^r_default_control\.m(\d)")
CONVERGED_AT = 1e-5
CONVERGED = {
    "1": ("model1_poisson", "coef_z"),
    "2": ("model2_quasipoisson", "coef_t"),
    "3": ("model3_quasipoisson_harmonic", "coef_t"),
    "4": ("model4_published_uncentred_interaction", "coef_t"),
}
#: More digits than this are a dump of memory and not a printed table.
MOST_DIGITS = 10

#: R's arima differentiates numerically with one step for all regressors, too long for `time` here: its
#: standard error is 2 % off that of gls. These are compared with gls instead.
NUMERICAL_STEP = re.compile(r"linear_log_rate_harmonic\.arima_100_ml\.coef\..*\.(se|stat|p|lo|hi)$")

AT_BOUND = "the autocorrelation sits on its bound (flag `at_bound`)"

#: What is not expressed, by pattern of the path, and why. The first that fits counts.
NOT_EXPRESSED = (
    (r"_unadjusted\b|adjustFALSE", "Newey-West without n/(n - k) (ivreg2): another factor, not offered"),
    (r"(newey|robust_hc1).*\.coef_z\.", "Newey-West with the normal distribution: t(n - k) is used"),
    (r"df_used_by_nlme", "nlme's n - k under ML, where the tool uses the normal distribution"),
    (r"z_based", "nlme's estimates with the normal distribution: t is used"),
    (r"satterthwaite_oim", "observed information: expected information is used"),
    (r"gls_ar1_reml", AT_BOUND),
    (r"strucchange_breakdate", "search for an unknown date: the date is declared"),
    (r"local_level.*level_var", "variance of the steps of a structural level: no table has it"),
    (r"vcovHAC", "Andrews' automatic bandwidth, which depends on how time is centred; lags are fixed"),
    (r"cochrane_orcutt", "Cochrane-Orcutt drops the first row; Prais-Winsten keeps it"),
    (r"prais_tscorr_robust", "robust standard errors after Prais-Winsten"),
    (r"mean_post_gap", "forecast of a differenced model: there is no counterfactual from a pre-period ARIMA"),
    (r"durbin_watson|resid_acf1|\.dw_", "a diagnostic of residuals, not an estimate"),
    (r"\.ar\d\.|pre_only_arima120\.se", "standard errors of the error process"),
    (r"gls_ar._ml.*coef.*\.(se|stat|df|p|lo|hi)$", "nlme's ML standard errors, which take n - k for n"),
    (r"se_theta|nb_.*deviance", "standard error of the dispersion and deviance of the negative binomial"),
    (r"anova_F", "analysis of deviance of two quasi-Poisson fits"),
    (r"^descr\.|observed_sum", "description of the data"),
    (r"^r_default_control", "R's fits before convergence; the converged ones are compared"),
    (r"rhotype|iterat|vce|method|boundary|small_sample|family|link|order|seasonal", "names of options"),
)  # fmt: skip


def leaves(tree, path=""):
    """Numbers of nested dictionaries and lists by dotted path."""
    if isinstance(tree, dict | list):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for name, part in items:
            yield from leaves(part, f"{path}.{name}" if path else str(name))
    else:
        yield path, tree


def reason(path):
    """Why a number is not expressed; None when nothing is known."""
    return next((why for pattern, why in NOT_EXPRESSED if re.search(pattern, path)), None)


def tolerance(path):
    """Relative agreement asked for."""
    return ITERATED if ITERATIVE.search(path) else CLOSED


@dataclass(frozen=True)
class Printed:
    """A published number beside ours (None: not expressed, for the reason given)."""

    name: str
    text: str
    ours: float | None
    agrees: bool
    remark: str

    @property
    def decimals(self):
        """Decimals as printed."""
        return max(0, -int(Decimal(self.text).as_tuple().exponent))


def published(case):
    """All published numbers of a case."""
    own = dict(leaves(computed(case)))
    rows = []
    for entry in expected(case)["published"]:
        path, text = entry["oracle_path"], entry["printed"]
        loose = UNCONVERGED.match(path)
        if loose:
            block, coefficients = CONVERGED[loose.group(1)]
            path = path.replace(loose.group(0), block).replace(".coef.", f".{coefficients}.")
        remark = "" if entry.get("retrieved_verbatim", True) else "recalled, not looked up"
        if path not in own:
            rows.append(Printed(entry["name"], text, None, False, reason(path) or ""))
            continue
        value = float(own[path])
        if entry.get("match") is False:
            remark = "misprint: " + entry["note"]
        elif loose:
            remark = "printed before full convergence"
        rows.append(Printed(entry["name"], text, value, agrees(value, text, loosely=bool(loose)), remark))
    return rows


def agrees(value, text, *, loosely=False):
    """Whether a value rounds to what is printed, or is as near as the printed digits mean."""
    number = Decimal(text)
    unit = Decimal(1).scaleb(number.as_tuple().exponent)
    error = abs(Decimal(value) - number)
    if loosely:
        return error <= max(unit / 2, abs(number) * Decimal(CONVERGED_AT))
    if len(number.as_tuple().digits) > MOST_DIGITS:
        return error <= abs(number) * Decimal("1e-9")
    return error <= unit * Decimal("0.500001")


def differences(case):
    """Deviations of ours from the R numbers as a multiple of what is allowed, and what is not expressed."""
    own = dict(leaves(computed(case)))
    oracle = dict(leaves(expected(case)["oracle"]))
    compared, missing = {}, {}
    for path, value in oracle.items():
        if isinstance(value, bool | str) or value is None:
            continue
        if NUMERICAL_STEP.search(path):
            missing[path] = "R's numerical standard error, 2 % off R's own gls; ours is compared with gls"
        elif path in own:
            compared[path] = deviation(path, float(own[path]), value, oracle)
        else:
            missing[path] = reason(path)
    return compared, missing


def deviation(path, value, target, oracle):
    """Difference over what is allowed: relative, of limits to their parts, of p by what its statistic may."""
    allowed = tolerance(path)
    block, _, name = path.rpartition(".")
    scale = abs(target)
    if name in ("estimate", "lo", "hi") and f"{block}.se" in oracle:
        scale = abs(oracle[f"{block}.estimate"]) + 2.0 * oracle[f"{block}.se"]
    elif name == "stat":
        scale = max(scale, 1.0)
    elif name == "p":  # a small p magnifies a difference of its statistic by up to the square of that
        scale *= 2.0 + oracle[f"{block}.stat"] ** 2
    elif ".vcov." in path:
        matrix, row, column = path.rsplit(".", 2)
        scale = (oracle[f"{matrix}.{row}.{row}"] * oracle[f"{matrix}.{column}.{column}"]) ** 0.5
    return abs(value - target) / (allowed * scale) if scale else abs(value)

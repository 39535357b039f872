"""Fits of the package laid out as the blocks of numbers that the R scripts of the reference cases write."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from its_eval.estimators.arima import fit_arima
from its_eval.estimators.glm import fit_glm
from its_eval.estimators.least_squares import fit_newey_west, fit_ols
from its_eval.estimators.prais_winsten import fit_prais_winsten
from its_eval.estimators.reml.kenward_roger import joint_f
from its_eval.estimators.reml.reml_ar import fit_reml_ar


def cells(found, column=0):
    """Estimate, standard error, statistic, df, p and 95 % limits of one contrast of the first series."""
    low, high = found.interval(0.95)
    names = ("estimate", "se", "stat", "df", "p", "lo", "hi")
    values = (found.estimate, found.std_error, found.statistic, found.df, found.p_value, low, high)
    return {name: float(value[0, column]) for name, value in zip(names, values, strict=True)}


def table(fit, terms):
    """Return the cells of every term."""
    found = fit.contrasts(np.eye(len(terms)))
    return {term: cells(found, column) for column, term in enumerate(terms)}


def contrast(fit, row):
    """Return the cells of a linear combination of the parameters."""
    return cells(fit.contrasts(np.array([row], dtype=float)))


def overall_f(fit, terms):
    """Test of all terms but the constant: value and degrees of freedom."""
    rows = np.eye(len(terms))[[index for index, term in enumerate(terms) if term != "(Intercept)"]]
    test = joint_f(fit, 0, rows)
    return test.statistic, [test.df_num, test.df_den]


def information_criteria(log_likelihood, n_parameters, n_counted):
    """Akaike's and the Bayesian criterion."""
    penalty = np.log(n_counted) * n_parameters
    return {"aic": 2 * n_parameters - 2 * log_likelihood, "bic": penalty - 2 * log_likelihood}


def ols_block(X, y, terms):
    """``lm`` and its summary."""
    fit = fit_ols(X, y)
    n, k = X.shape
    value, df = overall_f(fit, terms)
    unexplained = fit.sigma[0] ** 2 * (n - k) / np.sum((y - y.mean()) ** 2)
    return {
        "coef": table(fit, terms),
        "sigma": fit.sigma[0],
        "r2": 1 - unexplained,
        "adj_r2": 1 - unexplained * (n - 1) / (n - k),
        "F": [value, *df],
        "n": n,
        "df_resid": n - k,
        "loglik": fit.log_likelihood[0],
        **information_criteria(fit.log_likelihood[0], k + 1, n),
    }


def newey_block(X, y, terms, lags):
    """Stata's ``newey``."""
    fit = fit_newey_west(X, y, lags)
    value, df = overall_f(fit, terms)
    return {
        "lag": lags,
        "coef": table(fit, terms),
        "F": value,
        "F_df": df,
        "vcov": fit.covariance.adjusted[0].tolist(),
    }


def prais_block(X, y, terms, rho, *, iterate=True):
    """Stata's ``prais``."""
    fit = fit_prais_winsten(X, y, rho, iterate=iterate)
    value = fit.partial_autocorrelations[0, 0]
    return {
        "rho": value,
        "coef": table(fit, terms),
        "rmse": fit.sigma[0] * np.sqrt(1 - value**2),
        "n": int(fit.n_used[0]),
        "df": fit.covariance.df_residual[0],
    }


def maximum_likelihood_blocks(X, y, terms):
    """``arima(order = c(1, 0, 0))``, and what ``gls(method = "ML")`` shares with it."""
    fit = fit_arima(X, y, (1, 0, 0))
    n, k = X.shape
    phi, log_likelihood = fit.partial_autocorrelations[0, 0], fit.log_likelihood[0]
    criteria = information_criteria(log_likelihood, k + 2, n)
    names = {"(Intercept)": "intercept"}
    gls = {
        "phi": phi,
        "sigma": fit.sigma[0],
        "loglik": log_likelihood,
        **criteria,
        "coef": {term: {"estimate": fit.params[0, i]} for i, term in enumerate(terms)},
    }
    arima = {
        "coef": {"ar1": {"estimate": phi}, **table(fit, [names.get(term, term) for term in terms])},
        "sigma2": fit.sigma[0] ** 2 * (1 - phi**2),
        "loglik": log_likelihood,
        "aic": criteria["aic"],
    }
    return gls, arima


def restricted_block(X, y, terms):
    """``gls(method = "REML")`` and Satterthwaite's degrees of freedom with expected information."""
    fit = fit_reml_ar(X, y, 1)
    n, k = X.shape
    if fit.flags["at_bound"][0]:
        return {}
    # The model covariance instead of Kenward and Roger's, which R's gls does not have.
    model = replace(fit.covariance, adjusted=fit.covariance.model)
    nothing = np.zeros((1, 0, k, k))
    fixed = replace(model, gradients=nothing, parameter_covariance=np.zeros((1, 0, 0)))
    return {
        "phi": fit.partial_autocorrelations[0, 0],
        "sigma": fit.sigma[0],
        "loglik": fit.log_likelihood[0],
        **information_criteria(fit.log_likelihood[0], k + 2, n - k),
        "coef": table(replace(fit, covariance=fixed), terms),
        "satterthwaite_eim": {
            term: {**block, "df": model.estimate(fit.params, np.eye(k)).df_unclipped[0, i]}
            for i, (term, block) in enumerate(table(replace(fit, covariance=model), terms).items())
        },
    }


def linear_suite(X, y, terms, lags=(0, 1, 2, 3)):
    """All linear estimators of one series."""
    y = y[:, None]
    gls, arima = maximum_likelihood_blocks(X, y, terms)
    return {
        "ols": ols_block(X, y, terms),
        **{f"newey_west_lag{lag}_stata": newey_block(X, y, terms, lag) for lag in lags},
        **{f"prais_winsten_{rho}": prais_block(X, y, terms, rho) for rho in ("regress", "dw", "tscorr")},
        "prais_winsten_regress_twostep": prais_block(X, y, terms, "regress", iterate=False),
        "gls_ar1_ml": gls,
        "gls_ar1_reml": restricted_block(X, y, terms),
        "arima_100_ml": arima,
    }


def arima_block(X, y, terms, order):
    """``arima`` of another order of autoregression: coefficients from the partial autocorrelations."""
    fit = fit_arima(X, y[:, None], order)
    r1, r2 = fit.partial_autocorrelations[0]
    phi = [r1 * (1 - r2), r2]
    variance = fit.sigma[0] ** 2 * np.prod(1 - np.array([r1, r2]) ** 2)
    process = {f"ar{lag}": {"estimate": value} for lag, value in enumerate(phi, start=1)}
    names = ["intercept" if term == "(Intercept)" else term for term in terms]
    return phi, {
        "coef": {**process, **table(fit, names)},
        "sigma2": variance,
        "loglik": fit.log_likelihood[0],
        "aic": 2 * (len(terms) + 3) - 2 * fit.log_likelihood[0],
    }


def saturated(y):
    """Poisson log-likelihood of every count as its own mean."""
    from scipy.stats import poisson

    return float(poisson.logpmf(y, y).sum())


def glm_block(X, y, terms, family, exposure):
    """``glm`` and its summary; deviances are differences of log-likelihoods."""
    y, exposure = y[:, None], exposure[:, None]
    fit = fit_glm(X, y, family, exposure=exposure)
    empty = fit_glm(X[:, :1], y, family, exposure=exposure)
    plain = fit_glm(X, y, family.removeprefix("quasi_"), exposure=exposure)
    # R's Epi::ci.lin takes the normal distribution for quasi families too.
    normal = replace(fit, covariance=replace(fit.covariance, df_residual=np.array([np.inf])))
    block = {
        "dispersion": fit.dispersion[0] if family.startswith("quasi") else 1.0,
        "deviance": 2 * (saturated(y) - fit.log_likelihood[0]),
        "null_deviance": 2 * (saturated(y) - empty.log_likelihood[0]),
        "df_resid": X.shape[0] - X.shape[1],
        "coef_z": table(normal, terms),
    }
    if family.startswith("quasi"):
        block["coef_t"] = table(fit, terms)
    else:
        block["aic"] = 2 * X.shape[1] - 2 * plain.log_likelihood[0]
    block["exp_z"] = ratios(block["coef_z"])
    return block


def ratios(coefficients):
    """Exponentials of estimates and limits."""
    return {
        term: {"exp": np.exp(row["estimate"]), "lo": np.exp(row["lo"]), "hi": np.exp(row["hi"])}
        for term, row in coefficients.items()
    }


def negative_binomial_block(X, y, terms, exposure):
    """``MASS::glm.nb``."""
    fit = fit_glm(X, y[:, None], "negative_binomial", exposure=exposure[:, None])
    coefficients = table(fit, terms)
    return {
        "theta": 1 / fit.dispersion[0],
        "alpha": fit.dispersion[0],
        "twologlik": 2 * fit.log_likelihood[0],
        "coef_z": coefficients,
        "exp_z": ratios(coefficients),
    }

"""Mutations of the numeric core by hand: one wrong number each, and the unit tests that have to notice.

A new formula gets a line here: what an honest slip would make of it (a square forgotten, an index that is one
off, n for n - 1), and the tests that work the same number out in another way. Golden tables do not count.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """One change of the package that makes a number wrong.

    Attributes
    ----------
    function : str
        Where: a function, ``Class.method`` or constant, in whatever module it is.
    text, instead : str
        What is replaced there, occurring once, and by what.
    breaks : str
        What is wrong then.
    tests : tuple of str
        Files (or single tests) of the unit tests that have to fail.
    """

    function: str
    text: str
    instead: str
    breaks: str
    tests: tuple[str, ...]


def of(*paths: str) -> tuple[str, ...]:
    """Return paths within tests/."""
    return tuple(f"tests/{path}" for path in paths)


SHEET = of("unit/pipeline/test_sampling_variance.py")
WEIGHTS = of("reference/test_weighted.py")
KR1 = of("unit/test_estimate_kenward_roger.py")
REML = of("unit/test_estimate_solvers.py")
AR2 = of("unit/test_estimate_ar2_search.py")
SEGMENT = of("unit/test_estimate_by_segment.py")
NOISE = of("unit/test_estimate_reml_noise.py")
CONTRASTS = of("unit/test_contrasts.py")
CLASSICAL = of("unit/test_estimate_classical.py")
PRAIS = of("unit/test_estimate_prais_winsten.py")
ARIMA = of("unit/test_estimate_arima.py")
GLM = of("unit/test_estimate_glm.py")
DESIGN = of("unit/design/test_design_matrix.py")
SCALES = of("unit/design/test_design_transform.py")
EFFECTS = of("unit/test_effects.py")
FAMILIES = of("unit/pipeline/test_families.py")
POOLING = of("unit/test_pooling.py")
VERDICTS = of("unit/pipeline/test_verdict_records.py")
TOGETHER = of("unit/pipeline/test_together.py")
SETS = of("unit/checks/test_check_joint_placebo.py")
HOLM = of("unit/test_multiplicity.py")
COMPARISON = of("unit/checks/test_check_comparison.py")
RANKS = of("unit/checks/test_check_innovations.py")
RESIDUALS = of("unit/checks/test_check_residuals.py")
BREAKS = of("unit/checks/test_check_break_elsewhere.py")
POWER = of("unit/test_power.py")
DESIGN_POWER = of("unit/pipeline/test_design_power.py")
DISTANCES = of("unit/peers/test_peer_distances.py", "unit/peers/test_peer_selection.py")
HISTORIES = of("unit/peers/test_pre_period.py")
COVERAGE = of("unit/data/test_data_coverage.py")
CALENDAR = of("unit/data/test_data_numbers_periods.py")
PAIRED = of("unit/before_after/test_paired.py")
EFFECT_SIZE = of("unit/before_after/test_effect_size.py")
XMR = of("unit/spc/test_limits.py", "unit/spc/test_rules.py")
FORM = of("unit/checks/test_check_form.py")
BENDS = of("unit/checks/test_check_trend_bounds.py", "unit/test_effects_trend_bounds.py")
BOUNDS = of("unit/test_effects_trend_bounds.py")
ATTENTION = of("unit/checks/test_check_attention.py")
PAGE_LEVELS = of("unit/report/pages/test_interval_levels.py")
LAYOUT = of("unit/report/figures/test_figure_layout.py")
WORDS = of("unit/test_narrative.py")
STRATA = of("unit/pipeline/test_strata.py::TestGap::test_its_sampling_variance_is_the_sum_of_both")
RATIO = of("unit/pipeline/test_synthetic_design.py::test_the_printed_estimate_over_earlier_errors_is_ranked")
MIXTURE = of("unit/pipeline/test_synthetic_design.py::test_a_mixture_without_noise_is_recovered")
DONORS = of("reference/test_donor_weights.py")
DOUBLE = of("unit/pipeline/test_sdid_design.py::test_a_trend_after_the_start_is_that_of_the_gap")
HISTORIES = of("unit/peers/test_histories.py")
STACKED = of("unit/pipeline/test_controlled_designs.py::test_empty_rows_keep_panels_apart")
SUMMARY = of("unit/pipeline/test_summary_scale.py::test_a_change_in_per_cent_of_logarithms_stays_one")
AUTOREGRESSION = of("unit/test_estimate_autoregression.py")
NEWTON = of("unit/test_estimate_projected_newton.py")
JOINT = of("unit/test_estimate_joint_test.py")

# A table: where, what is there, what stands instead; what is wrong then, and who has to notice.
# fmt: off
MUTATIONS: tuple[Mutation, ...] = (
    # sampling variance and weights
    Mutation("_variances_of_alike", "count**2", "count",
             "the peers' part of the sampling variance is Σb/k instead of Σb/k²", SHEET),
    Mutation("_Logit.sampling", "1e4 / (variance * denominators**2)", "1e4 / variance",
             "the logit's sampling variance is not 1/(n π (1 − π))", SHEET),
    Mutation("_variances_of_alike", "own + of_peers", "own - of_peers",
             "the peers' part is taken off the variance of the difference", SHEET),
    Mutation("sampling_variances", "np.sum(of_strata, axis=0)", "np.mean(of_strata, axis=0)",
             "the variance of a gap is the mean of those of its strata, not their sum", STRATA),
    Mutation("binomial_variance", "1e4 * fitted * (1.0 - fitted) / count",
             "1e4 * fitted * (1.0 - fitted) / count**2",
             "the binomial variance falls with n²", WEIGHTS),
    Mutation("binomial_variance", "np.clip(fitted, 0.5 / count, 1.0 - 0.5 / count)",
             "np.clip(fitted, 0.0, 1.0)",
             "a fitted share of 0 has no variance, and infinite weight", WEIGHTS),
    Mutation("binomial_variance", "1e4 * fitted * (1.0 - fitted) / count",
             "1e4 * share * (1.0 - share) / count",
             "the observed share decides its own weight, not the fitted one", WEIGHTS),
    Mutation("relative_variance", "np.exp(np.nanmean(np.log(latent + own), axis=0))",
             "np.nanmean(latent + own, axis=0)",
             "weights have an arithmetic mean of 1, so that the likelihood is that of another series",
             WEIGHTS),
    Mutation("relative_variance", "/ free - np.nanmean(own, axis=0)", "/ free",
             "the sampling variance is counted twice", WEIGHTS),
    # restricted likelihood
    Mutation("evaluate_profile", "- 2.0 * slope @ matrices.inverse", "- slope @ matrices.inverse",
             "the curvature of the generalised sum of squares lacks half of the coefficients' response",
             REML),
    Mutation("evaluate_profile", "relative_first + scale_first / df", "relative_first - scale_first / df",
             "the score of the restricted likelihood has a wrong sign", REML),
    Mutation("design_matrices", "(log_determinant - terms.log_determinant)",
             "(0.0 - terms.log_determinant)",
             "full instead of restricted likelihood: log|X'NX| is missing", REML),
    Mutation("score_tables", "(rss_slope + scale_slope * rss)", "rss_slope",
             "AR(1) minimises the sum of squares and not the restricted likelihood", REML),
    Mutation("precision_terms", "np.log(spread) @ degree", "np.log(spread).sum(axis=1)",
             "log|N| of AR(2) counts the second partial autocorrelation once, not twice", AUTOREGRESSION),
    Mutation("autocovariances", "gamma[1] = partials[:, 0] * gamma[0]",
             "gamma[1] = coefficients[0] * gamma[0]",
             "the first autocorrelation of AR(2) is φ₁ instead of φ₁/(1 − φ₂)", AUTOREGRESSION),
    Mutation("PreparedReml._fit_regular", "np.sqrt(innovation_variance * marginal_variance(partials))",
             "np.sqrt(innovation_variance)",
             "sigma is that of the innovations, not of the errors", KR1),
    Mutation("BOUNDS", "(-0.8, 0.99)", "(-0.8, 0.95)",
             "AR(1) may not come nearer to 1 than 0.95", REML),
    Mutation("BOUNDS", "(-0.6, 0.7)", "(-0.6, 0.4)",
             "the second partial autocorrelation stops at 0.4", AR2),
    Mutation("Ar1Solver._best_of_several", "np.lexsort((value, owner))", "np.lexsort((-value, owner))",
             "of several optima of AR(1) the worst is kept", REML),
    Mutation("best_starts", "np.lexsort((value[contested], owner[contested]))",
             "np.lexsort((-value[contested], owner[contested]))",
             "of several optima of AR(2) the worst is kept", REML),
    Mutation("Ar2Solver.solve", "refine(self.design, series.take(owner), to_partials(warped), tolerance)",
             "(to_partials(warped), np.zeros(len(owner)))",
             "AR(2) estimates stay on the search grid", REML),
    Mutation("box_step", "np.maximum(np.abs(eigenvalues), np.finfo(np.float64).tiny ** 0.25)", "eigenvalues",
             "Newton's step climbs where the likelihood is not concave", NEWTON),
    # Kenward-Roger
    Mutation("kenward_roger", "model + 2.0 * scale", "model + scale",
             "KR1 adds half of what the estimated autocorrelation costs", KR1),
    Mutation("kenward_roger", "crossed - matrices.inner_first[:, :, None] @ relative[:, None]", "crossed",
             "KR1 leaves out the term of the coefficients' own precision", KR1),
    Mutation("kenward_roger", "gradients[:, 0] = -model", "gradients[:, 0] = model",
             "the derivative by the error variance has a wrong sign, and with it Satterthwaite's df", KR1),
    Mutation("_information", "information[:, 0, 0] = design.residual_df / 2.0",
             "information[:, 0, 0] = design.n_rows / 2.0",
             "the information of the variance counts terms as data", KR1),
    Mutation("_information", "(design.n_rows - i - j)", "(design.n_rows - j)",
             "the expected information sums a wrong number of products", KR1),
    Mutation("_information", 'scale = (np.einsum("gaii->ga", relative) - terms.log_determinant_first) / 2.0',
             "scale = 0.0 * terms.log_determinant_first",
             "variance and autocorrelation count as independent", KR1),
    Mutation("CovarianceModel.estimate", "2.0 * variance**2", "variance**2",
             "Satterthwaite's degrees of freedom are half of what they are", CONTRASTS),
    Mutation("CovarianceModel.estimate", "np.maximum(adjusted, variance)", "adjusted",
             "a standard error may be smaller than the model's", CONTRASTS),
    Mutation("CovarianceModel.estimate", "np.maximum(ceiling, MINIMUM_DF)), unclipped", "np.inf), unclipped",
             "degrees of freedom may exceed those of the residuals", CONTRASTS),
    Mutation("CovarianceModel.estimate", "np.clip(unclipped, MINIMUM_DF,", "np.clip(unclipped, 0.0,",
             "degrees of freedom below 1 are not held there", CONTRASTS),
    Mutation("ContrastEstimates.quantile", "0.5 + confidence / 2.0", "confidence",
             "intervals are one-sided: 95 % becomes 90 %", CONTRASTS),
    Mutation("ContrastEstimates.p_value", "2.0 * special.stdtr", "special.stdtr",
             "p-values are one-sided", CONTRASTS),
    Mutation("complete_statistics", "max(float(residual_df), MINIMUM_DF)", "np.inf",
             "a batch does not hold degrees of freedom below those of the residuals", CONTRASTS),
    Mutation("_scale_and_df", "df / (expectation * (df - 2.0))", "np.ones_like(df)",
             "the joint F is not scaled", JOINT),
    Mutation("_scale_and_df", "(a1 + 6.0 * a2) / (2.0 * size)", "(a1 + 6.0 * a2) / size",
             "B of the joint F is doubled", JOINT),
    # variance by segment, noise
    Mutation("ErrorModel.rooted", "theta[:, self.order, None] / 2.0", "theta[:, self.order, None]",
             "the variance after is the square of the ratio times that before", SEGMENT),
    Mutation("ErrorModel.terms", "base.log_determinant - n_after * log_ratio", "base.log_determinant",
             "the likelihood by segment lacks the determinant of the ratio", SEGMENT),
    Mutation("fit_at", "np.exp(theta[:, order])", "np.exp(theta[:, order] / 2.0)",
             "the variance ratio is one of standard deviations", SEGMENT),
    Mutation("forms_kenward_roger", "covariance + 2.0 * scale", "covariance + scale",
             "KR1 by segment adds half of what it has to", KR1),
    Mutation("dense_kenward_roger", "model + 2.0 * scale * (phi @ excess @ phi)",
             "model + scale * (phi @ excess @ phi)",
             "KR1 with noise adds half of what it has to", KR1),
    Mutation("noise_covariance", "slope = lags * rho", "slope = rho",
             "the derivative of ρ to the power of a lag lacks the lag", KR1),
    Mutation("signal_share", "ratio / (ratio + 1.0 - rho**2)", "ratio / (ratio + 1.0)",
             "the share of the signal counts the variance of its innovations only",
             of("unit/test_estimate_error_correlation.py")),
    Mutation("PreparedNoise._fit_regular", "share / (1.0 - rho**2), 1.0 - share", "share, 1.0 - share",
             "sigma with noise takes the signal's innovations for the signal", KR1),
    # least squares and Newey-West
    Mutation("newey_west_lags", "2.0 / 9.0", "1.0 / 4.0",
             "default lags grow with another power of n", CLASSICAL),
    Mutation("_fit", "n_used / (n_used - n_terms) * bread", "bread",
             "Newey-West lacks the small-sample factor n/(n − k)", CLASSICAL),
    Mutation("_fit", "scores[observed] = design * residuals[:, None]",
             "scores[:n_used] = design * residuals[:, None]",
             "Newey-West closes gaps in time", CLASSICAL),
    Mutation("_complete", "np.sqrt(residual_sum / residual_df)", "np.sqrt(residual_sum / n_used)",
             "the batch divides the residual sum of squares by n",
             of("unit/test_estimate_ols_statistics.py")),
    # Prais-Winsten, ARIMA, counts
    Mutation("_weigh", "weighed[1:-1] += rho**2 * columns[1:-1]", "weighed[:-1] += rho**2 * columns[:-1]",
             "Prais-Winsten takes the first row as it is, without √(1 − ρ²)", PRAIS),
    Mutation("_autocorrelation", "residuals[:-1], residuals[:-1])", "residuals[1:], residuals[1:])",
             "ρ divides by the squares of the later residuals", PRAIS),
    Mutation("_fit_complete", "np.log1p(-(rho_hat**2))", "0.0",
             "the likelihood of Prais-Winsten is the conditional one", PRAIS),
    Mutation("_polynomials", "np.concatenate([[1.0], -seasonal_ar])", "np.concatenate([[1.0], seasonal_ar])",
             "the seasonal autoregression has a wrong sign", ARIMA),
    Mutation("maximise", "process.n_diffuse * math.log(2.0 * math.pi) / 2.0", "0.0",
             "the log-likelihood of differenced series has a wrong constant", ARIMA),
    Mutation("ErrorProcess.n_diffuse", "self.seasonal_order[1] * self.seasonal_order[3]",
             "self.seasonal_order[1]",
             "seasonal differences cost one observation and not a season", ARIMA),
    Mutation("_reweighted", "np.log(size)", "size",
             "the exposure enters as it is and not as its logarithm", GLM),
    Mutation("_reweighted", "np.column_stack([y, size - y])", "np.column_stack([y, size])",
             "trials are taken for failures", GLM),
    Mutation("fit_glm", "model.bread * (ratio if family in QUASI else 1.0)", "model.bread",
             "quasi families do not carry their dispersion", GLM),
    Mutation("fit_glm", "ratio = model.pearson / df", "ratio = model.pearson / pattern.n_used",
             "the dispersion divides by n", GLM),
    Mutation("dispersion_score", "special.digamma(y + size)", "special.digamma(y + size + 1.0)",
             "the score of the negative binomial's dispersion is off", GLM),
    # designs and scales
    Mutation("interruption_terms", "np.maximum(time - interruption.full, 0.0)",
             "np.maximum(time - interruption.full + 1.0, 0.0)",
             "R is 1 and not 0 at the start", DESIGN),
    Mutation("interruption_terms", "time - interruption.start + 1.0", "time - interruption.start",
             "a ramp starts with 0 and not with 1/m", DESIGN),
    Mutation("interruption_terms", "time >= interruption.full, form", "time > interruption.full, form",
             "D starts one period late", DESIGN),
    Mutation("unused_periods", "(time < interruption.first_effect)", "(time <= interruption.first_effect)",
             "an excluded phase-in takes one period more out", DESIGN),
    Mutation("time_terms", "time - interruptions[0].start", "time",
             "the constant is the level at the first period, not at T0", DESIGN),
    Mutation("dummies", "columns[place == per_year - 1] = -1.0", "columns[place == per_year - 1] = 0.0",
             "the season is coded against its last month, so that the level is that month's", DESIGN),
    Mutation("harmonics", "2.0 * np.pi * np.asarray", "np.pi * np.asarray",
             "the season takes two years", DESIGN),
    Mutation("build_design", "covariates - covariates[usable].mean(axis=0)", "covariates",
             "covariates are not centred, so that the level is that at covariates of 0", DESIGN),
    Mutation("peer_means", "(known * (y - np.swapaxes(effects, 1, 2)))", "(known * y)",
             "the mean of peers jumps when a high or low one is missing", DESIGN),
    Mutation("peer_means", "(observed & usable[some, :, None])", "observed",
             "what stands in unused periods moves the mean in the others", DESIGN),
    Mutation("_Logit.to", "np.log(values) - np.log(100.0 - values)", "np.log(values) - np.log(1.0 - values)",
             "the logit is that of a share, of per cent", SCALES),
    Mutation("_Logit.to", "np.log(denominators - count + 0.5)", "np.log(denominators - count)",
             "a percentage of 100 has no logit in spite of its denominator", SCALES),
    Mutation("_Logit.back", "100.0 / (1.0 + np.exp(-values))", "100.0 / (1.0 + np.exp(values))",
             "the inverse logit is mirrored", SCALES),
    Mutation("gap_to", "gap = own - means", "gap = own + means",
             "the peers are added and not taken off", SHEET),
    Mutation("stack", "np.full(lags, np.nan)", "np.zeros(lags)",
             "the empty rows between panels are data", STACKED),
    Mutation("automatic_season", "months >= TWO_HARMONICS_FROM", "months >= ONE_HARMONIC_FROM",
             "series of two years get two pairs of harmonics", DESIGN),
    # effects
    Mutation("POST_SLOPE", "segment.trend + segment.own(-1)", "segment.own(-1)",
             "the slope after is only its change", EFFECTS),
    Mutation("effect_at", "segment.interruption.full + after", "segment.interruption.full + after - 1",
             "the effect at k is that one period earlier", EFFECTS),
    Mutation("Segment.periods", "self.design.effect_periods(self.number) & self.observed",
             "self.design.effect_periods(self.number)",
             "averages run over periods without a value", EFFECTS),
    Mutation("relative_effects", "(100.0 / base)[:, None] * (effect_row - ratio[:, None] * base_row)",
             "(100.0 / base)[:, None] * effect_row",
             "the per cent effect takes the counterfactual as known", EFFECTS),
    Mutation("fieller_limits", "numerator * denominator - square * covariance", "numerator * denominator",
             "Fieller's limits take effect and level as uncorrelated", EFFECTS),
    Mutation("FIELLER_BELOW", "4.0", "1.0",
             "the delta method is used for levels that may be zero", EFFECTS),
    Mutation("_Builder.exponentiated", "100.0 * (values - 1.0)", "100.0 * values",
             "a ratio of 1.1 is a change of 110 %", EFFECTS),
    Mutation("Kind.as_shown", "100.0 * np.expm1(change)", "100.0 * change",
             "the smallest detectable change in per cent is its logarithm", EFFECTS),
    Mutation("bands", "mean.std_error**2 + variance[:, after]", "variance[:, after]",
             "the prediction band leaves out the uncertainty of the counterfactual", EFFECTS),
    Mutation("bands", "variance = error_variance", "variance = None",
             "the prediction band takes every period to vary alike", EFFECTS),
    Mutation("_Logit.derivative", "100.0 * share * (1.0 - share)", "100.0 * share",
             "the derivative of a share by its logit is the share", FAMILIES),
    Mutation("standardised_effects", "scale.derivative(linear_1)[:, :, None] * with_it - base_gradient",
             "scale.derivative(linear_1)[:, :, None] * (with_it - without)",
             "the gradient takes both means at the same slope", FAMILIES),
    Mutation("standardised_effects", 'np.einsum("sp,spk->sk", weight, gradient[:, chosen])',
             "gradient[:, chosen].sum(axis=1)",
             "the error of a cumulative effect counts every period alike", FAMILIES),
    Mutation("standardised_effects", "- ratio[:, None] * base_row", "",
             "the per cent effect on a log or logit scale takes the counterfactual as known", FAMILIES),
    Mutation("Sheet.weights", "sizes / 100.0", "sizes",
             "the cumulative effect of a percentage counts people a hundredfold", FAMILIES),
    Mutation("Sheet.weights", "sizes / (outcome.per or 1.0)", "sizes",
             "the cumulative effect of a rate per 1,000 counts events a thousandfold", FAMILIES),
    Mutation("_PerCent.effect", "100.0 * np.expm1(change)", "100.0 * change",
             "a logarithm is shown as a change in per cent", SUMMARY),
    Mutation("standardised_effects", "fit.params @ without.T + known", "fit.params @ without.T",
             "the counterfactual of a difference on a log or logit scale leaves out the peers", FAMILIES),
    # several units
    Mutation("adjust", "ordered * np.arange(count, 0, -1)", "ordered * count",
             "Holm's steps all multiply by m", HOLM),
    Mutation("adjust", "(np.arange(1, count + 1) / count)", "1.0",
             "Benjamini-Hochberg does not adjust", HOLM),
    Mutation("adjust", "np.ones(max(size - int(known.sum()), 0))", "np.ones(0)",
             "a unit that was lost makes Holm easier for the others", COMPARISON),
    Mutation("conclude", "own = np.where(answered, p_gap, 1.0)", "own = np.where(answered, p_gap, 0.0)",
             "a unit that is not answered takes the first step of Holm", COMPARISON),
    Mutation("set_label", "CHANGED_MORE if reaches(np.array(p_placebo), alpha)",
             "CHANGED_MORE if reaches(np.array(p_set), alpha)",
             "the set needs no place among sets of others", COMPARISON),
    Mutation("direction", "next((one for one in signs if one)", "next((one for one in signs[-1:] if one)",
             "a direction is that of the last interval and not of the first clear one", VERDICTS),
    Mutation("Terms.size", "self.n_units * count", "self.n_units",
             "a family does not count interruptions", VERDICTS),
    Mutation("joint_test", "len(contrasts) * min(separate)", "min(separate)",
             "without an F test the better of two p-values is taken", VERDICTS),
    Mutation("PrimaryEstimate.limits_at", "1.0 - alpha / 2.0", "1.0 - alpha",
             "directions are told by one-sided intervals", VERDICTS),
    Mutation("set_answer", "len(p_terms) * min(p_terms)", "min(p_terms)",
             "a set's change takes the better of level and trend", TOGETHER),
    Mutation("parts_of", "unknown | item.stuck", "unknown",
             "a unit without variation is averaged as one known for certain", TOGETHER),
    Mutation("paule_mandel", "df = float(effects.size - 1)", "df = float(effects.size)",
             "tau² solves Q = K and not Q = K − 1", POOLING),
    Mutation("pool", "max(1.0, scale)", "scale",
             "the modified Knapp-Hartung error may shrink", POOLING),
    Mutation("_pooled", "count - 2.0", "count - 1.0",
             "the prediction interval has a df too many", POOLING),
    Mutation("_pooled", "math.sqrt(tau2 + std_error**2)", "math.sqrt(tau2)",
             "it takes the mean as known", POOLING),
    Mutation("pool", "1.0 - df / heterogeneity", "1.0 - count / heterogeneity",
             "I² counts K for K − 1", POOLING),
    # placebos and single cases
    Mutation("crawford_howell", "np.sqrt(1.0 + 1.0 / count)", "1.0",
             "the mean of the peers is taken as known", COMPARISON),
    Mutation("crawford_howell", "np.maximum(count - 1, 1)", "count",
             "its t has m df and not m − 1", COMPARISON),
    Mutation("placebo", "(1 + extreme) / (1 + donors.size)", "extreme / donors.size",
             "the unit itself is not among the candidates", COMPARISON),
    Mutation("Placebo.rank", "self.n_extreme + 1", "self.n_extreme",
             "the most extreme unit is number 0", COMPARISON),
    Mutation("_as_large", "~(drawn < ", "(drawn > ",
             "what is NaN does not count", RANKS),
    Mutation("_as_large", "observed - TIE_TOLERANCE * abs(observed)",
             "observed + TIE_TOLERANCE * abs(observed)",
             "ties do not count as extreme", RANKS),
    Mutation("upper_p", "(1 + drawn.size)", "drawn.size",
             "p-values of simulations may exceed 1", RANKS),
    Mutation("joint_placebo", "(as_large + (not listed)) / n_sets", "as_large / n_sets",
             "the treated are not among the random sets", SETS),
    Mutation("Synthetic.scales", "np.sqrt(np.mean(gap**2))", "np.mean(np.abs(gap))",
             "the prediction error is not the root of a mean square", RATIO),
    Mutation("simplex_weights", "float(mean - centre @ weights)", "0.0",
             "the synthetic control has no intercept", MIXTURE),
    Mutation("double_weights", "len(after) ** 0.25", "len(after) ** 0.5",
             "unit weights are more even than the paper has them", DONORS),
    Mutation("left_out_errors", "residuals / (directions**2 @ left)", "residuals",
             "a period has a hand in its own prediction", DONORS),
    Mutation("SyntheticDifference.mixture", "float(found.periods @ gap)", "float(gap.mean())",
             "the level before the start is a plain mean", DOUBLE),
    Mutation("_standardised", "centred / np.sqrt(variance)", "centred",
             "the distance of histories depends on their scale", HISTORIES),
    Mutation("conclude", "np.fmax(own, p_attribution)", "np.fmin(own, p_attribution)",
             "one of two tests is enough for an effect", COMPARISON),
    # power
    Mutation("detectable_noncentrality", "1.0 - alpha / 2.0", "1.0 - alpha",
             "detectable effects are those of one side", POWER),
    Mutation("_found", "upper + np.nan_to_num(1.0 - special.nctdtr(df, -noncentrality, critical))", "upper",
             "a significant effect of the wrong sign is no detection", POWER),
    Mutation("_outcome_rows", "np.sqrt(1.0 + 1.0 / k)", "np.sqrt(1.0 / k)",
             "the noise of a difference is that of the peers alone", DESIGN_POWER),
    Mutation("_contrasts", "years if name in _TRENDS else 1", "1",
             "detectable slopes are per period and said to be per year", DESIGN_POWER),
    # checks of residuals
    Mutation("ljung_box_statistic", "n_used - np.arange(1.0, n_lags + 1.0)", "n_used - np.arange(n_lags)",
             "the weights of Ljung and Box are one lag off", RESIDUALS),
    Mutation("ljung_box_lags", "n_used // 5", "n_used // 4",
             "Ljung-Box takes another number of lags", RESIDUALS),
    Mutation("autocorrelations", "calendar[lag : stop + lag]", "calendar[lag - 1 : stop + lag - 1]",
             "autocorrelations are one lag off", RESIDUALS),
    Mutation("durbin_watson", "np.sum(residuals**2)", "np.sum(residuals[1:] ** 2)",
             "Durbin-Watson leaves the first residual out", RESIDUALS),
    Mutation("breusch_godfrey", "y.size * (1.0", "(y.size - n_lags) * (1.0",
             "n R² takes another n", RESIDUALS),
    Mutation("variance_ratio", "np.sum(1.0 - leverage[after]) / np.sum(1.0 - leverage[~after])",
             "np.sum(after) / np.sum(~after)",
             "the ratio of variances does not count what the design took", RESIDUALS),
    Mutation("FTests.__init__", "- X.shape[1] - n_added", "- X.shape[1]",
             "F of a break has too many df", BREAKS),
    Mutation("FTests.__call__", "gained / n_added", "gained",
             "F of a break is not per column", BREAKS),
    Mutation("break_columns", "(time >= dates[:, None])", "(time > dates[:, None])",
             "a break starts one period late", BREAKS),
    Mutation("search_break", "largest - interruption", "interruption - largest",
             "before and after the interruption change places", BREAKS),
    Mutation("innovations", "rows.append(surprise / np.sqrt(variance))", "rows.append(surprise)",
             "innovations after a gap count as precise as others", RANKS),
    Mutation("innovations", "lagged_variance - covariance**2 / variance", "lagged_variance",
             "the filter forgets what it learned about the month before", RANKS),
    Mutation("two_sided_p", "2.0 * min(", "min(",
             "p-values of simulated nulls are one-sided", RANKS),
    # peers
    Mutation("Scaled._squares",
             "np.where(is_known, self.weights * np.where(is_known, difference, 0.0) ** 2, 0.0)",
             "np.where(is_known, (self.weights * np.where(is_known, difference, 0.0)) ** 2, 0.0)",
             "weights stand outside the square", DISTANCES),
    Mutation("Scaled._squares", "np.where(enough, total / shared, np.nan)",
             "np.where(enough, 1.0, np.nan)",
             "pairs with missing cells come nearer than they are", DISTANCES),
    Mutation("_deviation", "ddof=0 if population else 1", "ddof=0",
             "all scales have the divisor n", DISTANCES),
    Mutation("Search._in_order", "np.lexsort((self._by_code[column], tie_keys(exact), at))",
             "np.lexsort((tie_keys(exact), at))",
             "ties are decided by the order of rows and not by code", DISTANCES),
    Mutation("compared", "known_pool.std(ddof=1)", "known_pool.std()",
             "balance divides by n", DISTANCES),
    Mutation("peer_overlap", "/ len(own)", "/ len(other)",
             "shares of peers are of the other's", POOLING),
    Mutation("coverage_reasons", "min_coverage * total - 1e-9", "min_coverage * total + 1e-9",
             "a unit with exactly the coverage asked for is left out", DISTANCES),
    Mutation("_means_and_slopes", "times - times.sum(axis=0) / enough", "times - times.mean(axis=0)",
             "slopes before the start are wrong with gaps", HISTORIES),
    Mutation("jumps", "_TIMES * usual", "usual",
             "usual differences count as jumps", COVERAGE),
    # calendar
    Mutation("Calendar.containing", "(day.toordinal() - 1) // 7", "day.toordinal() // 7",
             "weeks begin on Sunday", CALENDAR),
    Mutation("Calendar.containing", "day.year * 12 + day.month - 1", "day.year * 12 + day.month",
             "every month is the one after it", CALENDAR),
    Mutation("Calendar.first_day", "3 * (ordinal % 4) + 1", "3 * (ordinal % 4) + 2",
             "quarters begin in February", CALENDAR),
    Mutation("Calendar.season_position", "isocalendar().week - 1", "isocalendar().week",
             "weeks of a year count from 1", CALENDAR),
    # measurements before and after, XmR charts
    Mutation("effect_size", "t * t / (t * t + df)", "t * t / (t * t + df + 1.0)",
             "r takes n for df", EFFECT_SIZE),
    Mutation("effect_size", "df + 1.0 if n is None", "df if n is None",
             "d_z takes df for n", EFFECT_SIZE),
    Mutation("noncentrality_interval", "(1.0 - confidence) / 2.0", "1.0 - confidence",
             "the interval of d_z is that of a lower level", EFFECT_SIZE),
    Mutation("_sd", "ddof=1", "ddof=0",
             "the deviation of changes divides by n", PAIRED),
    Mutation("_signed_rank", "ways[: below + 1]", "ways[:below]",
             "the rank sum itself does not count", PAIRED),
    Mutation("paired_change", "_std_error(follow_up - ratio * baseline)", "_std_error(change)",
             "the error of a per cent change takes the baseline as known", PAIRED),
    Mutation("LIMIT_FACTOR", "2.66", "2.69",
             "XmR limits are not 3/1.128 mean moving ranges", XMR),
    Mutation("RANGE_FACTOR", "3.267", "3.367",
             "the limit of moving ranges is not D4", XMR),
    Mutation("xmr_limits", "2.0 * half / 3.0", "half / 3.0",
             "near limits lie at one sigma", XMR),
    Mutation("trends", "last - first + 2 >= length", "last - first + 1 >= length",
             "a trend needs a point more than it says", XMR),
    # what is printed and drawn
    Mutation("_end_labels", "centre + 0.5 * (tall - _BETWEEN)",
             "centre + 0.5 * (tall - _BETWEEN) + 0.5 * LINE_HEIGHT",
             "labels at the ends of lines stand half a line too high", LAYOUT),
    Mutation("write", "top - row * LINE_HEIGHT + _BASE", "top - (row - 0.5) * LINE_HEIGHT + _BASE",
             "text stands half a line too high", LAYOUT),
    Mutation("draw_sheet", "edge + panel.height + label.y1",
             "edge + panel.height + label.y1 + 0.5 * LINE_HEIGHT",
             "labels of marks stand half a line too high", LAYOUT),
    Mutation("before_each", "positions - 0.5 * np.concatenate", "positions - np.concatenate",
             "the line of the interruption stands a whole period before it", LAYOUT),
    Mutation("bends_before", "read.interval(confidence)", "read.interval(0.8)",
             "the interval of a bend is of another level than it says", BENDS),
    Mutation("before_square", "second_difference(1.0, start) / 2.0 * square, 0.0",
             "second_difference(1.0, start) / 2.0 * square, second_difference(1.0, start) / 2.0 * square",
             "a bend after the interruption counts as one before", BENDS),
    Mutation("largest_bias", "knots[2:]", "knots[1:]",
             "the largest bias counts a kink at the first period", BOUNDS),
    Mutation("settled", "ATTENTION_FACTOR * alpha", "2.0 * ATTENTION_FACTOR * alpha",
             "checks ask for attention twice as easily", ATTENTION),
    Mutation("pre_trend", "0.5 + confidence / 2.0", "confidence",
             "the interval of the drift is of another level than the message says", FORM),
    Mutation("equivalence", "(low > -margin) & (high < margin)", "high < margin",
             "an interval far below the margin counts as inside it", FORM),
    Mutation("correlogram", "[0.025, 0.975]", "[0.05, 0.95]",
             "the band of 95 % of a correlogram is one of 90 %", RESIDUALS),
    Mutation("interval_level", "100.0 * confidence", "95.0",
             "every interval is called one of 95 %", WORDS),
    Mutation("_conclusions", "100.0 * float(settings['confidence'])", "95.0",
             "the report's methods call every interval one of 95 %", PAGE_LEVELS),
)
# fmt: on

"""Every rule of the config has a case here, with its message."""

import pytest

ESTIMATORS = (
    "one of reml_ar, reml_ar_noise, reml_local_level, reml_ar_sampling, gls_ar, ols, newey_west, prais_winsten, arima, "
    "structural, poisson, quasi_poisson, negative_binomial, binomial, quasi_binomial"
)
DESIGNS = "one of single, difference, peer_mean, stacked, synthetic, sdid, augmented_synthetic"
ORDERS = "not an order; expected 1, 2 or auto; for gls_ar 1 to 12; for arima [p, d, q], each 0 to 5, or aicc"
TREATED = "a list of unit codes, e.g. [RTP, RR8], a date for each, e.g. {RTP: 2015-07}, or each"
DATES = "{RTP: 2015-07, RR8: 2016-01}"
PEERS_NEEDED = "peers are needed, and `peers` is left out; expected this key left out, or `peers`"


def outcome(**keys):
    return "[{indicator: waits, " + ", ".join(f"{key}: {value}" for key, value in keys.items()) + "}]"


def data(**keys):
    rest = "".join(f", {key}: {value}" for key, value in keys.items())
    return "{indicators: {path: a.csv}, characteristics: {path: c.csv}" + rest + "}"


def table(**keys):
    rest = ", ".join(f"{key}: {value}" for key, value in keys.items())
    return "{indicators: {" + rest + "}, characteristics: {path: c.csv}}"


RULES = [
    # kinds of value
    ({"version": "2"}, "1: version: found 2; expected 1"),
    ({"version": "one"}, "1: version: found 'one'; expected 1"),
    ({"data": "none"}, "2: data: found 'none'; expected a mapping, `key: value`"),
    ({"data": data(min_denominator="few")}, "2: data.min_denominator: found 'few'; expected a number"),
    ({"data": data(min_denominator="[1]")}, "2: data.min_denominator: found ['1']; expected a number"),
    ({"data": data(min_denominator="nan")}, "2: data.min_denominator: found 'nan'; expected a finite number"),
    ({"data": data(min_denominator="-.inf")}, "2: data.min_denominator: found '-.inf'; expected a number"),
    ({"data": data(min_denominator="0")}, "2: data.min_denominator: found '0'; expected a number above 0"),
    (
        {"data": data(missing="maks")},
        "2: data.missing: found 'maks' (did you mean 'mask'?); expected one of mask, error, drop_unit",
    ),
    (
        {"data": data(frequency="monht")},
        "2: data.frequency: found 'monht' (did you mean 'month'?); expected one of month, quarter, year, week",
    ),
    (
        {"data": data(frequency="[month]")},
        "2: data.frequency: found ['month']; expected one of month, quarter, year, week",
    ),
    ({"seed": "1.5"}, "6: seed: found '1.5'; expected a whole number"),
    ({"seed": "true"}, "6: seed: found 'true'; expected a whole number"),
    ({"seed": "[1]"}, "6: seed: found ['1']; expected a whole number"),
    ({"seed": "-1"}, "6: seed: found '-1'; expected a number of at least 0"),
    ({"seed": "1" * 5000}, f"6: seed: found '{'1' * 58}…; expected a whole number of fewer digits"),
    ({"confidence": "0.5"}, "6: confidence: found '0.5'; expected a number above 0.5"),
    ({"confidence": "1"}, "6: confidence: found '1'; expected a number of at most 0.999999"),
    ({"checks": "{placebo_units: maybe}"}, "6: checks.placebo_units: found 'maybe'; expected true or false"),
    ({"checks": "{placebo_units: [x]}"}, "6: checks.placebo_units: found ['x']; expected true or false"),
    ({"title": "[a]"}, "6: title: found ['a']; expected text"),
    ({"treated": "RTP"}, f"4: treated: 'RTP'; expected {TREATED}"),
    ({"treated": "[]"}, "4: treated: found []; expected at least 1 in the list"),
    ({"treated": "[RTP, ' ']"}, "4: treated[1]: found ' '; expected text that is not empty"),
    ({"treated": "[RTP, ~]"}, "4: treated[1]: found nothing; expected text"),
    ({"peers": "{weights: [a]}"}, "6: peers.weights: found ['a']; expected a mapping, `key: value`"),
    ({"peers": "{min_coverage: 1.1}"}, "6: peers.min_coverage: found '1.1'; expected a number of at most 1"),
    ({"data": table(path="[a]")}, "2: data.indicators.path: found ['a']; expected the path of a file"),
    # required keys and unknown ones
    (
        {"treated": None},
        "1: treated: missing; expected: Codes of the treated units; or dates of their own {RTP: 2015-07}; or `each`: every unit in turn",
    ),
    (
        {"data": "{frequency: month}"},
        "2: data.indicators: missing; expected: One indicator table or a list of them",
    ),
    (
        {"data": "{indicators: }"},
        "2: data.indicators: missing; expected: One indicator table or a list of them",
    ),
    (
        {"data": "{indicators: [{indicator: a}]}"},
        "2: data.indicators[0].path: missing; expected: File, relative to the config: .csv, .csv.gz, .xlsx or .parquet (a file or a folder); for indicators of a batch run also a URL, e.g. s3://bucket/monitor.parquet",
    ),
    (
        {"data": table(indicator="a")},
        "2: data.indicators.path: missing; expected: File, relative to the config: .csv, .csv.gz, .xlsx or .parquet (a file or a folder); for indicators of a batch run also a URL, e.g. s3://bucket/monitor.parquet",
    ),
    (
        {"intervention": "{date: 2015-07, phase_in: {period: 1}}"},
        "3: intervention.phase_in.period: unknown key (did you mean 'periods'?); expected one of periods, as",
    ),
    (
        {"intervention": "{date: 2015-07, phase_in: {as_: ramp}}"},
        "3: intervention.phase_in.as_: unknown key (did you mean 'as'?); expected one of periods, as",
    ),
    (
        {"intervention": "{date: 2015-07, frequncy: }"},
        "3: intervention.frequncy: unknown key; expected one of name, date, shape, length, fit, phase_in, "
        "chosen, delivered",
    ),
    (
        {"events": "[{name: A, date: 2015-01, until_: 3}]"},
        "6: events[0].until_: unknown key (did you mean 'until'?); expected one of name, date, until, as, outcomes, units",
    ),
    # data
    (
        {"data": table(path="a.csv", columns="x")},
        "2: data.indicators.columns: found 'x'; expected a mapping, `key: value`",
    ),
    (
        {"data": table(path="a.txt")},
        "2: data.indicators.path: 'a.txt' is not a kind of table that can be read; expected .csv, .csv.gz, .xlsx or .parquet",
    ),
    (
        {"data": table(path="a.csv", columns="{unti: a}")},
        "2: data.indicators.columns.unti: unknown key: 'unti' is not known (did you mean 'unit'?); expected one of unit, period, indicator, value, numerator, denominator, stratum",
    ),
    (
        {"data": "{indicators: {path: a.csv}, characteristics: {path: c.csv, columns: {name: x}}}"},
        "2: data.characteristics.columns.name: unknown key: 'name' is not known; expected unit",
    ),
    (
        {"data": table(path="a.csv", layout="wide")},
        "2: data.indicators.indicator: missing: the columns of layout wide are units, so none says which indicator it is; expected the name of the indicator",
    ),
    (
        {"data": table(path="a.csv", layout="wide", indicator="a", columns="{unit: b}")},
        "2: data.indicators.columns.unit: 'b': layout wide has no unit column; expected only period",
    ),
    (
        {"data": table(path="a.csv", indicator="a", columns="{indicator: b}")},
        "2: data.indicators.indicator: 'a': columns.indicator already says which indicator a row belongs to; expected one of the two",
    ),
    # intervention and events
    (
        {"intervention": "{date: 2015-13}"},
        "3: intervention.date: '2015-13' is not a month of the calendar; expected a month such as 2015-07",
    ),
    (
        {"data": data(frequency="quarter"), "intervention": "{date: summer 2015}"},
        "3: intervention.date: 'summer 2015' is not a quarter of the calendar; expected a quarter such as 2003Q2",
    ),
    (
        {"intervention": "{date: 2015-07, shape: stp}"},
        "3: intervention.shape: 'stp' is not known (did you mean 'step'?); expected one of step, slope, "
        "step_and_slope, pulse, temporary, decay, gradual, free",
    ),
    (
        {"intervention": "{date: 2015-07, phase_in: {as: ram}}"},
        "3: intervention.phase_in.as: found 'ram' (did you mean 'ramp'?); expected one of exclude, ramp",
    ),
    (
        {"events": "[{name: A, date: 2015}]"},
        "6: events[0].date: '2015' is not a month of the calendar; expected a month such as 2015-07",
    ),
    (
        {"events": "[{name: A, date: 2015-05, until: 2015-06}]"},
        "6: events[0].until: '2015-06': an event of kind note has no end; expected this key left out, or `as: mask`",
    ),
    (
        {"events": "[{name: A, date: 2015-05, until: 2015-04, as: mask}]"},
        "6: events[0].until: '2015-04' is before the date; expected 2015-05 or later",
    ),
    (
        {"events": "[{name: A, date: 2015-05, outcomes: [wait]}]"},
        "6: events[0].outcomes[0]: 'wait' is not an outcome (did you mean 'waits'?); expected waits",
    ),
    (
        {"events": "[{name: A, date: 2015-05, units: [a, a]}]"},
        "6: events[0].units[1]: 'a' stands twice; expected it once",
    ),
    # treated units and peers
    ({"treated": "[RTP, RR8, RTP]"}, "4: treated[2]: 'RTP' stands twice; expected it once"),
    ({"peers": "{preset: nhs}"}, "6: peers.preset: found 'nhs'; expected nhs-trust-peer-finder"),
    *(
        (
            {"peers": f"{{preset: nhs-trust-peer-finder, {key}: {value}}}"},
            f"6: peers.{key}: {shown}: the preset nhs-trust-peer-finder decides this; expected one of the two",
        )
        for key, value, shown in (
            ("variables", "[a]", "('a',)"),
            ("weights", "{a: 2}", "{'a': 2.0}"),
            ("scale", "zscore", "'zscore'"),
            ("metric", "euclidean", "'euclidean'"),
            ("missing", "zero", "'zero'"),
        )
    ),
    *(
        (
            {"peers": f"{{k: {k}}}"},
            f"6: peers.k: {shown} is not a number of peers; expected a whole number of at least 1, or all",
        )
        for k, shown in (("0", "'0'"), ("ten", "'ten'"), ("2.5", "'2.5'"), ("[1]", "['1']"))
    ),
    ({"peers": "{weights: {a: -1}}"}, "6: peers.weights.a: found '-1'; expected a number of at least 0"),
    (
        {"peers": "{variables: [beds, staff], weights: {bed: 2}}"},
        "6: peers.weights.bed: 'bed' is not among the variables (did you mean 'beds'?); expected one of beds, staff",
    ),
    (
        {"peers": "{variables: [beds], weights: {Beds: 0}}"},
        "6: peers.weights: every variable has weight 0; expected a weight above 0",
    ),
    ({"peers": "{variables: []}"}, "6: peers.variables: found []; expected at least 1 in the list"),
    (
        {"peers": "{given: {RTP: [A], RX1: [B]}}"},
        "6: peers.given.RX1: 'RX1' is not a treated unit; expected one of RTP, RR8",
    ),
    (
        {"peers": "{given: {RTP: [A, RR8]}}"},
        "6: peers.given.RTP[1]: 'RR8' is treated itself; expected an untreated unit",
    ),
    ({"peers": "{given: {RTP: [A, A]}}"}, "6: peers.given.RTP[1]: 'A' stands twice; expected it once"),
    (
        {"peers": "{given: {RTP: [A, B]}, exclude: [B]}"},
        "6: peers.given.RTP[1]: 'B' is excluded too; expected one of the two",
    ),
    ({"peers": "{exclude: [B, B]}"}, "6: peers.exclude[1]: 'B' stands twice; expected it once"),
    (
        {"peers": "{within: [units.type]}"},
        "6: peers.within[0]: 'units.type' is a column of data.units, which is left out; expected that table, or a column of data.characteristics",
    ),
    (
        {"data": "{indicators: {path: a.csv}}", "peers": "{given: {RTP: [A]}}"},
        "6: peers: peers cannot be searched without data.characteristics; expected that table, `given` for every treated unit, or `k: all`",
    ),
    (
        {"designs": "[single, difference]"},
        "6: designs[1]: 'difference' needs peers, and `peers` is left out; expected single, or `peers`",
    ),
    ({"designs": "[bogus]"}, f"6: designs[0]: 'bogus' is not known; expected {DESIGNS}"),
    ({"designs": "[single, single]"}, "6: designs[1]: 'single' stands twice; expected it once"),
    # outcomes
    ({"outcomes": "waits"}, "5: outcomes: found 'waits'; expected a list, e.g. [a, b]"),
    (
        {"outcomes": "[{indicator: a}, {indicator: a, label: b}]"},
        "5: outcomes[1].indicator: 'a' has an outcome already; expected one outcome per indicator",
    ),
    (
        {"outcomes": "[{indicator: a, label: A}, {indicator: b, label: A}]"},
        "5: outcomes[1].label: 'A' is the label of another outcome; expected a label of its own",
    ),
    (
        {"outcomes": outcome(per="1000")},
        "5: outcomes[0].per: 1000.0: an outcome of kind number is not shown per anything; expected kind rate or count, or this key left out",
    ),
    (
        {"outcomes": outcome(start="2013")},
        "5: outcomes[0].start: '2013' is not a month of the calendar; expected a month such as 2015-07",
    ),
    (
        {"outcomes": outcome(start="2016-01", end="2015-12")},
        "5: outcomes[0].end: '2015-12' is not after the start; expected a period after 2016-01",
    ),
    (
        {"outcomes": outcome(start="2015-07")},
        "5: outcomes[0].start: '2015-07' leaves no period before the intervention; expected a period before 2015-07",
    ),
    (
        {"outcomes": outcome(end="2015-06")},
        "5: outcomes[0].end: '2015-06' leaves no period after the intervention; expected 2015-07 or later",
    ),
    (
        {"outcomes": outcome(seasonality="quarters")},
        "5: outcomes[0].seasonality: 'quarters' does not go with frequency month; expected one of none, months, auto, {harmonics: 1 to 6}",
    ),
    (
        {"outcomes": outcome(seasonality="{harmonics: 7}")},
        "5: outcomes[0].seasonality: {harmonics: 7} does not go with frequency month; expected one of none, months, auto, {harmonics: 1 to 6}",
    ),
    (
        {"outcomes": outcome(seasonality="{harmonics: 0}")},
        "5: outcomes[0].seasonality.harmonics: found '0'; expected a number of at least 1",
    ),
    (
        {"outcomes": outcome(seasonality="moths")},
        "5: outcomes[0].seasonality: 'moths' is not a kind of season (did you mean 'months'?); expected one of none, months, quarters, weeks, auto, {harmonics: K}",
    ),
    (
        {"outcomes": outcome(seasonality="{kind: months}")},
        "5: outcomes[0].seasonality: {'kind': 'months'} is not a kind of season; expected one of none, months, quarters, weeks, auto, {harmonics: K}",
    ),
    (
        {
            "data": data(frequency="quarter"),
            "intervention": "{date: 2015Q3}",
            "outcomes": outcome(seasonality="months"),
        },
        "5: outcomes[0].seasonality: 'months' does not go with frequency quarter; expected one of none, quarters, auto, {harmonics: 1 to 2}",
    ),
    (
        {
            "data": data(frequency="year"),
            "intervention": "{date: 1989}",
            "outcomes": outcome(seasonality="{harmonics: 1}"),
        },
        "5: outcomes[0].seasonality: {harmonics: 1} does not go with frequency year; expected one of none, auto",
    ),
    # estimators and estimands
    ({"estimators": "reml_ar"}, "6: estimators: found 'reml_ar'; expected a list, e.g. [a, b]"),
    ({"estimators": "[]"}, "6: estimators: found []; expected at least 1 in the list"),
    ({"estimators": "[[ols]]"}, "6: estimators[0]: found ['ols']; expected a mapping, `key: value`"),
    (
        {"estimators": "[olls]"},
        f"6: estimators[0]: 'olls' is not known (did you mean 'ols'?); expected {ESTIMATORS}",
    ),
    (
        {"estimators": "[{name: reml_ar, order: 3}]"},
        "6: estimators[0].order: 3: reml_ar has no order above 2; expected 1, 2 or auto, or the estimator gls_ar",
    ),
    *(
        (
            {"estimators": f"[{{name: gls_ar, order: {written}}}]"},
            f"6: estimators[0].order: {shown} is {ORDERS}",
        )
        for written, shown in (("13", "'13'"), ("0", "'0'"), ("two", "'two'"), ("true", "'true'"))
    ),
    (
        {"estimators": "[{name: ols, lags: 2}]"},
        "6: estimators[0].lags: 2: ols has no such option; expected no options",
    ),
    (
        {"estimators": "[{name: newey_west, order: 2}]"},
        "6: estimators[0].order: 2: newey_west has no such option; expected lags",
    ),
    (
        {"estimators": "[{name: newey_west, lags: -1}]"},
        "6: estimators[0].lags: found '-1'; expected a number of at least 0",
    ),
    (
        {"estimators": "[ols, ols]"},
        "6: estimators[1]: two entries are called 'ols'; expected different options, or a label for each",
    ),
    (
        {"estimators": "[{name: ols, label: A}, {name: reml_ar, label: A}]"},
        "6: estimators[1]: two entries are called 'A'; expected different options, or a label for each",
    ),
    (
        {"outcomes": outcome(estimators="[ols, ols]")},
        "5: outcomes[0].estimators[1]: two entries are called 'ols'; expected different options, or a label for each",
    ),
    (
        {"estimands": "{primary: slop_change}"},
        "6: estimands.primary: 'slop_change' is not an estimand (did you mean 'slope_change' or 'change'?); expected one of change, counterfactual_at_start, pre_slope, level_change, slope_change, post_slope, average_effect, cumulative_effect, relative_average_effect, effect_at_12, effect_at_24",
    ),
    (
        {"estimands": "{primary: effect_at_6, at: [3]}"},
        "6: estimands.primary: 'effect_at_6' needs its number of periods in estimands.at; expected one of change, counterfactual_at_start, pre_slope, level_change, slope_change, post_slope, average_effect, cumulative_effect, relative_average_effect, effect_at_3",
    ),
    (
        {"intervention": "{date: 2015-07, shape: step}", "estimands": "{primary: slope_change, at: []}"},
        "6: estimands.primary: 'slope_change' is not an estimand of shape step; expected one of change, counterfactual_at_start, pre_slope, level_change, average_effect, cumulative_effect, relative_average_effect",
    ),
    (
        {"intervention": "{date: 2015-07, shape: slope}", "estimands": "{primary: level_change, at: []}"},
        "6: estimands.primary: 'level_change' is not an estimand of shape slope; expected one of change, counterfactual_at_start, pre_slope, slope_change, post_slope, average_effect, cumulative_effect, relative_average_effect",
    ),
    ({"estimands": "{at: [6, -1]}"}, "6: estimands.at[1]: found '-1'; expected a number of at least 0"),
    ({"estimands": "{at: [6, 6]}"}, "6: estimands.at[1]: 6 stands twice; expected it once"),
    # the rest
    (
        {"multiplicity": "{method: bonferroni}"},
        "6: multiplicity.method: found 'bonferroni'; expected one of holm, bh, none",
    ),
    (
        {"multiplicity": "{across: [outcome]}"},
        "6: multiplicity.across: outcome: a family holds all treated units; expected unit among them",
    ),
    ({"output": "{figures: [pdf]}"}, "6: output.figures[0]: found 'pdf'; expected one of svg, png"),
    ({"output": "{tables: []}"}, "6: output.tables: found []; expected at least 1 in the list"),
    (
        {"output": "{tables: [csv, xls]}"},
        "6: output.tables[1]: found 'xls' (did you mean 'xlsx'?); expected one of csv, parquet, xlsx, docx, tex",
    ),
    (
        {"output": "{report: {style: [a]}}"},
        "6: output.report.style: found ['a']; expected the path of a file",
    ),
    (
        {"output": "{report: {sytle: a}}"},
        "6: output.report.sytle: unknown key (did you mean 'style'?); expected one of style, answers, status, "
        "contact, what_if",
    ),
    # dates of units
    ({"treated": "{}"}, f"4: treated: no unit; expected {TREATED}"),
    ({"treated": "all"}, f"4: treated: 'all'; expected {TREATED}"),
    ({"treated": "{RTP: }"}, "4: treated: no date for RTP; expected a period for each unit, e.g. 2015-07"),
    (
        {"treated": "{RTP: 2015-13, RR8: 2015-07}"},
        "4: treated.RTP: '2015-13' is not a month of the calendar; expected a month such as 2015-07",
    ),
    *(
        (
            {"intervention": "{shape: step}", "treated": treated},
            "3: intervention.date: missing: the treated units have no dates of their own; expected the first affected period, e.g. 2015-07",
        )
        for treated in ("[RTP]", "each")
    ),
    (
        {"intervention": "{}", "treated": DATES, "outcomes": outcome(start="2015-07")},
        "5: outcomes[0].start: '2015-07' leaves no period before the intervention; expected a period before 2015-07",
    ),
    (
        {"intervention": "{}", "treated": DATES, "outcomes": outcome(end="2015-12")},
        "5: outcomes[0].end: '2015-12' leaves no period after the intervention; expected 2016-01 or later",
    ),
    (
        {"intervention": "{}", "treated": DATES, "peers": "{given: {RTP: [RR8]}}"},
        "6: peers.given.RTP[0]: 'RR8' is treated itself; expected an untreated unit",
    ),
    (
        {"data": "{indicators: {path: a.csv}}", "treated": "each", "peers": "{given: {RTP: [A]}}"},
        "6: peers: peers cannot be searched without data.characteristics; expected that table, `given` for every treated unit, or `k: all`",
    ),
    # fitted events
    (
        {"events": "[{name: A, date: 2015-05, as: jump}]"},
        "6: events[0].as: found 'jump'; expected one of note, mask, step, slope, step_and_slope",
    ),
    *(
        (
            {"events": f"[{{name: A, date: 2015-05, until: 2015-06, as: {kind}}}]"},
            f"6: events[0].until: '2015-06': an event of kind {kind} has no end; expected this key left out, or `as: mask`",
        )
        for kind in ("step", "slope", "step_and_slope")
    ),
    # weeks
    (
        {"data": data(frequency="week"), "intervention": "{date: 2015-W54}"},
        "3: intervention.date: '2015-W54' is not a week of the calendar; expected a week such as 2020-W05",
    ),
    *(
        (
            {
                "data": data(frequency="week"),
                "intervention": "{date: 2015-W30}",
                "outcomes": outcome(seasonality=written),
            },
            f"5: outcomes[0].seasonality: {shown} does not go with frequency week; expected one of none, weeks, auto, {{harmonics: 1 to 13}}",
        )
        for written, shown in (("months", "'months'"), ("{harmonics: 14}", "{harmonics: 14}"))
    ),
    (
        {"outcomes": outcome(seasonality="weeks")},
        "5: outcomes[0].seasonality: 'weeks' does not go with frequency month; expected one of none, months, auto, {harmonics: 1 to 6}",
    ),
    # covariates and strata
    (
        {"outcomes": outcome(covariates="rain")},
        "5: outcomes[0].covariates: found 'rain'; expected a list, e.g. [a, b]",
    ),
    (
        {"outcomes": outcome(covariates="[{indicator: rain, lag: -1}]")},
        "5: outcomes[0].covariates[0].lag: found '-1'; expected a number of at least 0",
    ),
    (
        {"outcomes": outcome(covariates="[{lag: 1}]")},
        "5: outcomes[0].covariates[0].indicator: missing; expected: Indicator of the data, for the same units and periods",
    ),
    (
        {"outcomes": outcome(covariates="[{indicator: rain, lags: 1}]")},
        "5: outcomes[0].covariates[0].lags: unknown key (did you mean 'lag'?); expected one of indicator, lag",
    ),
    (
        {"outcomes": outcome(covariates="[rain, {indicator: rain, lag: 2}, {indicator: rain, lag: 0}]")},
        "5: outcomes[0].covariates[2]: 'rain' with lag 0 stands twice; expected it once",
    ),
    (
        {"outcomes": outcome(strata="[a, a]")},
        "5: outcomes[0].strata.values: 'a' stands twice; expected it once",
    ),
    (
        {"outcomes": outcome(strata="[]")},
        "5: outcomes[0].strata.values: found []; expected at least 1 in the list",
    ),
    ({"outcomes": outcome(strata="a")}, "5: outcomes[0].strata: found 'a'; expected a mapping, `key: value`"),
    (
        {"outcomes": outcome(strata="{values: [women, men], gap: [woman, men]}")},
        "5: outcomes[0].strata.gap[0]: 'woman' is not among the strata (did you mean 'women'?); expected one of women, men",
    ),
    (
        {"outcomes": outcome(strata="{values: [women, men], gap: [women]}")},
        "5: outcomes[0].strata.gap: ['women'] is not a pair; expected two of the strata",
    ),
    (
        {"outcomes": outcome(strata="{values: [women, men], min_denominator: -1}")},
        "5: outcomes[0].strata.min_denominator: found '-1'; expected a number of at least 0",
    ),
    (
        {"outcomes": outcome(transform="logt")},
        "5: outcomes[0].transform: found 'logt' (did you mean 'logit' or 'log'?); expected one of none, log, logit",
    ),
    # options of estimators
    (
        {"estimators": "[{name: arima, order: 2}]"},
        "6: estimators[0].order: 2: the order of arima is three numbers; expected [p, d, q], e.g. [1, 0, 0], "
        "or aicc",
    ),
    *(
        (
            {"estimators": f"[{{name: {name}, order: aicc}}]"},
            f"6: estimators[0].order: aicc: {name} does not choose its order by the data; arima alone does; "
            "expected 1, 2 or auto",
        )
        for name in ("reml_ar", "gls_ar")
    ),
    (
        {"estimators": "[{name: ols, order: aicc}]"},
        "6: estimators[0].order: 'aicc': ols has no such option; expected no options",
    ),
    (
        {"estimators": "[{name: reml_ar, order: [1, 0, 0]}]"},
        "6: estimators[0].order: [1, 0, 0]: the order of reml_ar is one number; expected one of 1, 2, auto",
    ),
    *(
        (
            {"estimators": f"[{{name: arima, order: {written}}}]"},
            f"6: estimators[0].order: {shown} is {ORDERS}",
        )
        for written, shown in (("[1, 0]", "['1', '0']"), ("[1, 0, 9]", "['1', '0', '9']"), ("true", "'true'"))
    ),
    *(
        (
            {"estimators": f"[{{name: arima, seasonal_order: {written}}}]"},
            f"6: estimators[0].seasonal_order: {shown} is not a seasonal order; expected [P, D, Q], each 0 to 5",
        )
        for written, shown in (("[1, 0, 0, 12]", "['1', '0', '0', '12']"), ("1", "'1'"))
    ),
    (
        {"estimators": "[{name: reml_ar, variance: both}]"},
        "6: estimators[0].variance: found 'both'; expected one of constant, by_segment",
    ),
    (
        {"estimators": "[{name: prais_winsten, rho: durbin}]"},
        "6: estimators[0].rho: found 'durbin'; expected one of regress, tscorr, dw",
    ),
    (
        {"estimators": "[{name: ols, seasonal_order: [1, 0, 0]}]"},
        "6: estimators[0].seasonal_order: (1, 0, 0): ols has no such option; expected no options",
    ),
    (
        {"estimators": "[{name: poisson, order: 1}]"},
        "6: estimators[0].order: 1: poisson has no such option; expected one of errors, lags, lagged_residuals",
    ),
    # estimators, designs and kinds of outcome
    *(
        (
            {"outcomes": outcome(kind=kind), "estimators": f"[reml_ar, {name}]"},
            f"5: outcomes[0].estimators: {name!r} does not go with an outcome of kind {kind}; expected kind {wanted}, or another estimator",
        )
        for kind, name, wanted in (
            ("number", "poisson", "count"),
            ("percentage", "quasi_poisson", "count"),
            ("rate", "negative_binomial", "count"),
            ("count", "binomial", "percentage"),
            ("number", "quasi_binomial", "percentage"),
        )
    ),
    (
        {"estimators": "[poisson, ols]", "outcomes": outcome(kind="count"), "peers": "{}"},
        "5: outcomes[0].estimators: 'poisson': a family is for the design single, not for difference; expected reml_ar first, or `designs: [single]`",
    ),
    *(
        (
            {"peers": "{}", "designs": f"[{design}]", "estimators": "[reml_ar, arima]"},
            f"5: outcomes[0].estimators: reml_ar, arima: none is for the design {design}; expected newey_west or ols among them",
        )
        for design in ("peer_mean", "stacked")
    ),
    *(
        (
            {"designs": f"[{design}]", "estimators": "[ols]"},
            f"6: designs[0]: {design!r} needs peers, and `peers` is left out; expected single, or `peers`",
        )
        for design in ("difference", "peer_mean", "stacked", "synthetic", "sdid", "augmented_synthetic")
    ),
    # estimands and checks
    ({"estimands": "{margin: 0}"}, "6: estimands.margin: found '0'; expected a number above 0"),
    ({"checks": "{pretrend_margin: -1}"}, "6: checks.pretrend_margin: found '-1'; expected a number above 0"),
    (
        {"checks": "{placebo_unit: true}"},
        "6: checks.placebo_unit: unknown key (did you mean 'placebo_units' or 'placebo_dates'?); expected one of placebo_units, placebo_dates, leave_one_peer_out, trend_bounds, one_month, anticipation, diagnostics, pretrend_margin",
    ),
    # sensitivity
    *(
        ({"sensitivity": f"{{{name}: {value}}}"}, f"6: sensitivity.{name}: {PEERS_NEEDED}")
        for name, value in (
            ("k", "[5]"),
            ("metric", "[euclidean]"),
            ("scale", "[none]"),
            ("drop_characteristic", "true"),
            ("random_donors", "3"),
        )
    ),
    (
        {"peers": "{}", "sensitivity": "{k: 5}"},
        "7: sensitivity.k: found '5'; expected a list, e.g. [a, b]",
    ),
    (
        {"peers": "{}", "sensitivity": "{k: [0]}"},
        "7: sensitivity.k[0]: found '0'; expected a number of at least 1",
    ),
    (
        {"peers": "{}", "sensitivity": "{metric: [cosine]}"},
        "7: sensitivity.metric[0]: found 'cosine'; expected one of euclidean, mahalanobis",
    ),
    (
        {"peers": "{}", "sensitivity": "{scale: [zscores]}"},
        "7: sensitivity.scale[0]: found 'zscores' (did you mean 'zscore'?); expected one of zscore, minmax, robust, none",
    ),
    (
        {"sensitivity": "{order: [3]}"},
        "6: sensitivity.order[0]: found 3; expected one of 1, 2, reml_ar_noise, reml_local_level, "
        "reml_ar_sampling",
    ),
    ({"sensitivity": "{order: [1, 1]}"}, "6: sensitivity.order[1]: 1 stands twice; expected it once"),
    (
        {"sensitivity": "{variance: [none]}"},
        "6: sensitivity.variance[0]: found 'none'; expected one of constant, by_segment",
    ),
    (
        {"sensitivity": "{season: [none, quarters]}"},
        "6: sensitivity.season[1]: 'quarters' does not go with frequency month; expected one of none, months, auto, {harmonics: 1 to 6}",
    ),
    (
        {"sensitivity": "{season: [moths]}"},
        "6: sensitivity.season[0]: 'moths' is not a kind of season (did you mean 'months'?); expected one of none, months, quarters, weeks, auto, {harmonics: K}",
    ),
    (
        {"sensitivity": "{pre_window: [0]}"},
        "6: sensitivity.pre_window[0]: found '0'; expected a number of at least 1",
    ),
    (
        {"sensitivity": "{transition: [-1]}"},
        "6: sensitivity.transition[0]: found '-1'; expected a number of at least 0",
    ),
    (
        {"sensitivity": "{end: [2016-01, soon]}"},
        "6: sensitivity.end[1]: 'soon' is not a month of the calendar; expected a month such as 2015-07",
    ),
    (
        {"sensitivity": "{weighting: [equal]}"},
        "6: sensitivity.weighting[0]: found 'equal'; expected one of sampling_variance, none",
    ),
    (
        {"sensitivity": "{transform: [sqrt]}"},
        "6: sensitivity.transform[0]: found 'sqrt'; expected one of none, log, logit",
    ),
    (
        {"sensitivity": "{random_donors: -1}"},
        "6: sensitivity.random_donors: found '-1'; expected a number of at least 0",
    ),
    ({"sensitivity": "[k]"}, "6: sensitivity: found ['k']; expected a mapping, `key: value`"),
    (
        {"sensitivity": "{ks: [5]}"},
        "6: sensitivity.ks: unknown key (did you mean 'k'?); expected one of k, metric, scale, drop_characteristic, random_donors, order, variance, season, pre_window, transition, length, end, weighting, transform, missing, trend, standard, cross",
    ),
    # units, characteristics and peers
    (
        {"data": data(units="{path: u.csv, mergers: sum}")},
        "2: data.units.mergers: found 'sum'; expected one of set_aside, combine",
    ),
    (
        {
            "data": data(
                units="{path: u.csv, mergers: combine, columns: {successor: s}}", successions="[nhs, o.csv]"
            )
        },
        "2: data.units.mergers: 'combine': data.successions already says which units are counted as one; expected set_aside, or this key left out",
    ),
    (
        {"data": data(disclosure="{suppress: [7, 1]}")},
        "2: data.disclosure.suppress: 7 is above 1; expected the smaller one first",
    ),
    (
        {"data": data(disclosure="{round: 1}")},
        "2: data.disclosure.round: found '1'; expected a number of at least 2",
    ),
    (
        {"data": data(successions="[nhs, ods]")},
        "2: data.successions[1]: 'ods' is not a kind of table that can be read; expected .csv, .csv.gz, .xlsx or .parquet",
    ),
    (
        {"data": "{indicators: {path: a.csv}, characteristics: {path: c.csv, dated: late}}"},
        "2: data.characteristics.dated: 'late' is not a year or month; expected e.g. 2014 or 2014-09",
    ),
    (
        {"peers": "{scale: sd}"},
        "6: peers.scale: found 'sd'; expected one of zscore, minmax, robust, none",
    ),
    (
        {"peers": "{metric: cosine}"},
        "6: peers.metric: found 'cosine'; expected one of euclidean, mahalanobis, correlation",
    ),
    *(
        (
            {"peers": f"{{caliper: {written}}}"},
            f"6: peers.caliper: {written!r} is not a caliper; expected a distance above 0, or p1 to p99 for a percentile of the pool's k-th-nearest distances",
        )
        for written in ("p0", "-1", "near")
    ),
    (
        {"peers": "{caliper: p90, k: all}"},
        "6: peers.caliper: 'p90': with k: all there is no k-th nearest; expected a distance, or a number of peers",
    ),
    ({"peers": "{variables: [b], log: [a]}"}, "6: peers.log[0]: 'a' is not among the variables; expected b"),
    (
        {"peers": "{metric: correlation}"},
        "6: peers.metric: 'correlation' compares outcomes before the intervention, not characteristics; expected euclidean or mahalanobis, or `match: pre_period`",
    ),
    (
        {"peers": "{match: pre_period, metric: correlation, scale: robust}"},
        "6: peers.scale: 'robust': a correlation does not depend on a scale; expected this key left out, or metric euclidean",
    ),
    (
        {"peers": "{match: pre_period, metric: correlation}", "sensitivity": "{scale: [robust]}"},
        "7: sensitivity.scale: ('robust',): metric correlation has no scale; expected this key left out, or another peers.metric",
    ),
    (
        {"peers": "{match: pre_period, log: [b]}"},
        "6: peers.log: ('b',): match: pre_period compares the outcome before the intervention, not characteristics; expected one of the two",
    ),
]


@pytest.mark.parametrize(("sections", "message"), RULES)
def test_rule(faults, sections, message):
    assert faults(**sections) == [message]


def test_a_faulty_default_is_one_fault(faults):
    found = faults(
        outcome_defaults="{seasonality: quarters, end: 2012-01, start: 2013-01}",
        outcomes="[{indicator: a}, {indicator: b}, {indicator: c, seasonality: quarters}]",
    )
    season = "does not go with frequency month; expected one of none, months, auto, {harmonics: 1 to 6}"
    assert found == [
        f"5: outcomes[2].seasonality: 'quarters' {season}",
        "6: outcome_defaults.end: '2012-01' is not after the start; expected a period after 2013-01",
        f"6: outcome_defaults.seasonality: 'quarters' {season}",
    ]


def test_unreadable_ends_of_a_window_are_not_compared(faults):
    found = faults(intervention="{date: soon}", outcomes=outcome(start="late", end="2015-01"))
    assert [line.split(":")[1] for line in found] == [" intervention.date", " outcomes[0].start"]


def test_all_faults_in_one_pass(faults):
    found = faults(
        data=data(frequency="day", missing="x"),
        intervention="{shape: stp}",
        treated="[A, A]",
        events="[{name: A, date: 2015-01}, {date: x}]",
        peers="{k: 0, given: {Z: [A]}}",
        outcome_defaults="{kind: x}",
        outcomes="[{indicator: waits, better: up}, {label: b}, 3]",
        designs="[single, difference]",
        estimands="{primary: x}",
        sensitivity="{k: [0], ks: 3}",
        seed="x",
    )
    subjects = [line.split(": ")[1] for line in found]
    assert subjects == [
        "data.frequency",
        "data.missing",
        "intervention.shape",
        "treated[1]",
        "outcomes[0].better",
        "outcomes[1].indicator",
        "outcomes[2]",
        "events[1].name",
        "peers.k",
        "outcome_defaults.kind",
        "estimands.primary",
        "sensitivity.k[0]",
        "sensitivity.ks",
        "seed",
    ]


def test_checks_across_keys_run_beside_other_faults(faults):
    found = faults(
        data=data(frequency="day"),
        intervention="{date: 2015-07, shape: step}",
        events="[{name: A, date: no one can tell without a frequency}]",
        peers="{given: {Z: [RTP]}, within: [units.type]}",
        outcome_defaults="{kind: x}",
        outcomes="[{indicator: a}, {indicator: a}]",
        estimands="{primary: slope_change}",
    )
    assert [line.split(": ")[1] for line in found] == [
        "data.frequency",
        "outcomes[1].indicator",
        "peers.given.Z",
        "peers.given.Z[0]",
        "outcome_defaults.kind",
        "estimands.primary",
    ]


def test_a_faulty_treated_list_hides_only_what_needs_it(faults):
    found = faults(treated="[]", peers="{given: {Z: [A]}, within: [units.type]}")
    assert [line.split(": ")[1] for line in found] == ["treated", "peers.within[0]"]


def test_the_message_has_a_hint(write):
    from its_eval.config import load_config
    from its_eval.errors import ConfigError

    with pytest.raises(ConfigError) as caught:
        load_config(write(seed="x"))
    assert caught.value.hint == "`its-eval schema` prints every key with its meaning"


def test_every_unanswerable_estimator_is_told(faults):
    found = faults(
        peers="{}",
        designs="[difference, peer_mean, stacked]",
        outcomes="[{indicator: a, kind: count, estimators: [poisson, binomial]}, {indicator: b}]",
    )
    none = "none is for the design"
    assert found == [
        "5: outcomes[0].estimators: 'binomial' does not go with an outcome of kind count; expected kind percentage, or another estimator",
        "5: outcomes[0].estimators: 'poisson': a family is for the design single, not for difference; expected reml_ar first, or `designs: [single]`",
        f"5: outcomes[0].estimators: poisson, binomial: {none} peer_mean; expected newey_west or ols among them",
        f"5: outcomes[0].estimators: poisson, binomial: {none} stacked; expected newey_west or ols among them",
        f"5: outcomes[1].estimators: reml_ar: {none} peer_mean; expected newey_west or ols among them",
        f"5: outcomes[1].estimators: reml_ar: {none} stacked; expected newey_west or ols among them",
    ]


def test_a_faulty_frequency_hides_only_the_faults_of_dates(faults):
    found = faults(data=data(frequency="day"), sensitivity="{k: [5], end: [soon], season: [quarters]}")
    assert [line.split(": ")[1] for line in found] == ["data.frequency", "sensitivity.k"]

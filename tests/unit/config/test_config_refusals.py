"""Every rule of the config has a case here, with its message."""

# ruff: noqa: E501  (a message stands on one line, as its reader sees it)

import pytest

ESTIMATORS = "one of reml_ar, ols, newey_west"
LATER_ESTIMATORS = [
    "reml_ar_noise",
    "prais_winsten",
    "arima",
    "poisson",
    "quasi_poisson",
    "negative_binomial",
    "binomial",
    "quasi_binomial",
]


def outcome(**keys):
    return "[{indicator: waits, " + ", ".join(f"{key}: {value}" for key, value in keys.items()) + "}]"


def data(**keys):
    rest = "".join(f", {key}: {value}" for key, value in keys.items())
    return "{indicators: {path: a.csv}, characteristics: {path: c.csv}" + rest + "}"


def table(**keys):
    rest = ", ".join(f"{key}: {value}" for key, value in keys.items())
    return "{indicators: {" + rest + "}, characteristics: {path: c.csv}}"


NOT_AVAILABLE = [
    ({"data": data(frequency="week")}, "2: data.frequency: 'week'", "one of month, quarter, year"),
    ({"data": table(path="a.xlsx")}, "2: data.indicators.path: 'a.xlsx': .xlsx", ".csv, .csv.gz or .parquet"),
    (
        {"data": table(path="a.csv", columns="{stratum: age}")},
        "2: data.indicators.columns.stratum: 'stratum'",
        "one of unit, period, indicator, value, numerator, denominator",
    ),
    *(
        (
            {"data": data(units=f"{{path: u.csv, columns: {{{column}: x}}}}")},
            f"2: data.units.columns.{column}: {column!r}",
            "another name",
        )
        for column in ("opened", "closed", "successor")
    ),
    (
        {"treated": "{RTP: 2015-07}"},
        "4: treated: a date for each unit, {'RTP': '2015-07'},",
        "a list of unit codes, e.g. [RTP, RR8]",
    ),
    ({"treated": "each"}, "4: treated: 'each'", "a list of unit codes, e.g. [RTP, RR8]"),
    *(
        (
            {"events": f"[{{name: A, date: 2015-01, as: {kind}}}]"},
            f"6: events[0].as: {kind!r}",
            "one of note, mask",
        )
        for kind in ("step", "slope", "step_and_slope")
    ),
    *(
        ({"peers": f"{{scale: {scale}}}"}, f"6: peers.scale: {scale!r}", "zscore")
        for scale in ("minmax", "robust", "none")
    ),
    ({"peers": "{metric: mahalanobis}"}, "6: peers.metric: 'mahalanobis'", "euclidean"),
    ({"peers": "{caliper: 2}"}, "6: peers.caliper: '2'", "this key left out"),
    ({"outcomes": outcome(transform="logit")}, "5: outcomes[0].transform: 'logit'", "one of none, log"),
    ({"outcomes": outcome(strata="[age]")}, "5: outcomes[0].strata: ['age']", "this key left out"),
    ({"outcomes": outcome(covariates="rain")}, "5: outcomes[0].covariates: 'rain'", "this key left out"),
    *(
        ({"designs": f"[{design}]"}, f"6: designs[0]: {design!r}", "one of single, difference")
        for design in ("peer_mean", "stacked", "synthetic")
    ),
    *(({"estimators": f"[{name}]"}, f"6: estimators[0]: {name!r}", ESTIMATORS) for name in LATER_ESTIMATORS),
    (
        {"estimators": "[{name: arima, order: [1, 0, 0], seasonal_order: [1, 0, 0, 12]}]"},
        "6: estimators[0].name: 'arima'",
        ESTIMATORS,
    ),
    (
        {"estimators": "[{name: reml_ar, variance: by_segment}]"},
        "6: estimators[0].variance: 'by_segment'",
        "constant",
    ),
    (
        {"estimators": "[{name: ols, seasonal_order: [1]}]"},
        "6: estimators[0].seasonal_order: ['1']",
        "this key left out",
    ),
    ({"estimands": "{margin: 2}"}, "6: estimands.margin: '2'", "this key left out"),
    *(
        ({"checks": f"{{{check}: true}}"}, f"6: checks.{check}: true", "false, or this key left out")
        for check in ("placebo_units", "placebo_dates", "leave_one_peer_out")
    ),
    ({"sensitivity": "{k: [5, 15]}"}, "6: sensitivity: {'k': ['5', '15']}", "this key left out"),
    ({"output": "{tables: [csv, xlsx]}"}, "6: output.tables[1]: 'xlsx'", "one of csv, parquet"),
    ({"output": "{report: {style: a.yaml}}"}, "6: output.report.style: 'a.yaml'", "this key left out"),
    ({"output": "{report: {answers: b.yaml}}"}, "6: output.report.answers: 'b.yaml'", "this key left out"),
]


@pytest.mark.parametrize(("sections", "subject", "expected"), NOT_AVAILABLE)
def test_what_comes_later_is_refused_by_name(faults, sections, subject, expected):
    assert faults(**sections) == [f"{subject} is not available in this version; expected {expected}"]


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
        "2: data.missing: found 'maks' (did you mean 'mask'?); expected one of mask, error",
    ),
    (
        {"data": data(frequency="monht")},
        "2: data.frequency: 'monht' is not known (did you mean 'month'?); expected one of month, quarter, year",
    ),
    (
        {"data": data(frequency="[month]")},
        "2: data.frequency: ['month'] is not known; expected one of month, quarter, year",
    ),
    ({"seed": "1.5"}, "6: seed: found '1.5'; expected a whole number"),
    ({"seed": "true"}, "6: seed: found 'true'; expected a whole number"),
    ({"seed": "[1]"}, "6: seed: found ['1']; expected a whole number"),
    ({"seed": "-1"}, "6: seed: found '-1'; expected a number of at least 0"),
    ({"seed": "1" * 5000}, f"6: seed: found '{'1' * 58}…; expected a whole number of fewer digits"),
    ({"confidence": "0.5"}, "6: confidence: found '0.5'; expected a number above 0.5"),
    ({"confidence": "1"}, "6: confidence: found '1'; expected a number below 1"),
    ({"checks": "{placebo_units: maybe}"}, "6: checks.placebo_units: found 'maybe'; expected true or false"),
    ({"checks": "{placebo_units: [x]}"}, "6: checks.placebo_units: found ['x']; expected true or false"),
    ({"title": "[a]"}, "6: title: found ['a']; expected text"),
    ({"treated": "RTP"}, "4: treated: found 'RTP'; expected a list, e.g. [a, b]"),
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
        "2: data.indicators[0].path: missing; expected: File, relative to the config: .csv, .csv.gz or .parquet (a file or a folder)",
    ),
    (
        {"data": table(indicator="a")},
        "2: data.indicators.path: missing; expected: File, relative to the config: .csv, .csv.gz or .parquet (a file or a folder)",
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
        "3: intervention.frequncy: unknown key; expected one of name, date, shape, phase_in",
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
        "2: data.indicators.path: 'a.txt' is not a kind of table that can be read; expected .csv, .csv.gz or .parquet",
    ),
    (
        {"data": table(path="a.csv", columns="{unti: a}")},
        "2: data.indicators.columns.unti: unknown key: 'unti' is not known (did you mean 'unit'?); expected one of unit, period, indicator, value, numerator, denominator",
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
        {"data": data(frequency="quarter"), "intervention": "{date: July 2015}"},
        "3: intervention.date: 'July 2015' is not a quarter of the calendar; expected a quarter such as 2003Q2",
    ),
    (
        {"intervention": "{date: 2015-07, shape: stp}"},
        "3: intervention.shape: found 'stp' (did you mean 'step'?); expected one of step, slope, step_and_slope",
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
        "6: peers: peers cannot be searched without data.characteristics; expected that table, or `given` for every treated unit",
    ),
    (
        {"designs": "[single, difference]"},
        "6: designs[1]: 'difference' needs peers, and `peers` is left out; expected single, or `peers`",
    ),
    ({"designs": "[bogus]"}, "6: designs[0]: 'bogus' is not known; expected one of single, difference"),
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
        "5: outcomes[0].seasonality: 'moths' is not a kind of season (did you mean 'months'?); expected one of none, months, quarters, auto, {harmonics: K}",
    ),
    (
        {"outcomes": outcome(seasonality="{kind: months}")},
        "5: outcomes[0].seasonality: {'kind': 'months'} is not a kind of season; expected one of none, months, quarters, auto, {harmonics: K}",
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
        "6: estimators[0].order: found 3; expected one of 1, 2, auto",
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
        "6: estimands.primary: 'slop_change' is not an estimand (did you mean 'slope_change' or 'level_change'?); expected one of counterfactual_at_start, pre_slope, level_change, slope_change, post_slope, average_effect, cumulative_effect, relative_average_effect, effect_at_12, effect_at_24",
    ),
    (
        {"estimands": "{primary: effect_at_6, at: [3]}"},
        "6: estimands.primary: 'effect_at_6' needs its number of periods in estimands.at; expected one of counterfactual_at_start, pre_slope, level_change, slope_change, post_slope, average_effect, cumulative_effect, relative_average_effect, effect_at_3",
    ),
    (
        {"intervention": "{date: 2015-07, shape: step}", "estimands": "{primary: slope_change, at: []}"},
        "6: estimands.primary: 'slope_change' is not an estimand of shape step; expected one of counterfactual_at_start, pre_slope, level_change, average_effect, cumulative_effect, relative_average_effect",
    ),
    (
        {"intervention": "{date: 2015-07, shape: slope}", "estimands": "{primary: level_change, at: []}"},
        "6: estimands.primary: 'level_change' is not an estimand of shape slope; expected one of counterfactual_at_start, pre_slope, slope_change, post_slope, average_effect, cumulative_effect, relative_average_effect",
    ),
    ({"estimands": "{at: [6, -1]}"}, "6: estimands.at[1]: found '-1'; expected a number of at least 0"),
    ({"estimands": "{at: [6, 6]}"}, "6: estimands.at[1]: 6 stands twice; expected it once"),
    # the rest
    (
        {"multiplicity": "{method: bonferroni}"},
        "6: multiplicity.method: found 'bonferroni'; expected one of holm, bh, none",
    ),
    ({"multiplicity": "{across: [outcome]}"}, "6: multiplicity.across[0]: found 'outcome'; expected unit"),
    ({"output": "{figures: [pdf]}"}, "6: output.figures[0]: found 'pdf'; expected one of svg, png"),
    ({"output": "{tables: []}"}, "6: output.tables: found []; expected at least 1 in the list"),
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
        data=data(frequency="week", missing="x"),
        intervention="{shape: stp}",
        treated="[A, A]",
        events="[{name: A, date: 2015-01}, {date: x}]",
        peers="{k: 0, given: {Z: [A]}}",
        outcome_defaults="{kind: x}",
        outcomes="[{indicator: waits, better: up}, {label: b}, 3]",
        designs="[single, difference]",
        estimands="{primary: x}",
        seed="x",
    )
    subjects = [line.split(": ")[1] for line in found]
    assert subjects == [
        "data.frequency",
        "data.missing",
        "intervention.date",
        "intervention.shape",
        "treated[1]",
        "outcomes[0].better",
        "outcomes[1].indicator",
        "outcomes[2]",
        "events[1].name",
        "peers.k",
        "outcome_defaults.kind",
        "estimands.primary",
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

"""Sentences: every branch, their numbers from the row, and words that claim no more than the design can."""

import itertools
import math
import re

import pandas as pd
import pytest

from its_eval.evaluation import COLUMNS, JUDGED_AS_A_SET, Evaluation, make_table
from its_eval.words import labels, numbers, sentences, verdicts

ABOUT = {"frequency": "month", "kind": "percentage", "unit": "%", "confidence": 0.95}
ROW = {
    "design": "single",
    "estimand": "slope_change",
    "scale": "response",
    "estimate": -0.3319,
    "conf_low": -0.8712,
    "conf_high": 0.2074,
    "p_value": 0.1712,
    "p_adjusted": 0.342,
    "minimum_detectable": 0.7523,
    "direction": "unclear",
    "label": "no clear evidence",
}
CAUSAL = re.compile(
    r"caus|led to|leads to|effect of|because|thanks to|due to|impact|result of", re.IGNORECASE
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (0.3319, "0.33"),
        (-0.3319, "−0.33"),
        (0.005, "0.01"),
        (-0.00512, "−0.01"),
        (0.00499, "0.005"),
        (-0.0012, "−0.001"),
        (0.0000321, "0.00003"),
        (0.0000009, "0.000001"),
        (0.0000004, "0"),
        (-1e-12, "0"),
        (9.876, "9.88"),
        (-12.345, "−12.3"),
        (123.45, "123"),
        (-1234567.8, "−1,234,568"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (math.nan, "–"),
    ],
)
def test_rounded(value, text):
    assert numbers.rounded(value) == text
    assert "-" not in text


def test_rounded_to_more_digits():
    assert numbers.rounded(-0.00716, 4) == "−0.0072"
    assert numbers.rounded(12.3456, 4) == "12.3"


@pytest.mark.parametrize(
    ("low", "high", "scale", "digits"),
    [
        (-0.87, 0.21, "response", 2),
        (-50.0, 70.0, "response", 2),
        (-0.012, -0.002, "response", 3),
        (-0.0038, 0.0052, "response", 4),
        (-1e-9, 1e-9, "response", 6),
        (0.9, 1.1, "ratio", 2),
        (0.99999, 1.00001, "ratio", 4),
        (-math.inf, math.inf, "response", 2),
        (math.nan, 1.0, "response", 2),
        (1.0, 1.0, "response", 2),
    ],
)
def test_digits_go_by_the_width_of_the_interval(low, high, scale, digits):
    assert numbers.digits_for({"conf_low": low, "conf_high": high, "scale": scale}) == digits


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "p < 0.001"),
        (0.000999, "p < 0.001"),
        (0.001, "p = 0.001"),
        (0.0496, "p = 0.050"),
        (0.1, "p = 0.10"),
        (0.842, "p = 0.84"),
        (1.0, "p = 1.00"),
        (math.nan, ""),
    ],
)
def test_p_words(value, text):
    assert numbers.p_words(value) == text


@pytest.mark.parametrize(
    ("estimand", "frequency", "words"),
    [
        ("slope_change", "month", "change of trend, per month"),
        ("pre_slope", "quarter", "trend before, per quarter"),
        ("post_slope", "week", "trend after, per week"),
        ("level_change", "year", "jump at the start"),
        ("counterfactual_at_start", "year", "level expected at the start"),
        ("effect_at_12", "month", "effect 12 months after the start"),
        ("effect_at_1", "month", "effect 1 month after the start"),
        ("average_effect", "month", "average effect"),
        ("cumulative_effect", "month", "cumulative effect"),
        ("relative_average_effect", "month", "average effect, relative"),
    ],
)
def test_estimand_words(estimand, frequency, words):
    assert labels.estimand_words(estimand, {"frequency": frequency}) == words


def test_quantities_carry_their_unit():
    assert numbers.quantity(-0.3319, ROW, ABOUT) == "−0.33 percentage points"
    assert numbers.quantity(12.0, ROW, ABOUT | {"kind": "number", "unit": "days"}) == "12.0 days"
    assert numbers.quantity(12.0, ROW, ABOUT | {"kind": "number", "unit": ""}) == "12.0"


def test_a_ratio_is_a_change_in_per_cent():
    row = ROW | {"scale": "ratio", "estimate": 0.75, "conf_low": 0.6, "conf_high": 0.94}
    assert numbers.quantity(0.75, row, ABOUT) == "−25.0 %"
    assert numbers.quantity(1.043, row, ABOUT) == "4.30 %"
    assert numbers.interval_words(row, ABOUT) == "95 % interval −40.0 to −6.00"


@pytest.mark.parametrize(
    ("confidence", "text"), [(0.95, "95"), (0.9, "90"), (0.975, "97.5"), (0.999, "99.9"), (0.99, "99")]
)
def test_the_level_of_the_interval_is_exact(confidence, text):
    words = numbers.interval_words(ROW, ABOUT | {"confidence": confidence})
    assert words == f"{text} % interval −0.87 to 0.21"


def test_an_interval_without_limits():
    row = ROW | {"conf_low": -math.inf, "conf_high": math.inf}
    assert numbers.interval_words(row, ABOUT) == "95 % interval −∞ to ∞"
    ratio = {"scale": "ratio", "conf_low": 0.0, "conf_high": math.inf}
    assert numbers.interval_words(ROW | ratio, ABOUT) == "95 % interval −100 to ∞"


def test_a_small_quantity_keeps_its_interval():
    row = ROW | {"estimate": -0.00716, "conf_low": -0.01212, "conf_high": -0.00221}
    assert "per month −0.0072 percentage points (95 % interval −0.0121 to −0.0022;" in verdicts.headline(
        row, ABOUT
    )


def test_no_clear_evidence_says_what_could_have_been_found():
    assert verdicts.headline(ROW, ABOUT) == (
        "Compared with its own earlier trend: no clear evidence of a change; change of trend, per month "
        "−0.33 percentage points (95 % interval −0.87 to 0.21; p = 0.17, adjusted p = 0.34). "
        "Taken alone, a change of 0.75 percentage points would be found four times in five."
    )


def test_no_clear_evidence_without_a_smallest_change():
    sentence = verdicts.headline(ROW | {"minimum_detectable": math.nan}, ABOUT)
    assert sentence.endswith("adjusted p = 0.34).")
    assert verdicts.headline(ROW | {"minimum_detectable": math.inf}, ABOUT) == sentence


def test_without_adjustment_there_is_one_p_value():
    assert "; p = 0.17). " in verdicts.headline(ROW | {"p_adjusted": math.nan}, ABOUT)


def test_not_estimable_has_no_p_value():
    row = ROW | {
        "label": "not estimable",
        "p_value": math.nan,
        "p_adjusted": math.nan,
        "design": "difference",
    }
    assert verdicts.headline(row, ABOUT) == (
        "Compared with its peers: change of trend, per month −0.33 percentage points "
        "(95 % interval −0.87 to 0.21); not estimable, so no p-value."
    )


@pytest.mark.parametrize(
    ("direction", "words"), [("better", ", for the better"), ("worse", ", for the worse"), ("unclear", "")]
)
@pytest.mark.parametrize(
    ("design", "estimand", "changed"),
    [
        ("single", "slope_change", "the trend differs from before"),
        ("single", "level_change", "the level differs from before"),
        ("difference", "slope_change", "the gap changed"),
        ("difference", "level_change", "the gap changed"),
    ],
)
def test_a_change_and_its_direction(design, estimand, changed, direction, words):
    row = ROW | {"design": design, "estimand": estimand, "label": "changed", "direction": direction}
    assert f": {changed}{words}; " in verdicts.headline(row, ABOUT)


def every_sentence():
    labels = ("not estimable", "no clear evidence", "differs from before")
    estimands = ("slope_change", "level_change", "post_slope", "pre_slope")
    choices = (
        ("single", "difference"),
        labels,
        estimands,
        ("better", "worse", "unclear"),
        ("response", "ratio"),
    )
    for design, label, estimand, direction, scale in itertools.product(*choices):
        row = ROW | {
            "design": design, "label": label, "estimand": estimand, "direction": direction, "scale": scale,
        }  # fmt: skip
        yield row, verdicts.headline(row, ABOUT)


def test_no_sentence_says_significant_and_none_of_a_single_series_names_a_cause():
    for row, sentence in every_sentence():
        assert "signific" not in sentence.casefold()
        assert "prove" not in sentence.casefold()
        if row["design"] == "single":
            assert not CAUSAL.search(sentence)


def test_every_number_of_a_sentence_is_of_its_row():
    for row, sentence in every_sentence():
        change = {"ratio": lambda value: 100 * (value - 1), "response": lambda value: value}[row["scale"]]
        limits = [change(row[name]) for name in ("estimate", "conf_low", "conf_high", "minimum_detectable")]
        fall = [100 * (1 / row["minimum_detectable"] - 1)] if row["scale"] == "ratio" else []
        known = [95, 0.001, row["p_value"], row["p_adjusted"], *limits, *fall]
        for text in re.findall(r"−?\d[\d,]*(?:\.\d+)?", sentence):
            number = float(text.replace(",", "").replace("−", "-"))
            assert any(math.isclose(number, value, rel_tol=0.02) for value in known), (text, sentence)


def an_evaluation(**tables):
    made = {name: make_table(name, tables.get(name, [])) for name in COLUMNS}
    return Evaluation("t", made, (), {})


def peer_rows(ranks):
    return [
        {
            "outcome": "o",
            "unit": "u",
            "rank": place,
            "peer": f"P{place}",
            "distance": place,
            "pool_rank": rank,
        }
        for place, rank in enumerate(ranks, start=1)
    ]


def exclusions(count):
    return [
        {"outcome": "o", "unit": "u", "candidate": f"X{place}", "distance": place, "reason": "treated itself"}
        for place in range(count)
    ]


@pytest.mark.parametrize(
    ("ranks", "excluded", "sentence"),
    [
        ([], 0, ""),
        ([1, 2, 3], 0, "Peers, nearest first: P1, P2, P3."),
        (
            [1, 3, 6],
            3,
            (
                "Peers, nearest first: P1, P2, P3. 2 of the 3 nearest are eligible; the list reaches down to "
                "number 6 of the pool."
            ),
        ),
        ([None, 2], 0, "Peers as given: P1, P2."),
        ([5, 2], 9, "Peers as given: P1, P2."),
        ([2, 5], 0, "Peers as given: P1, P2."),
    ],
)
def test_peers_sentence(ranks, excluded, sentence):
    evaluation = an_evaluation(peers=peer_rows(ranks), peer_exclusions=exclusions(excluded))
    assert sentences.peers_sentence(evaluation, "o", "u") == sentence


def test_attention_names_flags_of_the_primary_estimator_and_what_failed():
    key = {"outcome": "o", "unit": "u"}
    evaluation = an_evaluation(
        effects=[key | {"design": "single", "estimator": "reml_ar", "role": "primary"}],
        fits=[
            key | {"design": "single", "estimator": "reml_ar", "flags": "at_bound; brand_new"},
            key | {"design": "single", "estimator": "ols", "flags": "degenerate"},
            key | {"design": "difference", "estimator": "reml_ar", "flags": ""},
        ],
        not_estimated=[
            key | {"design": "difference", "estimator": "", "reason": "no_peers", "message": "u has no peers"}
        ] * 2,
    )  # fmt: skip
    assert sentences.attention(evaluation, "o", "u") == [
        f"single: {labels.FLAG_WORDS['at_bound']}",
        "single: brand_new",
        "difference: not estimated: u has no peers",
    ]
    assert sentences.attention(evaluation, "o", "other") == []


def test_every_flag_of_the_estimators_has_words():
    from its_eval.estimators import least_squares as classical
    from its_eval.estimators.reml import reml_ar

    own = {"df_floor", "counterfactual_outside_range"}
    assert {*classical.FLAGS, *reml_ar.FLAGS, *own} <= set(labels.FLAG_WORDS)


def test_data_sentences_count_faults_by_kind():
    row = {"indicator": "o", "unit": "u", "period": "2015-01", "value": "x", "message": "m"}
    rows = [
        row | {"check": check, "severity": severity}
        for check, severity in (
            ("not_a_number", "error"), ("duplicate_period", "error"), ("not_a_number", "warning"),
            ("missing_periods", "info"),
        )
    ]  # fmt: skip
    evaluation = an_evaluation(data_quality=rows)
    (sentence,) = sentences.data_sentences(evaluation)
    assert sentence == (
        "Faults in rows that this run does not use: duplicate_period (1), not_a_number (2); the table "
        "data_quality lists them."
    )
    assert sentences.data_sentences(an_evaluation(data_quality=rows[3:])) == []


def test_tidy_and_rows_of():
    evaluation = an_evaluation(peers=peer_rows([1, 2]))
    pd.testing.assert_frame_equal(evaluation.tidy("peers"), evaluation.rows_of("peers", "o"))
    assert evaluation.rows_of("peers", "o", "nobody").empty
    assert evaluation.tidy().empty


def test_units_of_relative_and_cumulative_effects():
    relative = ROW | {"estimand": "relative_average_effect"}
    assert numbers.quantity(-12.75, relative, ABOUT).endswith(" %")
    people = ABOUT | {"kind": "percentage"}
    assert numbers.quantity(321.0, ROW | {"estimand": "cumulative_effect"}, people) == "321 people"


def test_a_fall_and_a_rise_of_one_log_size():
    row = ROW | {
        "scale": "ratio",
        "estimate": 1.0,
        "conf_low": 0.7,
        "conf_high": 1.4,
        "minimum_detectable": 1.25,
    }
    assert numbers.detectable_words(row, ABOUT) == "−20.0 % or +25.0 %"


def test_the_place_among_placebo_units_stands_beside_the_other_p_values():
    row = ROW | {"design": "difference", "p_placebo": 0.034}
    assert "; p = 0.17, adjusted p = 0.34, placebo p = 0.034). " in verdicts.headline(row, ABOUT)
    stuck = row | {"label": "not estimable", "p_value": math.nan, "p_adjusted": math.nan}
    assert verdicts.headline(stuck, ABOUT).endswith(
        "; not estimable, so no p-value of its own (placebo p = 0.034)."
    )


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("consistent with an effect", ", for the better, more than is usual among other units; change of"),
        (
            "gap changed, not unusual",
            ", for the better, but no more than is usual among other units; change of",
        ),
    ],
)
def test_a_change_that_was_set_beside_other_units(label, words):
    row = ROW | {"design": "difference", "direction": "better", "label": label}
    assert f"the gap changed{words}" in verdicts.headline(row, ABOUT)


def test_a_unit_that_cannot_be_judged_by_itself():
    row = ROW | {"design": "difference", "label": JUDGED_AS_A_SET}
    assert verdicts.headline(row, ABOUT) == (
        "Compared with its peers: change of trend, per month −0.33 percentage points (95 % interval −0.87 to "
        "0.21; p = 0.17, adjusted p = 0.34). Taken alone, a change of 0.75 percentage points would be found "
        "four times in five. Other units are too few to judge this one by itself; see the units together."
    )
    clear = row | {"conf_low": -0.87, "conf_high": -0.21}
    assert "four times in five" not in verdicts.headline(clear, ABOUT)


def test_without_an_interval_there_is_the_placebo_alone():
    none = {"conf_low": math.nan, "conf_high": math.nan, "p_value": math.nan, "p_adjusted": math.nan}
    row = ROW | none | {"design": "synthetic", "p_placebo": 0.02, "minimum_detectable": math.nan}
    assert verdicts.headline(row, ABOUT).endswith("percentage points (no interval; placebo p = 0.020).")
    assert verdicts.headline(row | {"p_placebo": math.nan}, ABOUT).endswith(
        "percentage points (no interval)."
    )


@pytest.mark.parametrize(
    ("row", "about", "unit"),
    [
        ({"scale": "link"}, {}, "on the logarithmic scale"),
        ({"scale": "ratio"}, {}, "%"),
        ({"scale": "ratio"}, {"transform": "logit"}, "% of the odds"),
        ({"scale": "ratio", "estimand": "relative_average_effect"}, {"transform": "logit"}, "%"),
        ({"estimand": "counterfactual_at_start"}, {}, "%"),
        ({"estimand": "counterfactual_at_start", "design": "difference"}, {}, "percentage points"),
        ({"estimand": "cumulative_effect"}, {"kind": "number", "unit": "days"}, "days"),
    ],
)
def test_the_measure_of_a_quantity(row, about, unit):
    assert numbers.measure(ROW | row, ABOUT | about) == unit


def test_the_estimator_that_answers_may_differ_by_design():
    key = {"outcome": "o", "unit": "u"}
    pairs = [("single", "reml_ar"), ("stacked", "ols"), ("single", "ols"), ("stacked", "reml_ar")]
    roles = ["primary", "primary", "sensitivity", "sensitivity"]
    evaluation = an_evaluation(
        effects=[
            key | {"design": design, "estimator": estimator, "role": role}
            for (design, estimator), role in zip(pairs, roles, strict=True)
        ],
        fits=[key | {"design": design, "estimator": estimator} for design, estimator in pairs],
    )
    found = sentences.primary_fits(evaluation, "o")
    assert set(zip(found["design"], found["estimator"], strict=True)) == set(pairs[:2])
    assert list(sentences.primary_fits(an_evaluation(), "o").columns) == list(COLUMNS["fits"])

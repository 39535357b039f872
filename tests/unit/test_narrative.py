"""Sentences: every branch, their numbers from the row, and words that claim no more than the design can."""

import itertools
import math
import re

import pandas as pd
import pytest

from its_eval.columns import COLUMNS, THE_SET, make_table
from its_eval.evaluation import (
    CHANGED,
    CHANGED_MORE,
    NO_CLEAR_CHANGE,
    NOT_ANSWERED,
    NOT_CLEARLY_MORE,
    Evaluation,
)
from its_eval.words import labels, numbers, sentences, verdicts

ABOUT = {"frequency": "month", "kind": "percentage", "unit": "%", "confidence": 0.95, "per_year": 12}
ROW = {
    "outcome": "o",
    "unit": "u",
    "interruption": "Law",
    "question": "slope_change",
    "design": "single",
    "estimand": "slope_change",
    "scale": "response",
    "level_used": 0.05,
    "estimate": -0.3319,
    "conf_low": -0.8712,
    "conf_high": 0.2074,
    "p_value": 0.1712,
    "p_adjusted": 0.342,
    "minimum_detectable": 0.7523,
    "direction": "unclear",
    "label": "no clear change",
    "flags": "",
    "p_attribution": math.nan,
    "p_rank": math.nan,
    "n_donors": None,
    "n_as_large": None,
    "set_p_placebo": math.nan,
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
        (0.00499, "0.0050"),
        (-0.0012, "−0.0012"),
        (0.0000321, "0.000032"),
        (0.0000009, "9.0e−7"),
        (3.004e-7, "3.0e−7"),
        (-1e-12, "−1.0e−12"),
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
        ("level_change", "year", "immediate change in level"),
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
    words = "change of trend −0.0072 points a month (95 % interval −0.0121 to −0.0022;"
    assert words in verdicts.headline(row, ABOUT)


def test_no_clear_change_says_what_would_have_been_found():
    assert verdicts.headline(ROW, ABOUT) == (
        "Compared with its own earlier trend: no clear change of trend; change of trend −0.33 points a month "
        "(95 % interval −0.87 to 0.21; p = 0.17, adjusted p = 0.34). The smallest change found with 80 % power is "
        "0.75 points a month."
    )


def test_no_clear_change_without_a_smallest_change():
    sentence = verdicts.headline(ROW | {"minimum_detectable": math.nan}, ABOUT)
    assert sentence.endswith("adjusted p = 0.34).")
    assert verdicts.headline(ROW | {"minimum_detectable": math.inf}, ABOUT) == sentence


def test_where_adjustment_makes_no_difference_there_is_one_p_value():
    assert "; p = 0.17). " in verdicts.headline(ROW | {"p_adjusted": math.nan}, ABOUT)
    assert "; p = 0.17). " in verdicts.headline(ROW | {"p_adjusted": ROW["p_value"]}, ABOUT)


def test_what_is_not_answered_has_no_p_value_and_says_why():
    row = ROW | {"label": NOT_ANSWERED, "p_value": math.nan, "p_adjusted": math.nan, "design": "difference"}
    numbers_told = "change of trend −0.33 points a month (95 % interval −0.87 to 0.21)."
    assert verdicts.headline(row, ABOUT) == f"Compared with its peers: not answered; {numbers_told}"
    few = row | {"flags": "few_donors", "p_rank": 1 / 6, "n_donors": 5}
    flat = few | {"flags": "degenerate; few_donors", "estimate": math.nan}
    said = "Compared with its peers: not answered: the series does not vary around the fit."
    assert verdicts.headline(flat, ABOUT) == said
    # copies of one series differ by nothing, and no interval is told of that
    zero = flat | {"estimate": 0.0, "conf_low": 0.0, "conf_high": 0.0}
    assert verdicts.headline(zero, ABOUT) == f"{said[:-1]}; the change is 0 by construction."
    ratio = flat | {"scale": "ratio", "estimate": 1.0, "conf_low": 1.0, "conf_high": 1.0}
    assert verdicts.headline(ratio, ABOUT) == f"{said[:-1]}; the change is 0 by construction."
    # nor of what may be rounding
    assert verdicts.headline(flat | {"estimate": 3e-25, "conf_low": 3e-25, "conf_high": 3e-25}, ABOUT) == said


def test_a_change_is_told_with_both_terms_tested_together():
    row = ROW | {"question": "change", "estimand": "effect_at_12", "label": CHANGED, "direction": "better"}
    assert verdicts.headline(row, ABOUT) == (
        "Compared with its own earlier trend: improved (p = 0.17, adjusted p = 0.34 for level and trend together); "
        "one year after the start −0.33 points (95 % interval −0.87 to 0.21)."
    )
    step = verdicts.headline(row, ABOUT | {"shapes": {"Law": "step"}})
    assert step.startswith("Compared with its own earlier trend: improved (p = 0.17, adjusted p = 0.34); ")
    short = verdicts.headline(row | {"estimand": "effect_at_5"}, ABOUT)
    assert "; 5 months after the start −0.33 points (" in short


def test_all_interruptions_together_have_a_p_value_alone():
    row = ROW | {"question": "change", "interruption": "all interruptions", "estimate": math.nan}
    assert verdicts.headline(row, ABOUT) == (
        "Compared with its own earlier trend, all interruptions together: no clear change (p = 0.17, adjusted p = 0.34)."
    )


@pytest.mark.parametrize(
    ("label", "direction", "words"),
    [
        (CHANGED_MORE, "better", "trend improved, more than in other units"),
        (CHANGED_MORE, "worse", "trend worsened, more than in other units"),
        (NOT_CLEARLY_MORE, "mixed", "trend changed, but not clearly more than in other units"),
        (CHANGED, "unclear", "trend changed"),
        (NO_CLEAR_CHANGE, "unclear", "no clear change of trend"),
        (NOT_ANSWERED, "unclear", "not answered"),
    ],
)
def test_a_label_says_of_what_and_which_way(label, direction, words):
    row = ROW | {"design": "difference", "label": label, "direction": direction}
    assert labels.verdict_words(row) == words
    of_any = labels.verdict_words(row | {"question": "change"})
    assert of_any == words.replace("trend ", "", 1).replace(" of trend", "")
    alone = labels.verdict_words(row | {"design": "single"})
    assert alone == words.replace("other units", "other units at that date")
    together = labels.verdict_words(row | {"unit": THE_SET})
    assert together == words.replace("other units", "other sets of units")


def test_who_else_changed_as_much():
    row = ROW | {"n_as_large": 3, "n_donors": 53, "p_attribution": 0.0004, "label": CHANGED_MORE}
    assert verdicts.beside_words(row) == " 3 of 53 other units changed as much; p < 0.001 among them."
    assert verdicts.beside_words(row | {"label": NO_CLEAR_CHANGE}) == " 3 of 53 other units changed as much."
    assert verdicts.beside_words(ROW) == ""
    together = ROW | {"unit": THE_SET, "set_p_placebo": 0.163}
    assert verdicts.beside_words(together) == " 16 % of all sets of units changed as much."
    assert " Fewer than 1 % of all sets" in verdicts.beside_words(together | {"set_p_placebo": 0.0001})
    assert verdicts.beside_words(together | {"set_p_placebo": math.nan}) == ""


def test_remarks_tell_what_would_be_missed():
    level = ROW | {"estimand": "level_change", "label": "", "p_value": 0.02, "p_adjusted": 0.085}
    level |= {"estimate": 8.6, "conf_low": 1.6, "conf_high": 15.6}
    ((kind, few, whole),) = verdicts.remarks(ROW, [level], ABOUT, 5)
    assert kind == "Not the declared question, immediate change in level"
    assert few == "+8.60 (adjusted p = 0.085)"
    assert whole == "+8.60 points (1.60 to 15.6; p = 0.020, adjusted p = 0.085)"
    # another quantity that is not clear by itself, and the effect after a year, are no news
    assert verdicts.remarks(ROW, [level | {"p_value": 0.06}], ABOUT, 5) == []
    assert verdicts.remarks(ROW, [level | {"estimand": "effect_at_12"}], ABOUT, 5) == []
    alone = ROW | {"conf_high": -0.1, "p_value": 0.013, "p_adjusted": 0.065}
    ((kind, few, whole),) = verdicts.remarks(alone, [], ABOUT, 5)
    assert kind == "A change on its own, but not with 5 units tested"
    assert (few, whole) == ("(adjusted p = 0.065)", "adjusted p = 0.065")
    change = ROW | {"question": "change", "label": CHANGED}
    ((kind, *_),) = verdicts.remarks(change, [level | {"conf_low": -1.0}], ABOUT, 5)
    assert kind == "Something changed; whether level or trend cannot be told"
    assert verdicts.remarks(change, [level], ABOUT, 5) == []


def every_sentence():
    every = (NOT_ANSWERED, NO_CLEAR_CHANGE, CHANGED, CHANGED_MORE, NOT_CLEARLY_MORE)
    estimands = ("slope_change", "level_change", "post_slope", "pre_slope")
    choices = (
        ("single", "difference"),
        every,
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
        assert not re.search(r"\bprove", sentence.casefold())
        if row["design"] == "single":
            assert not CAUSAL.search(sentence)


def test_every_number_of_a_sentence_is_of_its_row():
    for row, sentence in every_sentence():
        change = {"ratio": lambda value: 100 * (value - 1), "response": lambda value: value}[row["scale"]]
        limits = [change(row[name]) for name in ("estimate", "conf_low", "conf_high", "minimum_detectable")]
        fall = [100 * (1 / row["minimum_detectable"] - 1)] if row["scale"] == "ratio" else []
        known = [95, 80, 0.001, row["p_value"], row["p_adjusted"], *limits, *fall]
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
                "Peers, nearest first: P1, P2, P3. 2 of the 3 nearest are eligible; the farthest peer is "
                "number 6 by distance."
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
    from its_eval.estimators import arima, structural
    from its_eval.estimators import least_squares as classical
    from its_eval.estimators.reml import reml_ar

    own = {"df_floor", "counterfactual_outside_range"}
    assert {*classical.FLAGS, *reml_ar.FLAGS, *arima.FLAGS, *structural.FLAGS, *own} <= set(labels.FLAG_WORDS)


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
    assert numbers.quantity(321.0, ROW | {"estimand": "cumulative_effect"}, people) == "321 cases"
    staff = people | {"counted": "staff"}
    assert numbers.quantity(321.0, ROW | {"estimand": "cumulative_effect"}, staff) == "321 staff"


def test_a_fall_and_a_rise_of_one_log_size():
    row = ROW | {
        "scale": "ratio",
        "estimate": 1.0,
        "conf_low": 0.7,
        "conf_high": 1.4,
        "minimum_detectable": 1.25,
    }
    assert numbers.detectable_words(row, ABOUT) == "−20.0 % or +25.0 % a month"
    level = row | {"estimand": "level_change"}
    assert numbers.detectable_words(level, ABOUT) == "−20.0 % or +25.0 %"


def test_without_an_interval_there_is_the_p_value_alone():
    none = {"conf_low": math.nan, "conf_high": math.nan, "p_value": 0.02, "p_adjusted": math.nan}
    row = ROW | none | {"design": "synthetic", "minimum_detectable": math.nan}
    assert verdicts.headline(row, ABOUT).endswith("points a month (no interval; p = 0.020).")


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


@pytest.mark.parametrize(
    ("estimate", "low", "high", "scale", "text"),
    [
        # a gap of copies: some units of the last place of numbers around 20
        (7.8e-15, -6.1, 6.1, "response", "0"),
        (1.0 + 4.4e-16, 0.7, 1.4, "ratio", "0"),
        # small, and what was measured
        (7.8e-15, 2.1e-15, 1.3e-14, "response", "7.8e−15"),
        (4.6e-4, -0.006, 0.007, "response", "0.00046"),
    ],
)
def test_the_rounding_of_a_machine_is_no_number(estimate, low, high, scale, text):
    row = {"estimate": estimate, "conf_low": low, "conf_high": high, "scale": scale}
    assert numbers.printed(estimate, row) == text

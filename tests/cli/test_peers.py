"""``its-eval peers``."""

import csv
import io
import json
import math

import numpy as np
import pytest

from its_eval.peers.recipes import NHS_TRUST_PEER_FINDER


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_text_names_peers_and_what_sets_them_apart(its, study):
    answer = its("peers", study.characteristics, "--unit", "A1", "-k", "2", "--units", study.units)
    assert (answer.code, answer.err) == (0, "")
    lines = [line.split() for line in answer.out.splitlines()]
    assert lines[0] == ["Peers", "of", "A1,", "Trust", "A1,", "big"]
    assert lines[1] == ["farther"]
    assert lines[2][:6] == ["rank", "peer", "name", "type", "distance", "than"]
    assert lines[3][:5] == ["1", "A2", "Trust", "A2", "big"]
    assert lines[4][:5] == ["2", "B1", "Trust", "B1", "small"]


def test_csv_has_exactly_the_columns_of_the_contract(its, study):
    answer = its("peers", study.characteristics, "--unit", "B5", "--unit", "A1", "-k", "2", "--format", "csv")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[0] == "unit,rank,peer,distance"
    rows = rows_of(answer.out)
    assert [(row["unit"], row["rank"], row["peer"]) for row in rows] == [
        ("B5", "1", "B4"), ("B5", "2", "B3"), ("A1", "1", "A2"), ("A1", "2", "B1"),
    ]  # fmt: skip
    distances = [float(row["distance"]) for row in rows]
    assert [repr(value) for value in distances] == [row["distance"] for row in rows]


def test_distance_is_the_root_of_the_sum_of_squared_standardised_differences(its, study):
    answer = its("peers", study.characteristics, "--unit", "A1", "-k", "1", "--format", "csv")
    tables = rows_of(study.characteristics.read_text())
    total = 0.0
    for name in ("Beds", "Urban", "Sites"):
        values = [float(row[name]) for row in tables]
        mean = sum(values) / len(values)
        variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
        total += (values[0] - values[1]) ** 2 / variance
    assert float(rows_of(answer.out)[0]["distance"]) == pytest.approx(math.sqrt(total), rel=1e-12)


def test_all_units(its, study):
    rows = rows_of(its("peers", study.characteristics, "--unit", "all", "--format", "csv").out)
    assert len(rows) == 7 * 6
    assert [row["unit"] for row in rows[::6]] == ["A1", "A2", "B1", "B2", "B3", "B4", "B5"]


def test_a_repeated_unit_is_listed_once(its, study):
    answer = its("peers", study.characteristics, "--unit", "A1", "--unit", "A1", "--format", "csv")
    assert len(rows_of(answer.out)) == 6


@pytest.mark.parametrize("arguments", [("-k", "3", "--stability"), ("-k", "2", "--within", "type")])
def test_json_stands_as_the_library_indents_it(its, study, arguments):
    options = ("--unit", "all", "--units", study.units, "--format", "json")
    text = its("peers", study.characteristics, *options, *arguments).out
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"


def test_json(its, study):
    arguments = ("--unit", "A1", "-k", "2", "--units", study.units, "--format", "json")
    (bare,) = json.loads(its("peers", study.characteristics, *arguments).out)
    assert "contributions" not in bare["peers"][0]
    (found,) = json.loads(its("peers", study.characteristics, *arguments, "--explain").out)
    assert (found["unit"], found["name"]) == ("A1", "Trust A1")
    assert [peer["peer"] for peer in found["peers"]] == ["A2", "B1"]
    assert sum(part["share"] for part in found["peers"][0]["contributions"]) == pytest.approx(1.0)


@pytest.fixture
def with_gaps(study):
    """A characteristic that is not known of A2."""
    header, *rows = study.characteristics.read_text().splitlines()
    wider = [f"{row},{place % 3},{place % 4}" for place, row in enumerate(rows)]
    text = "\n".join([f"{header},Rank,Score", *wider, ""])
    assert "A2,110," in text
    study.characteristics.write_text(text.replace("A2,110,", "A2,,"))
    return study


def test_what_is_not_known_is_null_blank_or_a_dash(its, with_gaps):
    arguments = ("peers", with_gaps.characteristics, "--unit", "A1", "--explain")
    (found,) = json.loads(its(*arguments, "--format", "json").out)
    peer = next(peer for peer in found["peers"] if peer["peer"] == "A2")
    beds = next(part for part in peer["contributions"] if part["variable"] == "Beds")
    assert (beds["peer_value"], beds["scaled_difference"], beds["share"]) == (None, None, 0.0)
    rows = rows_of(its(*arguments, "--format", "csv").out)
    row = next(row for row in rows if (row["peer"], row["variable"]) == ("A2", "Beds"))
    assert (row["unit_value"], row["peer_value"], row["scaled_difference"]) == ("100.0", "", "")
    lines = its(*arguments).out.split("A1 and A2")[1].splitlines()
    line = next(line for line in lines if line.startswith("Beds"))
    assert line.split() == ["Beds", "100", "–", "–", "0.0", "%"]


def test_explained_shares_sum_to_1_for_every_pair(its, study):
    answer = its("peers", study.characteristics, "--unit", "all", "--explain", "--format", "csv")
    assert answer.out.splitlines()[0] == (
        "unit,peer,variable,weight,unit_value,peer_value,scaled_difference,share"
    )
    shares = {}
    for row in rows_of(answer.out):
        pair = (row["unit"], row["peer"])
        shares[pair] = shares.get(pair, 0.0) + float(row["share"])
    assert len(shares) == 7 * 6
    assert all(total == pytest.approx(1.0) for total in shares.values())


def test_explained_as_text_lists_the_largest_share_first(its, study):
    answer = its("peers", study.characteristics, "--unit", "A1", "-k", "1", "--explain")
    lines = answer.out.splitlines()
    start = next(place for place, line in enumerate(lines) if line.strip() == "A1 and A2")
    assert lines[start + 1].split()[:3] == ["variable", "A1", "A2"]
    shares = [float(line.split()[-2]) for line in lines[start + 2 :]]
    assert shares == sorted(shares, reverse=True)
    assert len(shares) == 3


def test_a_volume_is_explained_without_powers_of_ten(its, study):
    text = study.characteristics.read_text()
    study.characteristics.write_text(text.replace("A1,100,", "A1,1917970,").replace("A2,110,", "A2,99999.5,"))
    answer = its("peers", study.characteristics, "--unit", "A1", "-k", "7", "--explain")
    assert answer.code == 0
    assert "1,917,970" in answer.out
    assert "99999.5" in answer.out
    assert "e+0" not in answer.out


def test_output_fits_100_columns_and_cuts_nothing_off(its, study):
    long = "The Very Long Name of a Hospital Trust That Goes On " * 3
    text = study.units.read_text().replace("Trust A2", long.strip())
    study.units.write_text(text)
    header = study.characteristics.read_text().replace("Beds", "Share of the beds that are free " * 3, 1)
    study.characteristics.write_text(header)
    answer = its("peers", study.characteristics, "--unit", "A1", "--units", study.units, "--explain")
    assert max(map(len, answer.out.splitlines())) <= 100
    assert "…" not in answer.out


def test_list_presets(its):
    answer = its("peers", "--list-presets")
    assert (answer.code, answer.err) == (0, "")
    assert max(map(len, answer.out.splitlines())) <= 100
    text = " ".join(answer.out.split())
    for words in (NHS_TRUST_PEER_FINDER.name, NHS_TRUST_PEER_FINDER.source, *NHS_TRUST_PEER_FINDER.weights):
        assert words in text


@pytest.mark.parametrize("arguments", [[], ["--unit", "A1"], ["table.csv"]])
def test_source_and_unit_are_needed(its, arguments):
    answer = its("peers", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert "needs a SOURCE and --unit" in answer.err


def test_an_unknown_unit_gets_the_nearest_names(its, study):
    answer = its("peers", study.characteristics, "--unit", "B11", "--unit", "A1", "--unit", "A22")
    assert (answer.code, answer.out) == (2, "")
    assert "--unit 'B11' is not in the table; did you mean 'B1'" in answer.err
    assert "--unit 'A22' is not in the table; did you mean 'A2'" in answer.err


def peers_of(its, study, *arguments):
    answer = its("peers", study.characteristics, "--unit", "A1", "--format", "csv", *arguments)
    assert (answer.code, answer.err) == (0, "")
    return [row["peer"] for row in rows_of(answer.out)]


def test_exclude(its, study):
    assert peers_of(its, study, "--exclude", "A2", "--exclude", "B2", "-k", "2") == ["B1", "B3"]
    answer = its("peers", study.characteristics, "--unit", "A1", "--exclude", "A2", "-k", "2")
    assert "1 of the 2 nearest are eligible; the next nearest fill up." in answer.out


def test_an_unknown_code_to_exclude_is_refused(its, study):
    answer = its("peers", study.characteristics, "--unit", "A1", "--exclude", "A22")
    assert (answer.code, answer.out) == (2, "")
    assert "--exclude 'A22' is not in the table; did you mean 'A2'" in answer.err


def test_within(its, study):
    assert peers_of(its, study, "--units", study.units, "--within", "type") == ["A2"]
    assert peers_of(its, study, "--units", study.units, "--within", "units.TYPE") == ["A2"]


def test_within_needs_the_units_table_and_a_column_of_it(its, study):
    answer = its("peers", study.characteristics, "--unit", "A1", "--within", "type")
    assert answer.code == 2
    assert "--within needs --units" in answer.err
    answer = its("peers", study.characteristics, "--unit", "A1", "--within", "tpye", "--units", study.units)
    assert (answer.code, answer.out) == (2, "")
    assert f"--within 'tpye': {study.units} has no such column; did you mean 'type'?" in answer.err


def weights_of(its, study, *arguments):
    arguments = ("--unit", "A1", "-k", "1", "--explain", "--format", "csv", *arguments)
    answer = its("peers", study.characteristics, *arguments)
    assert (answer.code, answer.err) == (0, "")
    return {row["variable"]: float(row["weight"]) for row in rows_of(answer.out)}


def test_weight_of_one_variable_among_all(its, study):
    expected = {"Beds": 1, "Urban": 2.5, "Sites": 1}
    assert weights_of(its, study, "--weight", "urban=2.5") == expected


def test_variables_and_weights(its, study):
    assert weights_of(its, study, "--variables", "beds, SITES") == {"Beds": 1, "Sites": 1}
    chosen = ("--variables", "Beds", "--variables", "Sites", "--weight", "Sites=3")
    assert weights_of(its, study, *chosen) == {"Beds": 1, "Sites": 3}


def test_two_spellings_of_a_variable_count_once(its, study):
    assert weights_of(its, study, "--variables", "Beds,beds,Sites") == {"Beds": 1, "Sites": 1}


@pytest.mark.parametrize("text", ["Urban", "Urban=", "Urban=x", "Urban=-1", "Urban=inf", "Urban=nan", "=2"])
def test_a_weight_that_is_none(its, study, text):
    answer = its("peers", study.characteristics, "--unit", "A1", "--weight", text)
    assert (answer.code, answer.out) == (2, "")
    assert f"--weight {text!r}: expected NAME=W" in answer.err


def test_a_weight_of_an_unknown_variable(its, study):
    answer = its("peers", study.characteristics, "--unit", "A1", "--weight", "Urbn=2")
    assert answer.code == 3
    assert "there is no column 'Urbn'; did you mean 'Urban'?" in answer.err


@pytest.mark.parametrize("text", ["", " ,", ", ,"])
def test_variables_that_name_none(its, study, text):
    answer = its("peers", study.characteristics, "--unit", "A1", "--variables", text)
    assert (answer.code, answer.out) == (2, "")
    assert "names no variable" in answer.err


def test_a_variable_is_needed_that_weighs_something(its, study):
    weights = [word for name in ("Beds", "Urban", "Sites") for word in ("--weight", f"{name}=0")]
    answer = its("peers", study.characteristics, "--unit", "A1", *weights)
    assert (answer.code, answer.out) == (3, "")
    assert f"{study.characteristics}: none of the chosen variables has a weight above 0" in answer.err


def test_a_column_that_holds_numbers_but_not_throughout_is_left_out_and_named(its, study):
    lines = study.characteristics.read_text().splitlines()
    spoilt = [line.replace("B1,120,", 'B1,"1,120",') for line in lines]
    names = ["Town", *(f"Town {place}" for place in range(1, len(lines)))]
    text = "\n".join(f"{line},{name}" for line, name in zip(spoilt, names, strict=True))
    study.characteristics.write_text(f"{text}\n")
    found = its("peers", study.characteristics, "--unit", "A1", "--explain", "--format", "json").out
    (answer,) = json.loads(found)
    assert {part["variable"] for part in answer["peers"][0]["contributions"]} == {"Urban", "Sites"}
    # a column of words is none that was meant to be compared
    assert answer["notes"] == [
        f"{study.characteristics.name}: 'Beds' is left out: row 4 holds '1,120', which is not a number."
    ]


def test_a_table_that_is_none_of_characteristics_is_refused_in_few_lines(its, study):
    answer = its("peers", study.indicators, "--unit", "A1", "--unit-column", "unit")
    assert answer.code == 3
    assert len(answer.err.splitlines()) == 42
    assert "row 3: unit 'A1' stands in row 2 already" in answer.err
    assert "… and 625 more of this kind" in answer.err


def test_an_unknown_variable(its, study):
    answer = its("peers", study.characteristics, "--unit", "A1", "--variables", "Bds")
    assert answer.code == 3
    assert "there is no column 'Bds'; did you mean 'Beds'?" in answer.err


def test_the_unit_column_is_unit_or_the_first_or_named(its, study):
    text = study.characteristics.read_text()
    study.characteristics.write_text(text.replace("unit,", "Code,", 1))
    assert peers_of(its, study, "-k", "1") == ["A2"]
    assert peers_of(its, study, "-k", "1", "--unit-column", "code") == ["A2"]
    lines = [line.split(",") for line in text.splitlines()]
    study.characteristics.write_text("\n".join(",".join([*line[1:], line[0]]) for line in lines))
    assert peers_of(its, study, "-k", "1") == ["A2"]
    answer = its("peers", study.characteristics, "--unit", "A1", "--unit-column", "cod")
    assert answer.code == 3
    assert "there is no column 'cod'" in answer.err


def test_the_units_table_may_have_other_headings(its, study):
    text = study.units.read_text()
    study.units.write_text(text.replace("unit,name,type", "trust_code,trust_name,org_type", 1))
    assert peers_of(its, study, "--units", study.units, "--within", "type") == ["A2"]
    arguments = ("--unit", "A1", "--units", study.units)
    assert "Trust A2" in its("peers", study.characteristics, *arguments).out
    study.units.write_text(text.replace("unit,name,type", "key,label,kind", 1))
    assert peers_of(its, study, "--units", study.units, "--within", "kind") == ["A2"]


def preset_table(study):
    names = [*NHS_TRUST_PEER_FINDER.weights, "Else"]
    rows = [
        ",".join([f"R{row}", *(str((row * 7 + column * 3) % 11) for column in range(len(names)))])
        for row in range(6)
    ]
    study.characteristics.write_text("\n".join([",".join(["Procode", *names]), *rows, ""]))


def test_a_preset_brings_its_column_variables_and_weights(its, study):
    preset_table(study)
    arguments = ("--unit", "R1", "--preset", NHS_TRUST_PEER_FINDER.name, "--explain", "--format", "csv")
    rows = rows_of(its("peers", study.characteristics, *arguments).out)
    assert {row["variable"] for row in rows} == set(NHS_TRUST_PEER_FINDER.weights)


def test_an_unknown_preset(its, study):
    answer = its("peers", study.characteristics, "--unit", "A1", "--preset", "nhs-trust-peer-findr")
    assert answer.code == 2
    assert "did you mean 'nhs-trust-peer-finder'?" in answer.err


@pytest.mark.parametrize("option", [("--variables", "Beds"), ("--weight", "Beds=2")])
def test_a_preset_takes_no_variables_or_weights(its, study, option):
    answer = its(
        "peers", study.characteristics, "--unit", "A1", "--preset", NHS_TRUST_PEER_FINDER.name, *option
    )
    assert answer.code == 2
    assert "--preset brings its own variables and weights" in answer.err


def distances_of(its, study, *arguments):
    answer = its("peers", study.characteristics, "--unit", "A1", "--format", "csv", *arguments)
    assert (answer.code, answer.err) == (0, "")
    return {row["peer"]: float(row["distance"]) for row in rows_of(answer.out)}


def test_scales_metric_and_logarithm(its, study):
    # A1 and A2: Beds 100 and 110 of 100..160, Urban 0 and .1 of 0..3.6, Sites 7 and 6 of 1..7
    expected = math.sqrt((10 / 60) ** 2 + (0.1 / 3.6) ** 2 + (1 / 6) ** 2)
    assert distances_of(its, study, "--scale", "minmax")["A2"] == pytest.approx(expected)
    none = distances_of(its, study, "--scale", "none", "--variables", "Beds", "--log", "Beds")
    assert none["A2"] == pytest.approx(math.log(1.1))
    own = distances_of(its, study, "--metric", "mahalanobis")
    assert own["A2"] != pytest.approx(distances_of(its, study)["A2"])


def test_what_is_missing_may_be_zero_or_refused(its, with_gaps):
    available = distances_of(its, with_gaps)["A2"]
    assert distances_of(its, with_gaps, "--missing", "zero")["A2"] != pytest.approx(available)
    answer = its("peers", with_gaps.characteristics, "--unit", "A1", "--missing", "refuse")
    assert answer.code == 3
    assert "unit A2, 'Beds' is missing" in answer.err


def test_caliper(its, study):
    near = distances_of(its, study)
    limit = sorted(near.values())[1]
    assert len(distances_of(its, study, "--caliper", repr(limit), "-k", "3")) == 2
    text = its("peers", study.characteristics, "--unit", "A1", "--caliper", repr(limit), "-k", "3").out
    assert "farther than the caliper: " in text
    every = rows_of(its("peers", study.characteristics, "--unit", "all", "-k", "3", "--format", "csv").out)
    third = [float(row["distance"]) for row in every if row["rank"] == "3" and row["unit"] != "A1"]
    allowed = sorted(near.values())[:3] <= np.percentile(third, 20)
    assert 0 < allowed.sum() < 3
    assert len(distances_of(its, study, "--caliper", "p20", "-k", "3")) == allowed.sum()
    answer = its("peers", study.characteristics, "--unit", "A1", "--caliper", "near")
    assert (answer.code, answer.out) == (2, "")
    assert "--caliper 'near' is not a caliper; expected a distance above 0, or p1 to p99" in answer.err


def test_a_category_is_explained_in_its_own_words(its, study):
    lines = study.characteristics.read_text().splitlines()
    kinds = ["Kind", "acute", "acute", "mental", "mental", "mental", "", "acute"]
    study.characteristics.write_text(
        "\n".join(f"{line},{kind}" for line, kind in zip(lines, kinds, strict=True)) + "\n"
    )
    arguments = ("peers", study.characteristics, "--unit", "A1", "--variables", "Beds,Kind", "--explain")
    text = its(*arguments, "-k", "2").out
    block = text.split("A1 and B1")[1]
    line = next(line for line in block.splitlines() if line.startswith("Kind"))
    assert line.split()[1:4] == ["acute", "mental", "+0.71"]
    unknown = its(*arguments, "--missing", "zero").out.split("A1 and B4")[1]
    line = next(line for line in unknown.splitlines() if line.startswith("Kind"))
    assert "not known" in line


def test_how_far_for_this_pool(its, study):
    answer = its("peers", study.characteristics, "--unit", "A1", "-k", "2", "--format", "json")
    (found,) = json.loads(answer.out)
    every = rows_of(its("peers", study.characteristics, "--unit", "all", "-k", "2", "--format", "csv").out)
    second = [float(row["distance"]) for row in every if row["rank"] == "2" and row["unit"] != "A1"]
    for peer in found["peers"]:
        nearer = sum(distance < peer["distance"] for distance in second)
        assert peer["pool_percent"] == pytest.approx(100 * nearer / len(second))
    text = its("peers", study.characteristics, "--unit", "A1", "-k", "2").out
    assert "the share of all other units whose 2nd nearest is nearer than this." in text


@pytest.mark.parametrize(("k", "said"), [(1, "1st"), (3, "3rd"), (4, "4th"), (11, "11th"), (21, "21st")])
def test_the_rank_of_the_pool_in_words(its, study, k, said):
    assert f"whose {said} nearest" in its("peers", study.characteristics, "--unit", "A1", "-k", k).out


def test_a_rare_unit_is_warned_of(its, study):
    rows = study.characteristics.read_text().replace("B5,160", "B5,900")
    study.characteristics.write_text(rows)
    assert "few units are like B5." in its("peers", study.characteristics, "--unit", "B5", "-k", "2").out


def test_peers_of_another_type_are_said_and_within_mends_it(its, study):
    arguments = ("peers", study.characteristics, "--unit", "B1", "-k", "3", "--units", study.units)
    answer = its(*arguments)
    assert "B1: 2 of the 3 peers are of another type than small (2 big); `within` keeps to one type." in (
        " ".join(answer.out.split())
    )
    mended = its(*arguments, "--within", "type")
    assert "another type" not in mended.out
    assert "Set aside:" in mended.out
    assert "A2, Trust A2 (" in mended.out
    assert "type is 'big', not 'small'" in mended.out
    (found,) = json.loads(its(*arguments, "--within", "type", "--format", "json").out)
    assert not {"set_aside", "others_set_aside"} & set(found)
    (found,) = json.loads(its(*arguments, "--within", "type", "--format", "json", "--explain").out)
    assert {item["candidate"]: item["reason"] for item in found["set_aside"]}["A1"] == (
        "type is 'big', not 'small'"
    )


def test_long_lists_of_those_set_aside_are_cut(its, study):
    header, *rows = study.characteristics.read_text().splitlines()
    more = [f"C{place:02d},{101 + place},0.1,6" for place in range(14)]
    study.characteristics.write_text("\n".join([header, *rows, *more, ""]))
    left_out = [word for row in more for word in ("--exclude", row.split(",")[0])]
    text = its("peers", study.characteristics, "--unit", "A1", "-k", "6", *left_out).out
    assert text.count(": excluded") == 10
    assert "and 4 more; --explain --format json lists all." in text


def test_the_overlap_of_several_units(its, study):
    text = its("peers", study.characteristics, "--unit", "A1", "--unit", "A2", "--unit", "B5", "-k", "2").out
    block = text.split("Shared peers")[1].splitlines()
    assert block[1].split()[-3:] == ["A1", "A2", "B5"]
    rows = {line.split()[0]: line.split()[1:] for line in block[2:5]}
    # A1 has A2 and B1, A2 has A1 and B1 or B2, B5 has B4 and B3
    assert rows["B5"] == ["0", "%", "0", "%"]
    assert rows["A1"] == ["50", "%", "0", "%"]
    assert "Peers of several units, whose estimates then move together: B1 of A1, A2." in text


def test_stability(its, study):
    arguments = ("peers", study.characteristics, "--unit", "A1", "-k", "3", "--stability")
    answer = its(*arguments)
    assert (answer.code, answer.err) == (0, "")
    assert max(map(len, answer.out.splitlines())) <= 100
    assert "A1: the 3 peers under other choices" in answer.out
    assert "In all 6 alternatives with as many peers: " in answer.out
    rows = rows_of(its(*arguments, "--format", "csv").out)
    assert [(row["dimension"], row["choice"]) for row in rows] == [
        ("k", "8"), ("drop_characteristic", "Beds"), ("drop_characteristic", "Urban"),
        ("drop_characteristic", "Sites"), ("metric", "mahalanobis"), ("scale", "minmax"), ("scale", "robust"),
    ]  # fmt: skip
    for row in rows:
        assert int(row["kept"]) == 3 - len(row["left"].split())
        assert int(row["n_peers"]) == int(row["kept"]) + len(row["entered"].split())
        assert row["estimate"] == ""
    (found,) = json.loads(its(*arguments, "--format", "json").out)
    assert [item["kept"] for item in found["stability"]] == [int(row["kept"]) for row in rows]
    mended = peers_of(its, study, "--variables", "Urban,Sites", "-k", "3")
    dropped = next(row for row in rows if row["choice"] == "Beds")
    assert set(dropped["entered"].split()) <= set(mended)


def test_explain_and_stability_are_two_tables(its, study):
    arguments = ("--unit", "A1", "--stability", "--explain", "--format", "csv")
    answer = its("peers", study.characteristics, *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert "--explain and --stability are two tables" in answer.err


def test_a_preset_says_what_its_characteristics_describe(its, study):
    preset_table(study)
    arguments = ("--unit", "R1", "--preset", NHS_TRUST_PEER_FINDER.name)
    assert "describe 2019." in its("peers", study.characteristics, *arguments).out


def test_plain_questions_need_no_scikit_learn(program, study):
    import subprocess
    import sys

    code = (
        "import sys; sys.argv = sys.argv[1:]\n"
        "from its_eval.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'sklearn', 'scipy', 'statsmodels', 'matplotlib'} & set(sys.modules)))"
    )
    command = ["its-eval", "peers", str(study.characteristics), "--unit", "A1", "--explain"]
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_defaults_may_be_spelled_out(its, study):
    expected = peers_of(its, study)
    assert peers_of(its, study, "--scale", "zscore", "--metric", "euclidean", "-k", "10") == expected


class TestConfig:
    def test_peers_are_those_of_a_run(self, its, study):
        answer = its("peers", study.config, "--unit", "all", "--format", "csv")
        assert answer.code == 0
        found = [(row["unit"], row["rank"], row["peer"]) for row in rows_of(answer.out)]
        out = study.folder / "out"
        assert its("run", study.config, "-o", out, "--no-figures", "-q").code == 0
        table = rows_of((out / "tables" / "peers.csv").read_text())
        assert found == [
            (row["unit"], row["rank"], row["peer"]) for row in table if row["outcome"] == "waits"
        ]

    @pytest.mark.parametrize(
        "option",
        [
            ("-k", "3"),
            ("--unit-column", "unit"),
            ("--units", "units.csv"),
            ("--preset", "nhs-trust-peer-finder"),
            ("--variables", "Beds"),
            ("--weight", "Beds=2"),
            ("--scale", "zscore"),
            ("--metric", "euclidean"),
            ("--within", "type"),
            ("--exclude", "B1"),
            ("--log", "Beds"),
            ("--missing", "zero"),
            ("--caliper", "p90"),
        ],
    )
    def test_science_flags_are_refused(self, its, study, option):
        answer = its("peers", study.config, "--unit", "A1", *option)
        assert (answer.code, answer.out) == (2, "")
        assert "is a config, and the config rules" in answer.err
        assert "hint: change `peers` in the config" in answer.err

    def test_only_treated_units(self, its, study):
        answer = its("peers", study.config, "--unit", "A11")
        assert (answer.code, answer.out) == (2, "")
        assert f"--unit 'A11' is not treated in {study.config}; did you mean 'A1'" in answer.err

    def test_a_config_without_peers(self, its, study):
        study.write(changes={"peers: {k: 3}\n": "", "[single, difference]": "[single]"})
        answer = its("peers", study.config, "--unit", "A1")
        assert answer.code == 2
        assert "has no `peers`" in answer.err

    def test_given_peers_without_characteristics(self, its, study):
        study.write(changes={"  characteristics: {path: characteristics.csv}\n": "",
                             "peers: {k: 3}": "peers: {given: {A1: [B2, B1], A2: [B5]}}"})  # fmt: skip
        answer = its("peers", study.config, "--unit", "A1", "--format", "csv")
        assert answer.out == "unit,rank,peer,distance\nA1,1,B2,\nA1,2,B1,\n"
        text = its("peers", study.config, "--unit", "A1", "--explain")
        assert text.code == 0
        assert "nan" not in text.out

    def test_stability_with_estimates(self, its, study):
        answer = its("peers", study.config, "--unit", "A1", "--stability")
        assert (answer.code, answer.err) == (0, "")
        assert max(map(len, answer.out.splitlines())) <= 100
        assert "estimate (interval)" in answer.out
        rows = rows_of(its("peers", study.config, "--unit", "A1", "--stability", "--format", "csv").out)
        assert all(float(row["conf_low"]) < float(row["estimate"]) < float(row["conf_high"]) for row in rows)

    def test_a_list_written_here_can_be_given_to_a_run(self, its, study):
        written = its("peers", study.config, "--unit", "all", "--format", "csv").out
        (study.folder / "peers.csv").write_text(written)
        study.write("fed.yaml", changes={"peers: {k: 3}": "peers: {given: {from: peers.csv}}"})
        tables = {}
        for name in ("study.yaml", "fed.yaml"):
            out = study.folder / f"out-{name}"
            assert its("run", study.folder / name, "-o", out, "--no-figures", "-q").code == 0
            tables[name] = [(out / "tables" / f"{table}.csv").read_text() for table in ("peers", "effects")]
        assert tables["study.yaml"] == tables["fed.yaml"]

    def test_a_unit_without_peers_is_said_in_every_form(self, its, study):
        text = study.characteristics.read_text()
        study.characteristics.write_text(
            "".join(f"{line}\n" for line in text.splitlines() if line[:2] != "A1")
        )
        why = "Waits, A1: A1 is not in the characteristics table, so it has no peers; list them under peers.given."
        answer = its("peers", study.config, "--unit", "A1")
        assert (answer.code, " ".join(answer.out.split())) == (0, why)
        answer = its("peers", study.config, "--unit", "all", "--format", "csv")
        assert {row["unit"] for row in rows_of(answer.out)} == {"A2"}
        assert answer.err == f"note: {why}\n"

    def test_what_a_run_would_say_of_the_characteristics(self, its, study):
        rows = study.characteristics.read_text().replace("B3,140,", "B3,about 140,")
        study.characteristics.write_text(rows)
        study.write(changes={"characteristics: {path: characteristics.csv}":
                             "characteristics: {path: characteristics.csv, dated: 2016}"})  # fmt: skip
        (first, _) = json.loads(its("peers", study.config, "--unit", "all", "--format", "json").out)
        assert [note.partition(": ")[2] if "Beds" in note else note for note in first["notes"][:2]] == [
            "'Beds' is left out: row 6 holds 'about 140', which is not a number.",
            "The characteristics describe 2016, after the start in July 2015: peers are matched on values that "
            "the intervention may have changed.",
        ]

    def test_outcomes_with_other_peers_are_named(self, its, study):
        rows = study.indicators.read_text().splitlines()[1:]
        study.write_indicators([row for row in rows if not row.startswith("seen,B1,")])
        said = (
            "These are the peers for Waits. For Seen in time some are others; the table `peers` of a run has "
            "those of every outcome."
        )
        answer = its("peers", study.config, "--unit", "all", "--format", "csv")
        assert "B1" in {row["peer"] for row in rows_of(answer.out)}
        assert answer.err == f"note: {said}\n"
        (found, _) = json.loads(its("peers", study.config, "--unit", "all", "--format", "json").out)
        assert said in found["notes"]
        assert said in " ".join(its("peers", study.config, "--unit", "all").out.split())

    def test_the_weights_of_a_synthetic_control_are_those_of_a_run(self, its, study):
        study.write(changes={"[single, difference]": "[single, synthetic]"})
        out = study.folder / "out"
        assert its("run", study.config, "-o", out, "--no-figures", "--no-report", "-q").code == 0
        table = rows_of((out / "tables" / "donor_weights.csv").read_text())
        own = [row for row in table if (row["outcome"], row["unit"]) == ("waits", "A1")]
        own.sort(key=lambda row: (-float(row["weight"]), row["donor"]))
        arguments = ("peers", study.config, "--unit", "A1")
        (found,) = json.loads(its(*arguments, "--explain", "--format", "json").out)
        assert [(row["donor"], row["role"]) for row in found["donor_weights"]] == [
            (row["donor"], row["role"]) for row in own
        ]
        weights = [row["weight"] for row in found["donor_weights"]]
        assert weights == pytest.approx([float(row["weight"]) for row in own])
        lines = its(*arguments, "--explain").out.splitlines()
        parts = [row for row in own if float(row["weight"]) > 0]
        place = lines.index(f"Synthetic control of A1: weights of {len(parts)} donors")
        assert lines[place + 2].split()[-1] == f"{weights[0]:.3f}"
        assert parts[0]["donor"] in lines[place + 2]
        assert "donor_weights" not in its(*arguments, "--format", "json").out

"""What a run prints: the set, then each unit, then what weakens the answer, on one screen."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "sample"
TABLES = ("--no-figures", "--no-report")
MONTHS = [f"{2013 + index // 12}-{index % 12 + 1:02d}" for index in range(48)]
START = 24


@pytest.fixture(scope="module")
def sample(tmp_path_factory, patience):
    """The lines that the sample prints, by outcome."""
    out = tmp_path_factory.mktemp("sample") / "out"
    command = [sys.executable, "-m", "its_eval", "run", "configs/sample.yaml", "-o", str(out), *TABLES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=patience)
    assert done.stderr == b""
    return done.stdout.decode("utf-8").splitlines()


@pytest.fixture
def evaluate(its, tmp_path):
    """Evaluate series by unit, from January 2013 on: gives the lines, and the folder of the tables."""

    def call(series, *options, treated="[T]", kind="number", also="", designs="[single]", start=START):
        rows = [
            f"waits,{unit},{month},{'' if np.isnan(value) else repr(float(value))}"
            for unit, values in series.items()
            for month, value in zip(MONTHS, values, strict=False)
        ]
        (tmp_path / "data.csv").write_text("\n".join(["indicator,unit,period,value", *rows, ""]))
        config = tmp_path / "study.yaml"
        config.write_text(
            "version: 1\n"
            "data: {indicators: {path: data.csv}}\n"
            f"intervention: {{name: New rota, date: {MONTHS[start]}}}\n"
            f"treated: {treated}\n"
            f"outcomes: [{{indicator: waits, label: Waits, unit: days, kind: {kind}, better: lower, "
            "seasonality: none}]\n"
            f"designs: {designs}\n"
            f"{also}"
        )
        out = tmp_path / "out"
        answer = its("run", config, "-o", out, "--force", *TABLES, *options)
        assert (answer.code, answer.err) == (0, "")
        return answer.out.splitlines(), out / "tables"

    return call


NO_CHECKS = "checks: {placebo_units: no, placebo_dates: no, leave_one_peer_out: no, diagnostics: no}\n"


def noisy(seed, n_units=1, level=50.0, sd=1.0):
    """Return units (U00, …) with independent errors around a level."""
    values = np.random.default_rng(seed).normal(level, sd, (n_units, len(MONTHS)))
    return {f"U{place:02d}": row for place, row in enumerate(values)}


def jump(values, by, start=START):
    return values + by * (np.arange(values.size) >= start)


def joined(lines):
    """Return the lines as one text, what was wrapped on one line."""
    return " ".join(" ".join(lines).split())


def blocks(lines):
    """Return the lines of each outcome: those that a line with the months begins."""
    starts = [place for place, line in enumerate(lines) if " before, " in line and " after; " in line]
    return [lines[first:last] for first, last in zip(starts, [*starts[1:], None], strict=True)]


def told(block, units):
    """Return under which heading each unit has its line."""
    found, heading = {}, ""
    for line in block:
        if re.match(r" \S.* of \d+\)", line):
            heading = line.strip().partition(" (")[0]
        elif (unit := line.strip().partition(" ")[0]) in units and line.startswith("  ") and heading:
            found[unit] = heading
    return found


def truth(indicator):
    with (SAMPLE / "truth.csv").open(encoding="utf-8") as stream:
        return {row["unit"]: row for row in csv.DictReader(stream) if row["indicator"] == indicator}


class TestTheSample:
    def test_it_is_one_screen(self, sample):
        assert len(sample) <= 40
        assert [line for line in sample if len(line) > 100 and not line.startswith("Tables: ")] == []
        assert [line for line in sample if line != line.rstrip()] == []

    def test_it_is_easy_to_read(self, sample, words_a_sentence):
        """At most 18 words a sentence, and none of more than 30; rows of the table of units are no sentences."""
        texts, first = [], 0
        for line in sample:
            indent = len(line) - len(line.lstrip())
            if not line or re.search(r"\S {2,}\S", line):
                first = len(line)
            elif texts and indent >= first + 2:
                texts[-1] += f" {line.strip()}"
            else:
                texts.append(line.strip())
                first = indent
        counts = words_a_sentence(texts)
        assert len(counts) > 15
        assert sum(words for words, _ in counts) / len(counts) <= 18
        assert max(counts)[0] <= 30, max(counts)

    def test_the_set_stands_before_the_units(self, sample):
        both = blocks(sample)
        assert len(both) == 2
        for block in both:
            (together,) = [place for place, line in enumerate(block) if line.startswith("ALL FIVE: ")]
            (each,) = [place for place, line in enumerate(block) if "EACH UNIT" in line]
            assert together < each

    def test_every_unit_is_told_with_the_verdict_of_the_readme(self, sample):
        stated = re.findall(
            r"^\| (SIM\d+) \| ([^|]+) \| ([^|]+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE
        )
        assert [unit for unit, *_ in stated] == sorted(truth("fft_recommend"))
        found = told(blocks(sample)[0], truth("fft_recommend"))
        for unit, _, verdict in stated:
            assert found[unit].casefold() == verdict.partition(";")[0], unit
            if "the level is told as not asked for" in verdict:
                remark = joined(sample).partition("Not the declared question, immediate change in level: ")[2]
                assert f"{unit} +" in remark.partition(". ")[0]

    @pytest.mark.parametrize(
        ("place", "indicator", "better"), [(0, "fft_recommend", 1), (1, "leaver_rate", -1)]
    )
    def test_every_unit_is_told_what_was_put_into_it(self, sample, place, indicator, better):
        known = truth(indicator)
        found = told(blocks(sample)[place], known)
        assert set(found) == set(known)
        for unit, row in known.items():
            slope = float(row["slope_change"]) * better
            verb = "improved" if slope > 0 else "worsened"
            expected = f"Trend {verb}, more than in other units" if slope else "No clear change of trend"
            assert found[unit] == expected, unit

    def test_where_nothing_was_put_in_nothing_changed(self, sample):
        for place, indicator in enumerate(("fft_recommend", "leaver_rate")):
            found = told(blocks(sample)[place], truth(indicator))
            null = [
                unit
                for unit, row in truth(indicator).items()
                if float(row["level_change"]) == float(row["slope_change"]) == 0
            ]
            assert null
            assert {found[unit] for unit in null} == {"No clear change of trend"}

    def test_the_readme_shows_what_it_prints(self, sample):
        shown = (ROOT / "README.md").read_text(encoding="utf-8").partition("run configs/sample.yaml\n")[2]
        assert shown.partition("\n```")[0] == "\n".join(sample[: sample.index("")])


class TestFewUnits:
    def test_one_unit_has_two_or_three_lines(self, evaluate):
        values = noisy(1)["U00"]
        for series, label in ((jump(values, 5), "worsened"), (values, "no clear change")):
            lines, _ = evaluate({"T": series})
            assert lines[1].startswith("Asked: ") or lines[2].startswith("Asked: ")
            first = next(place for place, line in enumerate(lines) if line.startswith("T: "))
            last = next(place for place, line in enumerate(lines) if line.startswith("Weakens this"))
            assert lines[first].startswith(f"T: {label} (p ")
            assert 2 <= last - first <= 3
            assert max(map(len, lines[:-1])) <= 100

    def test_both_designs_of_a_unit_share_its_lines(self, evaluate):
        series = noisy(2, 6)
        series["T"] = jump(series.pop("U05"), 4)
        given = "peers: {k: 3, given: {T: [U00, U01, U02]}}\n" + NO_CHECKS
        lines, _ = evaluate(series, designs="[single, difference]", also=given)
        about = [line for line in lines if line.startswith("T: ")]
        assert len(about) == 1
        assert "Own earlier trend: worsened, +" in joined(lines)
        # -v has both in sentences
        verbose, _ = evaluate(series, "-v", designs="[single, difference]", also=given)
        assert "Compared with its own earlier trend: worsened (" in joined(verbose)
        assert "Compared with its peers: worsened (" in joined(verbose)

    def test_the_design_that_has_no_estimate_does_not_hide_the_other(self, evaluate):
        series = noisy(3, 6)
        series["T"] = jump(series.pop("U05"), 4)
        series["S"] = series.pop("U04")
        # each of the peers of S lacks all months after the start
        for unit in ("U02", "U03"):
            series[unit][START:] = np.nan
        lines, tables = evaluate(
            series,
            treated="[S, T]",
            designs="[single, difference]",
            also="peers: {k: 2, given: {T: [U00, U01], S: [U02, U03]}}\n" + NO_CHECKS,
        )
        lost = pd.read_csv(tables / "not_estimated.csv")
        assert set(zip(lost["unit"], lost["design"], strict=True)) == {("S", "difference")}
        text = joined(lines)
        assert "S: compared with its own earlier trend, no clear change (p " in text
        assert "Not estimated, S, compared with its peers: " in text
        assert "T: worsened (p < 0.001): " in text

    def test_a_doubled_count_is_called_changed_first(self, evaluate):
        rng = np.random.default_rng(4)
        counts = rng.poisson(np.where(np.arange(len(MONTHS)) < START, 40.0, 80.0)).astype(float)
        lines, tables = evaluate({"T": counts}, kind="count")
        answer = next(line for line in lines if line.startswith("T: "))
        assert answer.startswith("T: worsened (p < 0.001): one year after the start +")
        verdict = pd.read_csv(tables / "verdicts.csv").query("estimand == 'effect_at_12'").iloc[0]
        # twice as many were put in
        assert verdict["scale"] == "ratio"
        assert verdict["conf_low"] < 2 < verdict["conf_high"]
        assert "immediate change in level +" in joined(lines).casefold()


def test_of_many_units_labels_are_counted_and_the_ten_largest_shown(evaluate):
    series = noisy(5, 24)
    sizes = {unit: 0.0 if place < 8 else 2.0 + 0.5 * place for place, unit in enumerate(series)}
    moved = {unit: jump(values, sizes[unit]) for unit, values in series.items()}
    lines, tables = evaluate(moved, treated=f"[{', '.join(moved)}]", also=NO_CHECKS)
    assert len(lines) <= 40
    verdicts = pd.read_csv(tables / "verdicts.csv", keep_default_na=False, na_values=[""])
    answers = verdicts[verdicts["label"].notna() & verdicts["unit"].ne("set")].set_index("unit")
    counted = re.findall(r"^ (\S.*) \((\d+) of 24\)", "\n".join(lines), re.MULTILINE)
    assert {words: int(number) for words, number in counted} == {
        "Worsened": (answers["label"] == "changed").sum(),
        "No clear change": (answers["label"] == "no clear change").sum(),
    }
    assert sum(int(number) for _, number in counted) == 24
    shown = [line.split()[0] for line in lines if re.match(r"  U\d\d ", line)]
    changed = answers[answers["label"] == "changed"]
    width = changed["conf_high"] - changed["conf_low"]
    assert shown == list((changed["estimate"].abs() / width).sort_values(ascending=False).index[:10])
    # what was put in decides who they are: never a unit of nothing
    assert min(sizes[unit] for unit in shown) > 0
    assert "The 10 largest are shown; the table verdicts has all." in joined(lines)


def test_up_to_twenty_units_all_have_a_line(evaluate):
    series = noisy(6, 20)
    lines, _ = evaluate(series, treated=f"[{', '.join(series)}]", also=NO_CHECKS)
    assert sorted(line.split()[0] for line in lines if re.match(r"  U\d\d ", line)) == sorted(series)
    assert lines[4].startswith("ALL 20: no clear change (p = ")


def test_each_interruption_is_named_after_all_of_them(evaluate):
    values = jump(jump(noisy(7)["U00"], 6, start=16), -6, start=32)
    second = f"events: [{{name: Second rota, date: {MONTHS[32]}, as: step_and_slope}}]\n"
    lines, tables = evaluate({"T": values}, start=16, also=second)
    about = [line for line in lines if re.match(r"(\S.*: )?T: ", line)]
    assert about[0].startswith(
        "T: Compared with its own earlier trend, all interruptions together: changed (p < 0.001)"
    )
    assert [line.partition(": T: ")[0] for line in about[1:]] == ["New rota", "Second rota"]
    assert about[1].startswith("New rota: T: worsened (p < 0.001")
    assert about[2].startswith("Second rota: T: improved (p < 0.001")
    verdicts = pd.read_csv(tables / "verdicts.csv")
    named = verdicts.loc[verdicts["label"].notna(), "interruption"]
    assert list(named) == ["all interruptions", "New rota", "Second rota"]


def test_too_few_donors_give_no_answer_and_say_why(evaluate):
    """A rank among six has p = 1/6 at best: of a true jump nothing else may be said than that."""
    series = noisy(8, 6)
    series["T"] = jump(series.pop("U05"), 20)
    peers = "peers: {k: 5, given: {T: [U00, U01, U02, U03, U04]}}\n"
    lines, tables = evaluate(series, designs="[single, synthetic]", also=peers)
    verdicts = pd.read_csv(tables / "verdicts.csv")
    labels = verdicts[verdicts["label"].notna()].set_index("design")["label"]
    assert labels["single"] == "changed"
    assert labels["synthetic"] == "not answered"
    text = joined(lines)
    assert "no clear change" not in text
    assert "T: not answered: with 5 others the smallest possible p-value is 0.17; one year after" in text
    assert "Own earlier trend: worsened, +" in text
    assert "– to –" not in text
    assert "()" not in text
    verbose, _ = evaluate(series, "-v", designs="[single, synthetic]", also=peers)
    assert "no clear" not in joined(verbose)


@pytest.mark.parametrize("verbose", [[], ["-v"]])
def test_small_numbers_are_printed_as_such(evaluate, verbose):
    values = jump(noisy(9, level=5e-6, sd=2e-8)["U00"], 3e-7)
    lines, tables = evaluate({"T": values}, *verbose, also="estimands: {primary: level_change}\n")
    verdict = pd.read_csv(tables / "verdicts.csv").query("estimand == 'level_change'").iloc[0]
    assert verdict["estimate"] == pytest.approx(3e-7, rel=0.2)
    text = joined(lines)
    mantissa, _, power = f"{verdict['estimate']:.1e}".partition("e-")
    assert f"T: level worsened, +{mantissa}e−{int(power)} days (" in text
    # nothing that is not 0 is printed as 0
    assert not re.search(r"(?<![\d.−])0(\.0+)? (days|to)| 0(\.0+)?\)", text)
    numbers = verdict[["estimate", "conf_low", "conf_high", "minimum_detectable"]].dropna()
    assert (numbers.abs() > 0).all()


def test_missing_months_of_treated_units_are_said(evaluate):
    series = noisy(10, 2)
    series["U00"][[3, 4, 30]] = np.nan
    lines, tables = evaluate(series, treated="[U00, U01]", also=NO_CHECKS)
    assert lines[1].endswith("24 months before, 24 after; not used: 3 of U00")
    assert "Weakens this: no others to compare with. Periods are missing in U00" in joined(lines)
    used = pd.read_csv(tables / "series.csv")
    assert (~used["used"]).sum() == 3
    series["U00"][[3, 4, 30]] = 50.0
    assert evaluate(series, treated="[U00, U01]", also=NO_CHECKS)[0][1].endswith("none missing")


def test_of_many_units_with_missing_months_those_are_counted(evaluate):
    series = noisy(11, 5)
    for unit in list(series)[:4]:
        series[unit][5] = np.nan
    lines, _ = evaluate(series, treated=f"[{', '.join(series)}]", also=NO_CHECKS)
    assert lines[1].endswith("24 months before, 24 after; four months of four units not used")


def test_the_default_question_is_said_to_be_one(evaluate):
    series = {"T": noisy(12)["U00"]}
    default = " (The default question; estimands.primary sets it.)"
    usual = joined(evaluate(series)[0])
    asked = "did level or trend change in the unit from January 2015, compared with its own earlier trend?"
    assert f"Asked: {asked}{default}" in usual
    stated = joined(evaluate(series, also="estimands: {primary: change}\n")[0])
    assert f"Asked: {asked} T: " in stated
    trend = joined(evaluate(series, also="estimands: {primary: slope_change}\n")[0])
    assert "Asked: did the monthly trend change in the unit from January 2015" in trend
    assert default not in trend


def test_how_units_were_chosen_is_told_when_it_is_not_stated(evaluate):
    series = {"T": noisy(13)["U00"]}
    silent = joined(evaluate(series)[0])
    assert (
        "How the units were chosen is not stated; units chosen for poor results recover by themselves."
        in silent
    )
    assert "What was delivered" not in silent


def test_how_units_were_chosen_and_what_was_delivered_is_told_in_their_words(its, evaluate, tmp_path):
    evaluate({"T": noisy(13)["U00"]})
    config = tmp_path / "study.yaml"
    stated = "{name: New rota, chosen: the board named two wards., delivered: rotas from week 1"
    config.write_text(config.read_text(encoding="utf-8").replace("{name: New rota", stated), encoding="utf-8")
    told = joined(its("run", config, "-o", tmp_path / "out", "--force", *TABLES).out.splitlines())
    assert (
        "How the units were chosen: the board named two wards. What was delivered: rotas from week 1." in told
    )
    assert "is not stated" not in told


def test_the_table_of_all_quantities_has_no_trailing_blanks(evaluate):
    lines, _ = evaluate(noisy(14, 2), "-v", treated="[U00, U01]", also=NO_CHECKS)
    assert "U00, all quantities" in lines
    assert [line for line in lines if line != line.rstrip()] == []


@pytest.mark.parametrize("verbose", [[], ["-v"]])
def test_a_gap_to_copies_has_no_numbers(evaluate, verbose):
    """The gap is 0 up to the rounding of a mean: that is no estimate, and has no interval."""
    values = noisy(15)["U00"]
    series = dict.fromkeys(("T", "U01", "U02", "U03"), values)
    given = "peers: {k: 3, given: {T: [U01, U02, U03]}}\n" + NO_CHECKS
    lines, _ = evaluate(series, *verbose, designs="[single, difference]", also=given)
    reason = "not answered: the series does not vary around the fit; the change is 0 by construction."
    assert f"T: {reason}" in joined(lines)
    assert "0 (0 to 0)" not in joined(lines)

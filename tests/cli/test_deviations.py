"""Deviations from a protocol: each kind is found by name, and none in runs that keep to it."""

import random
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from its_eval.columns import BY_RULE, DEVIATION, NO_REASON
from its_eval.config import load_config
from its_eval.config.protocol import choices, protocol_text, read_protocol
from its_eval.errors import UsageError
from its_eval.pipeline.deviations import (
    Held,
    departures,
    deviations_table,
    facts_of,
    reason_for,
    unused_reasons,
)
from its_eval.pipeline.looks import LookLevels
from its_eval.pipeline.planning import make_plan
from its_eval.pipeline.protocol import seal
from its_eval.pipeline.sources import load_sources

START = "2015-07"
MUST = "protocol: {must_pass: [ljung_box]}\n"


def sealed(study, config=None):
    """Return the protocol of a study as a run reads it: through its file."""
    path = study.folder / "protocol.yaml"
    path.write_text(protocol_text(seal(load_config(config or study.config))), encoding="utf-8")
    protocol, digest = read_protocol(path)
    return Held(path, protocol, digest, load_config(protocol.config))


def found(held, config):
    """Return the departures of a run of a config, up to its plan."""
    settings = load_config(config)
    sources = load_sources(settings)
    return departures(held, facts_of(held, settings, sources, make_plan(settings, sources)))


def items(departed):
    return {one.item for one in departed if one.severity == DEVIATION}


@pytest.fixture
def planned(study):
    """A study whose protocol has a planned end, every choice named, and a check that must pass."""
    study.write(
        changes={
            "outcomes:\n": "outcome_defaults: {end: 2016-12}\noutcomes:\n",
            "title: A small study\n": "title: A small study\n" + MUST,
        }
    )
    return study


#: What is changed in the config (text from, text to), and which items have to be found, all of them.
CHANGES = {
    "number of peers": (
        {"k: 3": "k: 2"},
        {"peers.k", *(f"peers.{o}.{u}" for o in ("waits", "seen") for u in ("A1", "A2"))},
    ),
    "start": ({"date: 2015-07": "date: 2015-09"}, {"intervention.date"}),
    "treated units": ({"treated: [A1, A2]": "treated: [A1]"}, None),
    "outcome added": ({"outcomes:\n": "outcomes:\n  - {indicator: third}\n"}, {"outcomes.third"}),
    "outcome left out": (
        {'  - {indicator: seen, label: Seen in time, unit: "%", kind: percentage, better: higher}\n': ""},
        {"outcomes.seen", "peers.seen.A1", "peers.seen.A2"},
    ),
    "end": ({"end: 2016-12": "end: 2016-10"}, {"outcomes.waits.end", "outcomes.seen.end"}),
    "first period": (
        {"{end: 2016-12}": "{start: 2013-06, end: 2016-12}"},
        {"outcomes.waits.start", "outcomes.seen.start"},
    ),
    "which estimator answers": ({"[reml_ar, ols]": "[ols, reml_ar]"}, {"estimators.first"}),
    "estimator added": ({"[reml_ar, ols]": "[reml_ar, ols, newey_west]"}, {"estimators.newey_west"}),
    "order of the error model": (
        {"[reml_ar, ols]": "[{name: reml_ar, order: 2}, ols]"},
        {"estimators.reml_ar.order"},
    ),
    "estimator of one outcome": (
        {"label: Waits,": "label: Waits, estimators: [ols],"},
        {"outcomes.waits.estimators"},
    ),
    "question": ({"primary: slope_change": "primary: level_change"}, {"estimands.primary"}),
    "effects shown": ({"at: [6]": "at: [6, 9]"}, {"estimands.at"}),
    "comparison": ({"[single, difference]": "[single]"}, {"designs"}),
    "level": ({"version: 1\n": "version: 1\nconfidence: 0.9\n"}, {"confidence"}),
    "season": ({"label: Waits,": "label: Waits, seasonality: none,"}, {"outcomes.waits.seasonality"}),
    "scale of the model": ({"label: Waits,": "label: Waits, transform: log,"}, {"outcomes.waits.transform"}),
    "direction": ({"better: lower": "better: higher"}, {"outcomes.waits.better"}),
    "months left out": (
        {"peers:": "events: [{name: Strike, date: 2016-01, until: 2016-02, as: mask}]\npeers:"},
        {"events"},
    ),
    "peer excluded": ({"{k: 3}": "{k: 3, exclude: [B1]}"}, None),
    "peers given": (
        {"{k: 3}": "{k: 3, given: {A1: [B3, B4, B5]}}"},
        {"peers.given.A1", "peers.waits.A1", "peers.seen.A1"},
    ),
    "distance": ({"{k: 3}": "{k: 3, scale: robust}"}, None),
    "shape": ({"date: 2015-07}": "date: 2015-07, shape: slope}"}, {"intervention.shape"}),
    "phase-in": (
        {"date: 2015-07}": "date: 2015-07, phase_in: {periods: 2}}"},
        {"intervention.phase_in.periods"},
    ),
    "adjustment": ({"version: 1\n": "version: 1\nmultiplicity: {method: none}\n"}, {"multiplicity.method"}),
    "seed": ({"version: 1\n": "version: 1\nseed: 7\n"}, {"seed"}),
    "missing periods": ({"data:\n": "data:\n  missing: error\n"}, {"data.missing"}),
    "check left out": ({MUST: ""}, {"protocol.must_pass"}),
    "choices tried": ({"version: 1\n": "version: 1\nsensitivity: {order: [1]}\n"}, {"sensitivity.order"}),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_changed_key_is_found_by_its_name(planned, kind):
    changes, expected = CHANGES[kind]
    text = planned.config.read_text(encoding="utf-8")
    rows = planned.indicators.read_text(encoding="utf-8").splitlines()
    planned.write_indicators([*rows[1:], *(row.replace("waits,", "third,") for row in rows if row[0] == "w")])
    held = sealed(planned)
    departed = found(held, planned.write("run.yaml", text, changes=changes))
    if expected is None:
        key = {"treated units": "treated", "peer excluded": "peers.exclude", "distance": "peers.scale"}[kind]
        assert key in items(departed)
    else:
        assert items(departed) == expected
    assert [one for one in departed if one.planned == one.actual] == []


def edit(path, pattern, put, count=1):
    text = path.read_text(encoding="utf-8")
    text, n = re.subn(pattern, put, text, count=count, flags=re.MULTILINE)
    assert n
    path.write_text(text, encoding="utf-8")


def test_revised_data_of_treated_units_and_of_others_are_told_apart(planned):
    held = sealed(planned)
    edit(planned.indicators, r"^waits,A1,2013-05,.*$", "waits,A1,2013-05,50.5")
    assert items(found(held, planned.config)) == {"data.waits.treated"}
    edit(planned.indicators, r"^seen,B5,2014-01,.*$", "seen,B5,2014-01,70")
    assert items(found(held, planned.config)) == {"data.waits.treated", "data.seen.others"}


def test_the_last_digit_of_one_value_is_a_revision(planned):
    held = sealed(planned)
    edit(planned.indicators, r"^(waits,A2,2015-06,.*)\d$", lambda found: found[1] + "x")
    edit(planned.indicators, r"^(waits,A2,2015-06,.*)x$", r"\g<1>1", 1)
    before = found(held, planned.config)
    edit(planned.indicators, r"^(waits,A2,2015-06,.*)1$", r"\g<1>2", 1)
    assert items([*before, *found(held, planned.config)]) == {"data.waits.treated"}


def test_a_removed_row_and_a_removed_series_are_revisions(planned):
    held = sealed(planned)
    edit(planned.indicators, r"^waits,B5,2013-02,.*\n", "")
    assert items(found(held, planned.config)) == {"data.waits.others"}


def test_later_values_are_no_revision(planned):
    held = sealed(planned)
    edit(planned.indicators, r"^waits,A1,2015-07,.*$", "waits,A1,2015-07,99")
    assert found(held, planned.config) == []


def test_tables_beside_the_indicators_are_compared(planned):
    held = sealed(planned)
    edit(planned.units, "Trust B1,small", "Trust B1,large")
    edit(planned.characteristics, "^(B5,.*)$", r"\g<1>0")
    assert items(found(held, planned.config)) == {"files.characteristics", "files.units"}


def test_another_version_is_found(planned):
    held = sealed(planned)
    older = replace(held, protocol=held.protocol.model_copy(update={"program": "0.0.1"}))
    assert items(found(older, planned.config)) == {"program"}


def test_data_that_begin_later_change_window_and_fingerprint(study):
    held = sealed(study)
    edit(study.indicators, r"^\w+,\w+,2013-01,.*\n", "", count=0)
    assert items(found(held, study.config)) == {
        *("window.waits", "window.seen"),
        *(f"data.{name}.{whom}" for name in ("waits", "seen") for whom in ("treated", "others")),
    }


def test_an_analysis_before_the_planned_end_is_found_where_no_looks_are_planned(planned):
    held = sealed(planned)
    edit(planned.indicators, r"^\w+,\w+,2016-12,.*\n", "", count=0)
    departed = found(held, planned.config)
    assert items(departed) == {"window.waits", "window.seen"}
    assert departed[0].actual == "2013-01 to 2016-11"


def test_a_look_that_was_not_planned_is_found_and_a_skipped_one_is_none(study):
    text = study.config.read_text(encoding="utf-8")
    study.write(text=text.replace("treated:", "looks: {from: 10, until: 18, every: 4}\ntreated:"))
    held = sealed(study)
    assert held.protocol.looks.at == (10, 14, 18)
    levels = LookLevels.of_plain(held.protocol.looks.levels[0].model_dump())
    assert levels.looks == (10, 14, 18)
    assert 0.01 < levels.level(0.05) < 0.05
    assert found(held, study.config) == []
    # the last month is not there yet: 17 periods
    edit(study.indicators, r"^\w+,\w+,2016-12,.*\n", "", count=0)
    departed = found(held, study.config)
    assert items(departed) == {"looks.waits", "looks.seen"}
    assert departed[0].actual == "a look after 17"


def nearest(held, place):
    return held.protocol.peers["waits"]["A1"].peers[place]


def test_a_peer_without_later_data_is_replaced_by_rule(planned):
    held = sealed(planned)
    lost, reserve = nearest(held, 1), held.protocol.peers["waits"]["A1"].reserves[0]
    edit(planned.indicators, rf"^waits,{lost},2016-.*\n", "", count=0)
    departed = found(held, planned.config)
    assert {one.severity for one in departed} == {BY_RULE}
    row = next(one for one in departed if one.item == f"peers.waits.A1.{lost}")
    assert row.planned == lost
    assert row.actual == f"replaced by {reserve}, the next in order: 6 of 18 periods after the start observed"
    table = deviations_table(departed, {"peers": "not asked"})
    assert set(table["reason"]) == {"replaced by rule"}


def test_a_peer_that_drops_out_with_nobody_left_is_a_deviation(planned):
    held = sealed(planned)
    for lost in ("B1", "B2", "B3"):
        edit(planned.indicators, rf"^waits,{lost},2016-.*\n", "", count=0)
    departed = [one for one in found(held, planned.config) if one.severity == DEVIATION]
    assert len(departed) == 2
    assert all("nobody left in its place" in one.actual for one in departed)


def test_peers_are_judged_on_the_time_before_alone(planned):
    """A candidate without any later data is among the planned ones: nobody can know yet."""
    before = sealed(planned)
    edit(planned.indicators, r"^\w+,B\d,201(5-(0[7-9]|1\d)|6-\d\d),.*\n", "", count=0)
    edit(planned.indicators, r"^\w+,A\d,201(5-(0[7-9]|1\d)|6-\d\d),.*\n", "", count=0)
    after = sealed(planned)
    assert after.protocol == before.protocol
    assert after.digest == before.digest


def test_a_protocol_written_in_month_minus_three_holds_a_later_run(planned):
    whole = planned.indicators.read_text(encoding="utf-8")
    edit(planned.indicators, r"^\w+,\w+,201(5-(0[5-9]|1\d)|6-\d\d),.*\n", "", count=0)
    held = sealed(planned)
    assert held.protocol.data["waits"].until == "2015-04"
    planned.indicators.write_text(whole, encoding="utf-8")
    assert found(held, planned.config) == []
    edit(planned.indicators, r"^waits,A1,2015-05,.*$", "waits,A1,2015-05,70")
    assert found(held, planned.config) == []
    edit(planned.indicators, r"^waits,A1,2015-04,.*$", "waits,A1,2015-04,70")
    assert items(found(held, planned.config)) == {"data.waits.treated"}


def test_starts_of_their_own_each_end_their_units_data(planned):
    planned.write(text=planned.config.read_text().replace("[A1, A2]", "{A1: 2015-07, A2: 2015-10}"))
    held = sealed(planned)
    edit(planned.indicators, r"^waits,A1,2015-08,.*$", "waits,A1,2015-08,70")
    assert found(held, planned.config) == []
    edit(planned.indicators, r"^waits,A2,2015-08,.*$", "waits,A2,2015-08,70")
    assert items(found(held, planned.config)) == {"data.waits.treated"}


def test_200_runs_that_keep_to_their_protocol_have_no_deviation(study):
    """Later values, later gaps, names, places and forms of output are everybody's own."""
    drawn = random.Random(20260711)  # noqa: S311  (no secret)
    rows = study.indicators.read_text(encoding="utf-8").splitlines()[1:]
    text = study.config.read_text(encoding="utf-8")
    early = [row for row in rows if row.split(",")[2] < START]
    late = [row for row in rows if row.split(",")[2] >= START]
    replaced = 0
    for turn in range(200):
        if turn % 20 == 0:
            early = [f"{row.rpartition(',')[0]},{drawn.uniform(20, 80):.4f}" for row in early]
            study.write(text=text)
            study.write_indicators(early)
            held = sealed(study)
        months = drawn.randint(8, 18)
        kept = [
            row
            for row in late
            if row.split(",")[2] < f"{2015 + (6 + months) // 12}-{(6 + months) % 12 + 1:02d}"
        ]
        gone = drawn.choice(["", "B1", "B2", "B3"])
        later = [
            f"{','.join(row.split(',')[:3])},{drawn.uniform(20, 80):.4f}"
            for row in kept
            if row.split(",")[1] != gone or drawn.random() < 0.3
        ]
        moved = study.folder / f"moved_{drawn.randint(1, 3)}.csv"
        study.write_indicators(drawn.sample([*early, *later], len(early) + len(later)))
        study.indicators.replace(moved)
        name = drawn.choice(["A study", "Another title"])
        run = study.write(
            "run.yaml",
            text,
            changes={
                "A small study": name,
                "indicators.csv": moved.name,
                "label: Waits": f"label: {name}",
                "checks:": "output: {figures: [svg]}\nchecks:",
            },
        )
        departed = found(held, run)
        assert items(departed) == set()
        replaced += bool(departed)
    assert 60 < replaced < 180


def test_a_protocol_is_the_same_however_its_rows_are_ordered(study):
    first = sealed(study)
    rows = study.indicators.read_text(encoding="utf-8").splitlines()[1:]
    study.write_indicators(rows[::-1])
    assert sealed(study).digest == first.digest


def test_any_changed_byte_is_found(study):
    held = sealed(study)
    raw = held.path.read_bytes()
    drawn = random.Random(5)  # noqa: S311  (no secret)
    for place in [*drawn.sample(range(len(raw)), 150), len(raw) - 2, 0, raw.index(b"digest: ") + 9]:
        changed = bytearray(raw)
        changed[place] = ord("#") if changed[place] != ord("#") else ord("a")
        held.path.write_bytes(bytes(changed))
        with pytest.raises(UsageError):
            read_protocol(held.path)
    held.path.write_bytes(raw.replace(b"\n", b"\r\n"))
    assert read_protocol(held.path)[1] == held.digest


def test_one_hash_in_a_sealed_file_altered_with_its_digest_is_another_protocol(study):
    """Who alters a hash and seals again has another digest than the one that was deposited."""
    held = sealed(study)
    series = held.protocol.data["waits"]
    other = ("0" if series.treated[0] != "0" else "1") + series.treated[1:]
    data = {**held.protocol.data, "waits": series.model_copy(update={"treated": other})}
    forged = protocol_text(held.protocol.model_copy(update={"data": data}))
    held.path.write_text(forged, encoding="utf-8")
    protocol, digest = read_protocol(held.path)
    assert digest != held.digest
    with pytest.raises(UsageError, match=f"expected {held.digest}"):
        read_protocol(held.path, held.digest)
    assert items(found(replace(held, protocol=protocol), study.config)) == {"data.waits.treated"}


def test_reasons_stand_with_the_deviations_that_they_name(planned):
    held = sealed(planned)
    text = planned.config.read_text(encoding="utf-8")
    reasons = "deviations: {peers: one closed, confidence: as the board asked, sead: no}\n"
    changes = {"k: 3": "k: 2", "version: 1\n": f"version: 1\nconfidence: 0.9\nseed: 3\n{reasons}"}
    config = planned.write("run.yaml", text, changes=changes)
    departed, settings = found(held, config), load_config(config)
    table = deviations_table(departed, settings.deviations).set_index("item")
    assert table.loc["confidence", "reason"] == "as the board asked"
    assert table.loc["seed", "reason"] == NO_REASON
    assert set(table["reason"][table.index.str.startswith("peers.")]) == {"one closed"}
    assert unused_reasons(departed, settings.deviations) == [
        "deviations: 'sead' is no deviation of this run (did you mean 'seed'?)."
    ]
    assert reason_for("peersonal", settings.deviations) == NO_REASON


def test_the_protocol_spells_out_every_default(study):
    held = sealed(study)
    written, run = (
        choices(config.model_dump(mode="json", by_alias=True))
        for config in (held.config, load_config(study.config))
    )
    assert written == run
    assert held.protocol.config["confidence"] == "0.95"
    assert Path(held.path).read_text(encoding="utf-8").startswith("# Protocol of an interrupted time series")
    peers = held.protocol.peers["waits"]["A1"]
    assert len(peers.peers) == 3
    assert len(peers.reserves) == 2

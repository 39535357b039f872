"""``its-eval protocol`` and ``run --protocol``."""

import hashlib
import json

import pytest

import its_eval
from its_eval.config.protocol import REQUIRABLE, read_protocol
from its_eval.evaluation import NOT_ANSWERED
from its_eval.pipeline import looks
from its_eval.pipeline.looks import LookLevels
from its_eval.report.checks import TELLING

TABLES = ("--no-figures", "--no-report")


@pytest.fixture
def protocol(its, study):
    """The sealed protocol of the study."""
    path = study.folder / "protocol.yaml"
    answer = its("protocol", study.config, "-o", path)
    assert answer.code == 0
    return path


def test_the_command_writes_a_file_and_prints_its_digest(its, study, protocol):
    text = protocol.read_text(encoding="utf-8")
    body, _, digest = text.rpartition("digest: ")
    assert hashlib.sha256(body.encode()).hexdigest() == digest.strip()
    again = its("protocol", study.config, "-o", protocol, "--force")
    assert again.out == digest
    assert protocol.read_text(encoding="utf-8") == text
    refused = its("protocol", study.config, "-o", protocol)
    assert (refused.code, "exists already" in refused.err) == (2, True)


def test_a_run_without_deviation_says_so(its, study, protocol):
    out = study.folder / "out"
    digest = its("protocol", study.config, "-o", protocol, "--force").out.strip()
    answer = its(
        *("run", study.config, "-o", out, "--no-figures", "--protocol", protocol, "--digest", digest),
        *("--fail-on", "deviations"),
    )
    assert answer.code == 0
    assert "Protocol: kept." in answer.out
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "This run kept to its protocol: no deviation was found." in page
    assert "sealed by its author only; nobody else can confirm the date." in page
    assert "Its digest is the one that was deposited." in page
    assert digest in page
    assert "What differs from the protocol" not in page
    evaluation = its_eval.load_run(out)
    assert len(evaluation.tables["deviations"]) == 0
    assert list(evaluation.tables["deviations"]) == ["item", "planned", "actual", "reason", "severity"]
    assert evaluation.conduct["protocol"]["digest"] == digest


def test_deviations_are_rows_a_section_a_line_and_an_exit_code(its, study, protocol):
    out = study.folder / "out"
    changes = {
        "k: 3": "k: 2",
        "version: 1\n": "version: 1\nseed: 5\ndeviations: {peers: one trust closed}\n",
    }
    config = study.write("run.yaml", changes=changes)
    answer = its("run", config, "-o", out, "--no-figures", "--protocol", protocol, "--fail-on", "deviations")
    assert answer.code == 1
    assert "--fail-on deviations: 6 deviations from the protocol (peers.k, peers.seen.A1," in answer.err
    text = " ".join(answer.out.split())
    assert "Protocol: six deviations: peers.k (reason given); peers.seen.A1 (reason given);" in text
    table = its_eval.load_run(out).tables["deviations"].set_index("item")
    assert list(table.loc["peers.k"]) == ["3", "2", "one trust closed", "deviation"]
    assert table.loc["seed", "reason"] == "no reason given"
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("This run departs from its protocol in six points, one of them without a reason.") == 2
    again = its("report", out, "--force")
    assert again.code == 0
    assert (out / "report.html").read_text(encoding="utf-8") == page
    assert its("verify", out).code == 0


def test_estimates_are_those_of_a_run_without_protocol(its, study, protocol):
    for name, more in (("plain", ()), ("held", ("--protocol", protocol))):
        assert its("run", study.config, "-o", study.folder / name, *TABLES, *more).code == 0
    for path in (study.folder / "plain" / "tables").iterdir():
        assert path.read_bytes() == (study.folder / "held" / "tables" / path.name).read_bytes()
    assert "deviations" not in its_eval.load_run(study.folder / "plain").tables


def test_a_registered_protocol_says_where(its, study, protocol):
    entry = "protocol: {registered: {where: OSF abcde, when: 2015-04-02}}"
    config = study.write("run.yaml", changes={"version: 1\n": f"version: 1\n{entry}\n"})
    out = study.folder / "out"
    answer = its("run", config, "-o", out, "--no-figures", "--protocol", protocol, "--fail-on", "deviations")
    assert answer.code == 0
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "The protocol was registered at OSF abcde on 2015-04-02, as its authors say." in page


def test_a_changed_file_and_another_digest_are_refused_before_anything_is_fitted(its, study, protocol):
    out = study.folder / "out"
    other = its("run", study.config, "-o", out, "--protocol", protocol, "--digest", "0" * 64)
    assert other.code == 2
    assert "this is not the protocol that was deposited" in other.err
    protocol.write_text(protocol.read_text().replace("k: 3", "k: 2"), encoding="utf-8")
    changed = its("run", study.config, "-o", out, "--protocol", protocol)
    assert changed.code == 2
    assert "changed after it was sealed" in changed.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--digest", "0" * 64), "--digest: no protocol; expected --protocol FILE"),
        (("--fail-on", "deviations"), "--fail-on deviations: no protocol; expected --protocol FILE"),
        (("--protocol", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
        (("--protocol", "{config}"), "its last line is no digest"),
    ],
)
def test_what_cannot_be_held_is_refused(its, study, options, said):
    given = [option.replace("{config}", str(study.config)) for option in options]
    answer = its("run", study.config, "-o", study.folder / "out", *given)
    assert answer.code == 2
    assert said in answer.err


def test_one_protocol_is_for_one_config(its, study, protocol):
    other = study.write("other.yaml")
    answer = its("run", study.config, other, "-o", study.folder / "out", "--protocol", protocol)
    assert (answer.code, "--protocol with 2 configs; expected one" in answer.err) == (2, True)


def test_an_unchanged_result_is_redone_when_its_protocol_changes(its, study, protocol):
    out = study.folder / "out"
    held = ("run", study.config, "-o", out, *TABLES, "--if-changed", "--protocol", protocol)
    assert its(*held).code == 0
    assert "unchanged, nothing done" in its(*held).err
    assert "unchanged" not in its(*held[:-2]).err
    assert "unchanged, nothing done" in its(*held[:-2]).err
    assert "unchanged" not in its(*held).err


#: Autocorrelated by more than the fit of least squares knows of: the check of residuals asks for attention.
def swinging(study):
    rows = study.indicators.read_text(encoding="utf-8").splitlines()[1:]
    out = []
    for row in rows:
        indicator, unit, period, value = row.split(",")
        month = (int(period[:4]) - 2013) * 12 + int(period[5:]) - 1
        swing = 12.0 * ((month // 6) % 2) if (indicator, unit) == ("waits", "A1") else 0.0
        out.append(f"{indicator},{unit},{period},{float(value) + swing:.6f}")
    study.write_indicators(out)


def test_a_required_check_that_asks_for_attention_takes_the_answer_away(its, study):
    swinging(study)
    checks = {"[reml_ar, ols]": "[ols]", "diagnostics: no": "diagnostics: yes"}
    study.write(changes=checks)
    out, path = study.folder / "out", study.folder / "protocol.yaml"
    must = {**checks, "version: 1\n": "version: 1\nprotocol: {must_pass: [ljung_box]}\n"}
    config = study.write("run.yaml", changes=must)
    assert its("protocol", config, "-o", path).code == 0
    answer = its("run", config, "-o", out, "--no-figures", "--protocol", path)
    assert answer.code == 0
    evaluation = its_eval.load_run(out)
    found = evaluation.tables["checks"]
    failed = found[found["check"].eq("ljung_box") & found["status"].eq("attention")]
    assert ("waits", "A1") in set(zip(failed["outcome"], failed["unit"], strict=True))
    keys = set(zip(failed["outcome"], failed["unit"], failed["design"], strict=True))
    for name in ("verdicts", "summary"):
        rows = evaluation.tables[name]
        units = rows[rows["unit"].ne("set") & rows["label"].ne("")]
        lost = units[units["label"].eq(NOT_ANSWERED)]
        assert set(zip(lost["outcome"], lost["unit"], lost["design"], strict=True)) == keys
        assert set(lost["direction"]) == {"unclear"}
    text = " ".join(answer.out.split())
    assert "not answered: a check that the protocol requires asks for attention" in text
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "It requires these checks of every unit that is to have an answer: Ljung–Box." in page
    # without the protocol they have their answers
    assert its("run", config, "-o", study.folder / "plain", *TABLES).code == 0
    plain = its_eval.load_run(study.folder / "plain").tables["summary"]
    assert NOT_ANSWERED not in set(plain["label"])


def test_every_check_that_can_find_a_fault_can_be_required(its, study):
    study.write(
        changes={
            "diagnostics: no": "diagnostics: yes, anticipation: 6",
            "placebo_units: no": "placebo_units: yes",
        }
    )
    assert its("run", study.config, "-o", study.folder / "out", *TABLES).code == 0
    made = set(its_eval.load_run(study.folder / "out").tables["checks"]["check"]) - TELLING
    made = {name for name in made if not name.startswith("influence_")}
    assert len(made) > 10
    assert made <= set(REQUIRABLE)


def test_the_protocol_of_a_start_without_data_yet(its, study):
    rows = study.indicators.read_text(encoding="utf-8").splitlines()[1:]
    study.write_indicators([row for row in rows if row.split(",")[2] < "2015-04"])
    path = study.folder / "protocol.yaml"
    assert its("protocol", study.config, "-o", path).code == 0
    study.write_indicators(rows)
    answer = its(
        *("run", study.config, "-o", study.folder / "out", *TABLES, "--protocol", path),
        *("--fail-on", "deviations", "--format", "json"),
    )
    assert answer.code == 0
    assert json.loads(answer.out)[0]["faults"]["deviations"] == 0


def test_declarations_name_outcomes_and_checks_that_there_are(its, study):
    declared = "protocol: {primary: [wait], smallest_effect: {seem: 2}, must_pass: [ljung]}"
    config = study.write("run.yaml", changes={"version: 1\n": f"version: 1\n{declared}\n"})
    answer = its("protocol", config, "-o", study.folder / "p.yaml")
    assert answer.code == 2
    assert "'ljung' is not known (did you mean 'ljung_box'?)" in answer.err
    declared = declared.replace("[ljung]", "[ljung_box]")
    config = study.write("run.yaml", changes={"version: 1\n": f"version: 1\n{declared}\n"})
    answer = its("protocol", config, "-o", study.folder / "p.yaml")
    assert "protocol.primary[0]: 'wait' is not an outcome (did you mean 'waits'?)" in answer.err
    assert "protocol.smallest_effect.seem: 'seem' is not an outcome (did you mean 'seen'?)" in answer.err


@pytest.mark.parametrize("options", [(), ("--precise",)])
def test_a_run_takes_the_levels_of_its_looks_from_the_protocol(its, study, monkeypatch, options):
    """Its design has not changed: what was sealed is not simulated again, and is what would be."""
    # the study ends 18 months after its start
    config = study.write(
        "looks.yaml", changes={"version: 1\n": "version: 1\nlooks: {from: 10, until: 18, every: 4}\n"}
    )
    monkeypatch.setattr("its_eval.pipeline.looks.PATHS", 400)
    monkeypatch.setattr("its_eval.pipeline.looks.PRECISE_PATHS", 800)
    monkeypatch.setattr("its_eval.pipeline.protocol.PATHS", 400)
    path, out = study.folder / "looks-protocol.yaml", study.folder / "looks-out"
    assert its("protocol", config, "-o", path, *options).code == 0
    sealed = read_protocol(path)[0].looks
    assert {item.paths for item in sealed.levels} == {800 if options else 400}

    simulated = looks.spending

    def refuse(*_arguments, **_options):
        raise AssertionError("simulated again")

    monkeypatch.setattr(looks, "spending", refuse)
    answer = its("run", config, "-o", out, *TABLES, "--protocol", path)
    assert answer.code == 0
    assert "Protocol: kept." in answer.out
    (level,) = its_eval.load_run(out).tables["looks"]["level"].unique()
    assert level == pytest.approx(LookLevels.of_plain(plain(sealed.levels[0])).level(0.05))
    # another choice is another design
    other = study.write(
        "other.yaml",
        changes={"version: 1\n": "version: 1\nseed: 5\nlooks: {from: 10, until: 18, every: 4}\n"},
    )
    monkeypatch.setattr(looks, "spending", lambda *given, **options: simulated(*given, paths=400, **options))
    assert its("run", other, "-o", out, *TABLES, "--protocol", path, "--force").code == 0
    assert its_eval.load_run(out).tables["looks"]["level"].iloc[-1] != level


def plain(sealed):
    return sealed.model_dump(exclude={"outcome", "units", "interruption"})

"""What is said of a run before it starts is what it leaves, and trying it first changes nothing."""

import hashlib
import math
from types import SimpleNamespace

import pytest

import its_eval.batch.run as batch
from its_eval.batch.run import Means, run_batch
from its_eval.cli.run_text import cost_sentences, duration
from its_eval.pipeline import cost
from its_eval.pipeline import produce as production
from its_eval.pipeline.cost import Cost, Parts, StageClock
from its_eval.pipeline.produce import Wanted, produce

UNITS = ("T1", "T2", "T3", "T4", "D1", "D2", "D3", "D4")


def made(config, target, foresee=None):
    produce(
        config,
        None,
        target,
        command="its-eval run",
        wanted=Wanted(report=False),
        force=True,
        jobs=1,
        progress=lambda *_: None,
        foresee=foresee,
    )
    files = sorted(path for path in target.rglob("*") if path.is_file() and path.name != "manifest.json")
    return {
        path.relative_to(target).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


@pytest.fixture
def study(make_world, noisy):
    world = make_world(noisy(UNITS, n=48), start=24)
    for unit, values in noisy(UNITS, n=48, seed=3).items():
        world.add("z", unit, values)
    outcomes = [world.outcome(), world.outcome() | {"indicator": "z"}]
    return world.config(
        treated=list(UNITS[:4]),
        outcomes=outcomes,
        peers={"k": 2},
        designs=["single", "difference"],
        output={"figures": ["png"]},
    )


def test_what_is_said_is_what_a_run_leaves_and_its_bytes_stay(study, tmp_path, monkeypatch):
    plain = made(study, tmp_path / "plain", foresee=pytest.fail)
    monkeypatch.setattr(cost, "WORTH_A_TRIAL", 8)
    monkeypatch.setattr(production, "SAID_FROM", 0.0)
    said = []
    told = made(study, tmp_path / "told", foresee=said.append)
    assert told == plain
    (found,) = said
    assert found.series == 16
    # and the manifest
    assert found.files == len(plain) + 1
    size = sum(path.stat().st_size for path in (tmp_path / "plain").rglob("*") if path.is_file())
    assert 0.7 < found.size / size < 1.5
    assert found.seconds > 0.0


def test_a_run_that_is_soon_done_says_nothing(study, tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "WORTH_A_TRIAL", 8)
    monkeypatch.setattr(production, "SAID_FROM", math.inf)
    made(study, tmp_path / "told", foresee=pytest.fail)


def test_parts_grow_with_what_they_belong_to():
    assert Parts(1.0, 10.0, 200.0).of(outcomes=3, units=6) == 1.0 + 30.0 + 600.0


def test_stages_that_all_units_share_are_told_from_the_others():
    clock = StageClock(iter([0.0, 1.0, 3.0, 6.0, 10.0, 15.0]).__next__)
    for stage in (
        "Waits: looking for donors",
        "Waits, single: fitting",
        "Waits, single: fitting the donors",
        "x: y",
    ):
        clock(stage)
    assert clock.parts() == (2.0 + 4.0, 1.0 + 3.0 + 5.0)


def test_the_sentence():
    said = cost_sentences(Cost(120, 250.0, 83, 21_400_000))
    assert said.startswith("about 4 minutes for 120 series are to be expected, some 83 files and 21 MB.")
    assert "`output: {detail: estimates}`" in said
    assert duration(3.0) == "about 10 seconds"


def test_a_batch_says_what_series_take_that_are_fitted_one_by_one(make_world, noisy, tmp_path, monkeypatch):
    world = make_world(noisy(UNITS, n=48), start=24)
    (world.folder / "config.yaml").write_text("", encoding="utf-8")

    def config(estimator):
        outcomes = [world.outcome(estimators=[estimator])]
        alone = {"peers": None, "designs": ["single"], "output": {"detail": "estimates"}}
        return world.config(treated="each", outcomes=outcomes, **alone)

    def said(estimator):
        told = []
        run_batch(
            config(estimator),
            world.folder / "config.yaml",
            tmp_path / "out",
            command="its-eval run",
            means=Means(force=True),
            progress=lambda *_: None,
            foresee=told.append,
        )
        return told

    # a clock that only the trial moves: half a second for reading, three for each unit
    now = [0.0]

    def tried(block):
        assert len(block.treatment.units) in (1, 4)
        now[0] += 0.5 + 3.0 * len(block.treatment.units)

    with monkeypatch.context() as patched:
        patched.setattr(batch, "evaluate_block", tried)
        patched.setattr(batch, "time", SimpleNamespace(perf_counter=lambda: now[0]))
        plan = batch.plan_batch(config("arima"))
        assert batch.seconds_one_by_one(plan) == 0.0
        assert now[0] == 0.0
        patched.setattr(batch, "_WORTH_A_TRIAL", len(UNITS))
        assert batch.seconds_one_by_one(plan) == pytest.approx(3.0 * len(UNITS))
        assert batch.seconds_one_by_one(batch.plan_batch(config("ols"))) == 0.0
    assert said("ols") == []
    monkeypatch.setattr(batch, "seconds_one_by_one", lambda _: 24.0)
    assert said("ols") == [24.0]

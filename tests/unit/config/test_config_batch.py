"""What a config may ask of a batch run, and where the faults of others are."""

import pytest

from its_eval.config import load_config, to_yaml
from its_eval.config.settings import url_text
from its_eval.errors import ConfigError

TEXT = """\
version: 1
data:
  indicators: {path: monitor.parquet}
intervention: {name: Rota, date: 2016-01}
treated: each
outcomes:
  - {indicator: waits}
output: {detail: estimates}
"""
PEERS = "  characteristics: {path: c.csv}\n  units: {path: u.csv}\nintervention"


def load(folder, text):
    path = folder / "batch.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def faults(folder, **changes):
    text = TEXT
    for old, new in changes.pop("changes", {}).items():
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(ConfigError) as error:
        load(folder, text)
    return [problem.split(": ", 1)[1] for problem in error.value.problems]


def test_a_batch_writes_parquet_unless_told_otherwise(tmp_path):
    config = load(tmp_path, TEXT)
    assert (config.output.detail, config.output.tables) == ("estimates", ("parquet",))
    again = load(tmp_path, to_yaml(config))
    assert again == config
    assert load(tmp_path, TEXT.replace("estimates", "full")).output.tables == ("csv",)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("s3://bucket/monitor.parquet", "s3://bucket/monitor.parquet"),
        ("memory://monitor.parquet", "memory://monitor.parquet"),
        ("file:///data/monitor.parquet", "file:///data/monitor.parquet"),
    ],
)
def test_a_url_stays_one(tmp_path, written, shown):
    config = load(tmp_path, TEXT.replace("monitor.parquet", written))
    assert url_text(config.data.indicators[0].path) == shown
    assert load(tmp_path, to_yaml(config)) == config
    assert f"path: {shown}" in to_yaml(config)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"detail: estimates": "detail: estimates, tables: [csv]"},
            "output.tables: csv: a batch run writes Parquet; expected [parquet], or `detail: full`",
        ),
        (
            {"monitor.parquet": "monitor.xlsx"},
            (
                "data.indicators.path: 'monitor.xlsx': a batch run reads Parquet and CSV; "
                "expected a .parquet, .csv or .csv.gz, or `output.detail: full`"
            ),
        ),
        (
            {"monitor.parquet}": "monitor.parquet, layout: wide, indicator: waits}"},
            "data.indicators.layout: 'wide': a batch run reads rows; expected long, or `output.detail: full`",
        ),
        (
            {"{indicator: waits}": "{indicator: waits, kind: percentage, transform: logit}"},
            (
                "outcomes[0].transform: 'logit' is not for a batch run; "
                "expected none or log, or `output.detail: full`"
            ),
        ),
        (
            {"output:": "estimands: {primary: relative_average_effect}\noutput:"},
            (
                "estimands.primary: 'relative_average_effect' of an outcome without a logarithm is not linear, so "
                "not for a batch run; expected another estimand, or `transform: log`, or `output.detail: full`"
            ),
        ),
        (
            {"output:": "sensitivity: {season: [none]}\noutput:"},
            (
                "sensitivity: a batch run tries no other choices; "
                "expected this key left out, or `output.detail: full`"
            ),
        ),
        (
            {"intervention": PEERS, "output:": "peers: {k: 3, match: pre_period}\noutput:"},
            (
                "peers.match: 'pre_period': a batch run matches on characteristics; "
                "expected characteristics, or `output.detail: full`"
            ),
        ),
        (
            {
                "intervention": PEERS.replace("u.csv", "u.csv, columns: {successor: s}, mergers: combine"),
                "output:": "peers: {k: 3}\noutput:",
            },
            (
                "data.units.mergers: 'combine': a batch run does not add up the rows of units; "
                "expected set_aside, or `output.detail: full`"
            ),
        ),
        (
            {
                "indicator: waits": "indicator: waits, kind: percentage",
                "intervention": PEERS.replace("units:", "disclosure: {at: input}\n  units:"),
                "output:": "peers: {k: 3}\noutput:",
            },
            (
                "data.disclosure: a batch run protects no counts; "
                "expected this key left out, or `output.detail: full`"
            ),
        ),
        (
            {
                "intervention": PEERS.replace("units:", "successions: nhs\n  units:"),
                "output:": "peers: {k: 3}\noutput:",
            },
            (
                "data.successions: a batch run does not add up the rows of units; "
                "expected this key left out, or `output.detail: full`"
            ),
        ),
        *(
            (
                {"intervention": PEERS, "output:": f"peers: {{k: 3}}\ndesigns: [single, {design}]\noutput:"},
                (
                    f"designs[1]: {design!r} is not for a batch run; "
                    "expected single or difference, or `output.detail: full`"
                ),
            )
            for design in ("synthetic", "sdid", "augmented_synthetic")
        ),
        (
            {"intervention": PEERS.replace("c.csv", "s3://b/c.csv")},
            "data.characteristics.path: a URL is for indicators alone; expected a local path",
        ),
        (
            {"monitor.parquet": "s3://b/m.parquet", "detail: estimates": "detail: full"},
            (
                "data.indicators.path: a URL is read by a batch run alone; "
                "expected a local path, or `output.detail: estimates`"
            ),
        ),
    ],
)
def test_what_a_batch_does_not_do_is_refused_with_a_way_out(tmp_path, changes, expected):
    found = faults(tmp_path, changes=changes)
    assert [text for text in found if text == expected], found

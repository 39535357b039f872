"""Settings of the peer search that go beyond a list of names."""

import pytest

from its_eval.config.loading import to_yaml


def test_scales_metrics_and_logarithms(load):
    peers = load(peers="{scale: robust, metric: mahalanobis, log: [Beds], caliper: 2.5}").peers
    assert (peers.scale, peers.metric, peers.log, peers.caliper) == ("robust", "mahalanobis", ("Beds",), 2.5)
    assert load(peers="{caliper: P90}").peers.caliper == "p90"


@pytest.mark.parametrize("caliper", ["0", "-1", "p0", "p100", "near", "inf", "nan", "true", "[2]"])
def test_what_is_no_caliper(faults, caliper):
    (fault,) = faults(peers=f"{{caliper: {caliper}}}")
    assert fault.startswith("6: peers.caliper: ")
    assert "is not a caliper; expected a distance above 0, or p1 to p99" in fault


def test_a_percentile_needs_a_number_of_peers(faults):
    (fault,) = faults(peers="{k: all, caliper: p90}")
    assert fault == (
        "6: peers.caliper: 'p90': with k: all there is no k-th nearest; expected a distance, or a number "
        "of peers"
    )


def test_logarithms_of_other_variables(faults):
    (fault,) = faults(peers="{variables: [Beds, Urban], log: [beds, Urbn]}")
    assert fault == (
        "6: peers.log[1]: 'Urbn' is not among the variables (did you mean 'Urban'?); expected one of Beds, "
        "Urban"
    )


def test_matching_on_the_outcome_leaves_no_place_for_characteristics(faults, load):
    found = faults(peers="{match: pre_period, variables: [Beds], weights: {Beds: 2}, missing: zero}")
    assert [fault.split(":")[1].strip() for fault in found] == [
        "peers.variables",
        "peers.weights",
        "peers.missing",
    ]
    assert all(fault.endswith("not characteristics; expected one of the two") for fault in found)
    text = to_yaml(load(peers="{match: pre_period, scale: minmax}"))
    assert "match: pre_period" in text
    assert "weights:" not in text.split("peers:")[1].split("outcome_defaults:")[0]


def test_a_preset_decides_logarithms_too(faults):
    (fault,) = faults(peers="{preset: nhs-trust-peer-finder, log: [Sites]}")
    assert "peers.log: ('Sites',): the preset nhs-trust-peer-finder decides this" in fault


def put(folder, text, name="peers.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return f"{{given: {{from: {name}}}}}"


def test_a_written_list_is_read_back_in_order_of_rank(load, tmp_path):
    given = put(tmp_path, "unit,rank,peer,distance\nRTP,2,B,1.5\nRTP,1,A,0.5\nRR8,1,C,\n")
    peers = load(peers=given).peers
    assert peers.given == {"RTP": ("A", "B"), "RR8": ("C",)}
    assert peers.given_by_outcome == {}
    assert "given:\n    RTP:\n    - A\n    - B" in to_yaml(load(peers=given))


def test_the_table_of_a_run_may_have_other_peers_for_an_outcome(load, tmp_path):
    lines = ["outcome,unit,rank,peer,distance,pool_rank", "waits,RTP,1,A,1,1", "waits,RR8,1,C,1,1"]
    lines += ["seen,RTP,1,B,2,2", "seen,RR8,1,C,1,1"]
    peers = load(peers=put(tmp_path, "\ufeff" + "\n".join(lines))).peers
    assert peers.given == {"RTP": ("A",), "RR8": ("C",)}
    assert peers.given_by_outcome == {"seen": {"RTP": ("B",)}}
    assert peers.given_for("seen") == {"RTP": ("B",), "RR8": ("C",)}
    assert peers.given_for("waits") == peers.given


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "unit,rnk,peer\nRTP,1,A\n",
            "peers.csv has no column 'rank' (did you mean 'rnk'?); expected that column",
        ),
        ("unit,rank,peer\n", "peers.csv has no rows; expected a row per peer"),
        (
            "unit,rank,peer\nRTP,first,A\n",
            "line 2: the rank 'first' is not a number; expected 1 for the nearest",
        ),
        ("unit,rank,peer\nRTP,1,\n", "line 2: peer is blank; expected a code or rank"),
        (
            "unit,rank,peer\nRTP,1,A\nRTP,2,A\n",
            "line 3: rank 2 or peer 'A' stands twice for RTP; expected each once",
        ),
        ('unit,rank,peer\nRTP,1,"A\n', "peers.csv is not valid CSV: "),
    ],
)
def test_faults_of_a_written_list(faults, tmp_path, text, fault):
    (found,) = faults(peers=put(tmp_path, text))
    assert found.startswith("6: peers.given.from: ")
    assert fault in found


def test_a_list_that_cannot_be_read(faults, tmp_path):
    (found,) = faults(peers="{given: {from: none.csv}}")
    assert "none.csv cannot be read (No such file or directory); expected a peers.csv" in found
    (tmp_path / "latin.csv").write_bytes("unit,rank,peer\nRTP,1,Ä\n".encode("cp1252"))
    (found,) = faults(peers="{given: {from: latin.csv}}")
    assert "latin.csv cannot be read (it is not UTF-8 text)" in found


def test_a_unit_may_be_called_from(load):
    assert load(treated="[from]", peers="{given: {from: [A, B]}}").peers.given == {"from": ("A", "B")}


def test_what_the_characteristics_describe(load, faults):
    table = "{{indicators: {{path: a.csv}}, characteristics: {{path: c.csv, dated: {0}}}}}"
    for dated in ("2014", "2014-09"):
        assert load(data=table.format(dated)).data.characteristics.dated == dated
    assert faults(data=table.format("Autumn")) == [
        "2: data.characteristics.dated: 'Autumn' is not a year or month; expected e.g. 2014 or 2014-09"
    ]


def test_columns_of_lifetimes(load):
    table = "{path: u.csv, columns: {opened: o, successor: s}, mergers: combine}"
    units = load(data=f"{{indicators: {{path: a.csv}}, units: {table}}}").data.units
    assert units.columns == {"unit": "unit", "opened": "o", "successor": "s"}
    assert units.mergers == "combine"

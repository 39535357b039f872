"""Hashes, the manifest, and whether a result still stands for its inputs."""

import hashlib
import json

import pytest

from its_eval import provenance
from its_eval.config.named_files import files_named
from its_eval.errors import DataError


@pytest.fixture
def made(tmp_path):
    """A small result with its config and input."""
    result = tmp_path / "result"
    (result / "tables").mkdir(parents=True)
    (result / "tables" / "a.csv").write_text("a\n1\n")
    (result / provenance.RESOLVED).write_text("version: 1\n")
    config, source = tmp_path / "c.yaml", tmp_path / "d.csv"
    config.write_text("version: 1\n")
    source.write_text("x\n1\n")
    content = provenance.manifest(
        command="its-eval run c.yaml",
        config_path=config,
        seed=7,
        inputs=provenance.input_hashes([source]),
        outputs=provenance.output_hashes(result),
        timings={"load": 0.123456},
        notes=("to know",),
        flags=[{"unit": "A", "flags": "at_bound"}],
        figures=False,
    )
    content |= {"faults": {}}
    (result / provenance.MANIFEST).write_text(json.dumps(content))
    return result, config, source, content


def is_unchanged(made, **changes):
    result, config, source, _ = made
    found = provenance.unchanged(
        result, config, [source], **{"resolved": "version: 1\n", "figures": False, **changes}
    )
    if "resolved" not in changes:
        # the first look says the same where the config names nothing
        wanted = {"figures": False, "report": False, **changes}
        assert provenance.surely_unchanged(result, config, files_named, **wanted) == found
    return found


def test_an_input_that_cannot_be_read_is_a_fault_of_the_data(made, monkeypatch):
    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(provenance, "sha256", refuse)
    with pytest.raises(DataError, match=r"d\.csv: cannot be read: Permission denied"):
        provenance.input_hashes([made[2]])
    assert provenance.input_hashes([made[2].with_name("x" * 300)]) == {}


def test_sha256_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "large"
    path.write_bytes(b"x" * (3 << 20))
    assert provenance.sha256(path) == hashlib.sha256(b"x" * (3 << 20)).hexdigest()


def test_the_manifest_says_where_a_result_comes_from(made):
    _, config, source, content = made
    assert content["schema_version"] == 1
    assert content["program"] == {"name": "its-eval", "version": provenance.program_version()}
    assert set(content["libraries"]) == set(provenance.LIBRARIES)
    assert content["config"]["path"] == config.resolve().as_posix()
    assert list(content["inputs"]) == [source.as_posix()]
    assert list(content["outputs"]) == ["config.resolved.yaml", "tables/a.csv"]
    assert content["timings_seconds"] == {"load": 0.123}
    assert (content["seed"], content["notes"], content["figures"]) == (7, ["to know"], False)
    assert content["flags"] == [{"unit": "A", "flags": "at_bound"}]
    assert content["finished"].endswith("+00:00")
    assert content["command"] == "its-eval run c.yaml"


def test_the_manifest_can_be_read_again(made):
    assert provenance.read_manifest(made[0]) == made[3]


def test_a_result_stands_until_something_changes(made):
    assert is_unchanged(made)
    assert not is_unchanged(made, resolved="version: 1\nseed: 2\n")
    assert not is_unchanged(made, figures=True)


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        (b"[d.csv, '', nothing.csv, a title]", True),
        (b"[d.csv, other.csv]", False),
        (b"[d.csv, folder]", False),
        (b"{from: 'https://example.org/d.csv'}", False),
        (b"title: caf\xe9", False),
        (b"[d.csv", False),
    ],
)
def test_the_first_look_is_sure_only_where_the_config_names_nothing_else(made, text, sure):
    result, config, _, content = made
    (config.parent / "other.csv").write_text("x\n")
    (config.parent / "folder" / "deep").mkdir(parents=True)
    (config.parent / "folder" / "deep" / "e.csv").write_text("x\n")
    config.write_bytes(text)
    content["config"]["sha256"] = provenance.sha256(config)
    (result / provenance.MANIFEST).write_text(json.dumps(content))
    assert provenance.surely_unchanged(result, config, files_named, figures=False, report=False) == sure
    assert not provenance.surely_unchanged(result, config, files_named, figures=True, report=False)
    (result / provenance.MANIFEST).write_text(json.dumps(content | {"batch": {}}))
    assert provenance.surely_unchanged(result, config, files_named, figures=True, report=True) == sure
    link = config.parent / "folder" / config.name
    link.symlink_to(config)
    assert not provenance.surely_unchanged(result, link, files_named, figures=False, report=False)


@pytest.mark.parametrize("place", [1, 2])
def test_a_changed_config_or_input_is_a_change(made, place):
    made[place].write_text("else\n")
    assert not is_unchanged(made)


def test_an_input_that_is_gone_is_a_change(made):
    made[2].unlink()
    assert not is_unchanged(made)


@pytest.mark.parametrize("name", ["tables/a.csv", provenance.RESOLVED])
@pytest.mark.parametrize("deed", ["changed", "gone"])
def test_a_damaged_output_is_a_change(made, name, deed):
    path = made[0] / name
    path.write_text("else\n") if deed == "changed" else path.unlink()
    assert not is_unchanged(made)


def test_an_added_output_is_a_change(made):
    (made[0] / "tables" / "b.csv").write_text("")
    assert not is_unchanged(made)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema_version": 1}',
        '{"schema_version": 1, "program": "its-eval"}',
        '{"schema_version": 1, "program": {"name": "other"}}',
        '{"schema_version": 2, "program": {"name": "its-eval"}}',
        '{"schema_version": 1, "program": {"name": "its-eval"}}',
        '{"schema_version": 1, "program": {"name": "its-eval", "version": "1"}, "inputs": [], "outputs": {}}',
        '{"schema_version": 1, "program": {"name": "its-eval", "version": "1"}, "inputs": {"a": 1}, "outputs": {}}',
        '{"schema_version": 1, "program": {"name": "its-eval", "version": "1"}, "config": {}, "inputs": {}, "outputs": {}}',
    ],
)
def test_a_manifest_that_is_none_of_ours(made, text):
    (made[0] / provenance.MANIFEST).write_text(text)
    assert provenance.read_manifest(made[0]) is None
    assert not is_unchanged(made)


def test_a_manifest_without_its_parts_is_a_change(made):
    least = {
        "schema_version": 1,
        "program": {"name": "its-eval", "version": "1"},
        "inputs": {},
        "outputs": {},
    }
    (made[0] / provenance.MANIFEST).write_text(json.dumps(least))
    assert provenance.read_manifest(made[0]) == least
    assert not is_unchanged(made)


def test_foreign_files(made, tmp_path):
    result = made[0]
    assert provenance.foreign_files(result) == []
    (result / "notes").mkdir()
    (result / "notes" / "mine.txt").write_text("")
    for name in (".DS_Store", "._a.csv", ".~lock.a.csv#", "~$a.xlsx", ".nfs0001", "Thumbs.db"):
        (result / "tables" / name).write_text("")
    (result / ".env").write_text("")
    (result / "elsewhere").symlink_to(tmp_path, target_is_directory=True)
    mine = [".env", "elsewhere", "notes/mine.txt"]
    assert provenance.foreign_files(result) == mine
    (result / provenance.MANIFEST).write_text('{"program": {"name": "its-eval"}}')
    everything = sorted([*mine, "config.resolved.yaml", "manifest.json", "tables/a.csv"])
    assert provenance.foreign_files(result) == everything
    (result / provenance.MANIFEST).unlink()
    assert provenance.foreign_files(result) == [name for name in everything if name != "manifest.json"]

"""YAML is read strictly: text stays text, and what could be misread is refused."""

import os

import pytest

from its_eval.config import load_config
from its_eval.config.reading import MOST_VALUES, Place, Problem, read_yaml
from its_eval.errors import ConfigError


def tree(text):
    return read_yaml(text, "f.yaml").tree


@pytest.mark.parametrize(
    "scalar", ["NO", "on", "0123", "12:30", "2020-01", "2020-01-01", "1e3", "0x1F", "true"]
)
def test_scalars_are_text(scalar):
    assert tree(f"a: {scalar}\nb: [{scalar}]\n{scalar}: c") == {"a": scalar, "b": [scalar], scalar: "c"}


@pytest.mark.parametrize("blank", ["", "~", "null", "Null", "NULL"])
def test_plain_blanks_are_nothing(blank):
    assert tree(f"a: {blank}\nb: 1") == {"a": None, "b": "1"}


def test_quoted_blanks_are_text():
    assert tree("a: 'null'\nb: \"~\"\nc: ''\nd: |\n  null") == {"a": "null", "b": "~", "c": "", "d": "null"}


def test_aliases_are_expanded():
    assert tree("a: &x [1, {b: 2}]\nc: *x") == {"a": ["1", {"b": "2"}], "c": ["1", {"b": "2"}]}


def test_byte_order_mark_is_allowed(write):
    path = write(title="ünï")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load_config(path).title == "ünï"


def problems(text):
    return [str(problem) for problem in read_yaml(text, "f.yaml").problems]


def test_duplicate_key_names_both_lines():
    assert problems("a:\n  b: 1\n  c: 2\n  b: 3") == [
        "f.yaml:4: a.b: this key stands twice, first at f.yaml:2; expected each key once"
    ]


@pytest.mark.parametrize(
    "tagged", ["!!python/object/apply:os.system [ls]", "!!str 1", "!mine {a: b}", "! x", "!!null ''"]
)
def test_tags_are_refused(tagged):
    (message,) = problems(f"a: 1\nb: {tagged}")
    assert message.startswith("f.yaml:2: the tag '!")
    assert message.endswith("is refused; expected plain values without tags")


def test_merge_keys_are_refused_but_quoted_ones_are_text():
    assert problems("a: &x {b: 1}\nc:\n  <<: *x\nd:\n  '<<': 1") == [
        "f.yaml:3: c: the merge key '<<' is refused; expected the keys written out"
    ]


@pytest.mark.parametrize("key", ["[1, 2]", "{a: b}", "~", "null"])
def test_keys_are_text(key):
    assert problems(f"a: 1\n? {key}\n: 2") == [
        "f.yaml:2: a key that is not text; expected a plain name before the colon"
    ]


def fatal(text):
    with pytest.raises(ConfigError) as caught:
        read_yaml(text, "f.yaml")
    (message,) = caught.value.problems
    return message


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n"])
def test_empty_file(text):
    assert fatal(text) == "f.yaml: the file is empty; expected at least version, data and intervention"


@pytest.mark.parametrize("text", ["- a\n- b", "just text", "~"])
def test_top_level_is_a_mapping(text):
    assert fatal(text) == "f.yaml:1: the top level is not a mapping; expected `key: value` lines"


def test_one_document_only():
    message = fatal("a: 1\n---\nb: 2")
    assert message == "f.yaml:3: a second document begins here; expected one document per file"


def test_tab():
    assert fatal("a:\n\tb: 1") == (
        "f.yaml:2: a tab stands where spaces are needed; expected indentation by spaces"
    )


def test_not_yaml():
    message = fatal("a: [1, 2\nb: 3")
    assert message.startswith("f.yaml:2: not valid YAML: ")
    assert message.endswith("; expected `key: value` lines, indented by spaces")


def test_undefined_alias():
    assert "f.yaml:1: not valid YAML: found undefined alias 'x'" in fatal("a: *x")


def test_unprintable_character():
    message = fatal("a: 1\nb: \x07")
    assert message == "f.yaml:2: the character '\\x07' cannot stand in YAML; expected printable text"


def test_alias_bomb():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert f"more than {MOST_VALUES:,} values once aliases are expanded" in fatal("\n".join(lines))


def test_alias_inside_itself():
    message = fatal("a: &x [1, *x]")
    assert message == ("f.yaml:1: nested too deeply; expected at most 50 levels, and no alias inside itself")


def test_nested_too_deeply_for_the_reader():
    assert fatal("a: " + "[" * 5000 + "]" * 5000) == "f.yaml: nested too deeply; expected at most 50 levels"


def test_encoding(faults_of_text):
    assert faults_of_text(b"version: 1\ntitle: caf\xe9\n") == [
        "its.yaml:2: byte 0xe9 is not UTF-8; expected text saved as UTF-8"
    ]


def test_no_such_file(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "none.yaml")
    assert caught.value.problems == [
        f"{tmp_path / 'none.yaml'}: there is no such file; expected a config in YAML"
    ]
    assert caught.value.exit_code == 2


def test_a_folder_is_not_a_config(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot be read \(Is a directory\); expected a readable file"):
        load_config(tmp_path)


def test_faults_of_yaml_and_of_settings_come_together(faults_of_text):
    text = "version: 1\nversion: 2\ntitel: x\ndata: !t {indicators: {path: a.csv}}\n"
    found = faults_of_text(text)
    assert [line.split(": ", 2)[0] for line in found] == [
        *["its.yaml:1"] * 3,
        "its.yaml:2",
        "its.yaml:3",
        "its.yaml:4",
    ]


def test_places_and_problems_as_text():
    assert str(Problem(Place("a.yaml", 3), "b: c")) == "a.yaml:3: b: c"


def test_paths_are_relative_to_the_file_not_to_the_working_folder(write, tmp_path, monkeypatch):
    path = write()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    config = load_config(os.path.relpath(path))
    assert config.data.indicators[0].path == tmp_path.resolve() / "a.csv"

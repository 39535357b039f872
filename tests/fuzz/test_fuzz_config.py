"""Whatever a config holds, the loader answers with settings or with a ConfigError."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from its_eval.config import Config, load_config, to_yaml
from its_eval.errors import ConfigError

ROOT = Path(__file__).parents[2]
SAMPLE = (ROOT / "configs" / "sample.yaml").read_bytes()
TREE = yaml.safe_load(SAMPLE)

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(["", "~", "2015-07", "2015Q3", "nan", "1e999", "../../x", "all", "each", "units.type"]),
)  # fmt: skip
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


def places(tree, path=()):
    """Every place in a tree, from the top down."""
    yield path
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in entries:
        yield from places(value, (*path, key))


PLACES = list(places(TREE))


def replaced(tree, path, value):
    if not path:
        return value
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[path[0]] = replaced(tree[path[0]], path[1:], value)
    return copy


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "its.yaml"


def check(file, content):
    """Load; a config that is accepted can be written and read again, and is then the same."""
    file.write_bytes(content)
    try:
        config = load_config(file)
    except ConfigError as error:
        assert error.problems  # noqa: PT017  (either outcome is right)
        assert all(problem.startswith(str(file)) for problem in error.problems)  # noqa: PT017
        return
    assert isinstance(config, Config)
    file.write_text(to_yaml(config), encoding="utf-8")
    assert load_config(file) == config


@given(st.binary(max_size=300))
def test_any_bytes(file, content):
    check(file, content)


@given(st.text(max_size=300))
def test_any_text(file, content):
    check(file, content.encode("utf-8", "surrogatepass"))


@given(st.integers(0, len(SAMPLE)), st.integers(0, 40), st.binary(max_size=6))
def test_a_config_with_damaged_bytes(file, start, length, put):
    check(file, SAMPLE[:start] + put + SAMPLE[start + length :])


@given(st.sampled_from(PLACES), trees)
def test_a_config_with_any_value_anywhere(file, path, value):
    check(
        file, yaml.safe_dump(replaced(TREE, path, value), allow_unicode=True).encode("utf-8", "surrogatepass")
    )


@given(st.sampled_from([path for path in PLACES if path]), st.sampled_from([path for path in PLACES if path]))
def test_a_config_with_one_part_in_the_place_of_another(file, target, source):
    value = TREE
    for step in source:
        value = value[step]
    check(file, yaml.safe_dump(replaced(TREE, target, value)).encode())

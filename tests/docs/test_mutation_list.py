"""The list of mutations fits the package as it is, and the documentation shows it. They are run by `make mutations`."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    """The script behind `make mutations`, as a module."""
    before = list(sys.path)
    spec = importlib.util.spec_from_file_location(
        "mutations_of_the_core", ROOT / "benchmarks" / "mutations.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path[:] = before
        del sys.modules[spec.name]


def test_every_mutation_has_its_place(script):
    """A function that was renamed, or a line that was rewritten, has to be changed in the list too."""
    package = ROOT / script.PACKAGE
    known = script.definitions(package)
    lost = []
    for mutation in script.MUTATIONS:
        try:
            script.located(mutation, package, known)
        except LookupError as error:
            lost.append(str(error))
    assert lost == []


def test_they_are_many_and_tested_without_golden_tables(script):
    assert len(script.MUTATIONS) >= 40
    assert len(set(script.MUTATIONS)) == len(script.MUTATIONS)
    every = {test for mutation in script.MUTATIONS for test in mutation.tests}
    files = {test.partition("::")[0] for test in every}
    assert [name for name in sorted(files) if not (ROOT / name).is_file()] == []
    assert {Path(name).parts[1] for name in files} <= {"unit", "reference"}
    for test in every:
        path, *names = test.split("::")
        text = (ROOT / path).read_text(encoding="utf-8")
        assert [name for name in names if f" {name}(" not in text and f" {name}:" not in text] == [], test


def test_a_text_that_is_not_there_once_is_an_error(script, tmp_path):
    (tmp_path / "one.py").write_text(
        "def f(x):\n    return x + x\n\n\nclass A:\n    def f(self):\n        return 1\n"
    )
    known = script.definitions(tmp_path)
    made = script.Mutation("A.f", "return 1", "return 2", "", ())
    path, text = script.located(made, tmp_path, known)
    assert (path.as_posix(), text[-9:]) == ("one.py", "return 2\n")
    for function, fragment in (("f", "x + y"), ("f", "x"), ("f", "return 1"), ("g", "x")):
        with pytest.raises(LookupError):
            script.located(script.Mutation(function, fragment, "0", "", ()), tmp_path, known)


def test_the_page_shows_the_list(script):
    page = script.PAGE.read_text(encoding="utf-8")
    assert script.page_with(script.page_table(), page) == page, "run `python benchmarks/mutations.py --page`"

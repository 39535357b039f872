"""The shape of the package: data flows forward only, every library has one home, modules stay small."""

import ast
from pathlib import Path

import pytest

import its_eval

PACKAGE = Path(its_eval.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 300

#: Stages from first to last; a module imports from its own stage and from earlier ones.
STAGES = ("config", "data", "peers", "design", "estimate", "effects", "checks", "report")
#: Modules without a stage that every stage may use.
COMMON = frozenset({"errors", "evaluation", "provenance", "multiplicity", "pooling"})
#: Arithmetic of the calendar, which needs nothing else and which dates of a config are checked with.
BACKWARD = {("config", "its_eval.data.periods")}
#: Analyses of one table that stand beside the evaluation: they read it by themselves and know no stage but
#: the first two.
BESIDE = {"spc", "before_after"}
#: What may import across the stages, and what of.
COMPOSERS = {
    "pipeline": {*STAGES, *COMMON, "pipeline", "before_after"},
    "cli": {"pipeline", "report", "config", "data", "peers", "cli", "starter", *BESIDE, *COMMON},
    **{part: {part, "data", *COMMON} for part in BESIDE},
    "starter": {"data", "errors"},
    "__init__": {"config", "evaluation", "peers", "pipeline", "provenance"},
    "__main__": {"cli"},
}
#: Where third-party libraries may be used; those not listed may be used anywhere.
HOMES = {
    "typer": ("cli",),
    "rich": ("cli",),
    "yaml": ("config",),
    "pydantic": ("config",),
    "pydantic_core": ("config",),
    "matplotlib": ("report/figures",),
    "jinja2": ("report",),
    "openpyxl": ("report",),
    "python_calamine": ("data",),
    "statsmodels": ("estimate", "checks", "multiplicity.py"),
    "sklearn": ("peers",),
    "pyarrow": ("data", "report"),
    "distributed": ("pipeline/batch",),
    "fsspec": ("data",),
    "pandas": ("data", "pipeline", "report", "spc", "before_after", "evaluation.py"),
}
KNOWN = {*HOMES, "numpy", "scipy"}
VAGUE = ("util", "helper", "manager", "misc", "common", "process")


#: Stages whose work is done when tables are written: a report shows what it is given.
COMPUTED = ("peers", "design", "estimate", "effects", "checks")


def imports(path, *, for_types=True):
    """Return the modules that a file imports, those for types alone included or left out."""
    found = []
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typed = [node for node in ast.walk(tree) if isinstance(node, ast.If) and is_type_checking(node.test)]
    ignored = {part for node in typed if not for_types for child in node.body for part in ast.walk(child)}
    for node in ast.walk(tree):
        if node in ignored:
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            # `from its_eval.config import crosschecks` may name a module of the package
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            inner = [name for name in names if (PACKAGE.parent / f"{name.replace('.', '/')}.py").is_file()]
            found += inner or [str(node.module)]
    return found


def is_type_checking(test):
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def place(path):
    return path.relative_to(PACKAGE).as_posix()


def part(path):
    """Return the first level of the package that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def allowed(importer, name):
    """Return whether a part of the package may import one of its modules."""
    target = name.split(".")[1] if "." in name else "__init__"
    if (importer, name) in BACKWARD:
        return True
    if importer in COMPOSERS:
        return target in COMPOSERS[importer]
    if importer in COMMON:
        return target in COMMON
    return target in COMMON or target in STAGES[: STAGES.index(importer) + 1]


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_data_flow_forward_only(path):
    own = [name for name in imports(path) if name.split(".")[0] == "its_eval"]
    assert [name for name in own if not allowed(part(path), name)] == []


def test_a_report_computes_nothing_anew():
    found = {
        (place(path), name)
        for path in MODULES
        if part(path) == "report"
        for name in imports(path)
        if name.startswith(tuple(f"its_eval.{stage}." for stage in COMPUTED))
    }
    assert found == set()


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_only_drawing_and_producing_know_figures(path):
    """Nothing that estimates knows how its numbers are drawn."""
    drawn = [name for name in imports(path) if name.startswith("its_eval.report")]
    if part(path) not in ("report", "cli") and place(path) not in (
        *("pipeline/drawing.py", "pipeline/produce.py", "pipeline/batch/run.py", "__init__.py"),
    ):
        assert drawn == []


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_libraries_have_one_home(path):
    roots = {name.split(".")[0] for name in imports(path, for_types=False)}
    strangers = [
        root
        for root in sorted(roots & set(HOMES))
        if not any(place(path) == home or place(path).startswith(f"{home}/") for home in HOMES[root])
    ]
    assert strangers == []


def test_every_library_is_known_and_needed():
    import sys

    used = {name.split(".")[0] for path in MODULES for name in imports(path)}
    assert used - set(sys.stdlib_module_names) - {"its_eval"} <= KNOWN


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_no_module_is_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_no_module_has_a_name_for_anything(path):
    assert not [word for word in VAGUE if word in path.stem]


def test_nothing_prints_but_the_command_line():
    printing = [
        place(path)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))

"""The shape of the package: data flows forward only, every library has one home, modules stay small."""

import ast
from pathlib import Path

import pytest

import its_eval
from its_eval import evaluation

PACKAGE = Path(its_eval.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 500
#: A module with a single importer, beside it, has at least so many lines of code of its own.

#: What each part of the package may import besides itself, in the order in which data flow. What estimates
#: knows nothing of words, pictures and pages.
ALLOWED = {
    "errors": set(),
    "notations": set(),
    "calendar": {"notations"},
    "catalogue": set(),
    "side_by_side": set(),
    "scales": {"catalogue"},
    "result": set(),
    "columns": set(),
    "evaluation": {"result", "columns"},
    "provenance": {"errors"},
    "config": {"calendar", "catalogue", "comparisons", "effects", "estimators", "provenance", "errors"},
    "data": {"config", "calendar", "columns", "evaluation", "errors"},
    "importers": {"data", "config", "calendar", "errors"},
    "peers": {"data", "config", "calendar", "errors"},
    "design": {"config", "calendar", "catalogue", "errors"},
    "estimators": {"config", "catalogue", "errors"},
    "effects": {"estimators", "design", "scales", "catalogue"},
    "checks": {"effects", "estimators", "design", "columns", "evaluation"},
    "improvement": {"effects", "data", "calendar", "columns", "evaluation", "errors"},
    "comparisons": {
        *(
            "pipeline",
            "peers",
            "estimators",
            "design",
            "config",
            "columns",
            "evaluation",
            "scales",
            "catalogue",
            "errors",
        ),
    },
    "words": {"columns", "evaluation", "scales", "comparisons", "design", "effects", "estimators"},
    "figures": {
        "words",
        "data",
        "calendar",
        "catalogue",
        "columns",
        "evaluation",
        "result",
        "scales",
        "side_by_side",
    },
    "report": {"figures", "words", "config", "columns", "evaluation", "result", "provenance", "errors"},
    "pipeline": {
        *("comparisons", "checks", "effects", "estimators", "design", "peers", "data", "config"),
        *(
            "calendar",
            "scales",
            "catalogue",
            "columns",
            "evaluation",
            "result",
            "improvement",
            "provenance",
            "side_by_side",
            "errors",
        ),
    },
    # series of a batch are estimated, tabulated and judged as those of a run, by columns
    "batch": {
        *("pipeline", "comparisons", "design", "peers", "data", "config"),
        *("effects", "estimators", "evaluation", "calendar", "columns", "report", "provenance", "errors"),
    },
    "starter": {"data", "calendar", "errors"},
    "cli": {
        *("pipeline", "batch", "report", "figures", "words", "improvement", "importers", "peers", "data"),
        *("config", "effects", "calendar", "columns", "evaluation", "result", "starter", "provenance"),
        "side_by_side",
        "errors",
    },
    "notebook": {"pipeline", "figures", "words", "data", "evaluation", "result", "provenance", "errors"},
    "__init__": {"config", "evaluation", "peers", "pipeline", "provenance", "report"},
    "__main__": {"cli"},
}
#: Modules that bring the parts together: a result is written with its figures and its report; a page that fits
#: again is told what the design was; an overview adjusts p-values over its runs.
COMPOSERS = {
    "pipeline/produce.py": {"report", "figures"},
    "report/what_if/studies.py": {"calendar", "design"},
}
#: What a config can name is read from the catalogues of the parts that it configures.
CATALOGUES = {
    "config": {
        *("its_eval.estimators.catalogue", "its_eval.effects.estimands", "its_eval.comparisons.catalogue"),
        "its_eval.design.shapes",
    },
}
#: Rungs of ``pipeline``: a module imports those below only. Comparisons stand in the middle: they make and
#: fit series, and what asks for fits asks them.
RUNGS = (
    {"workshops"},
    {"plan", "sources", "frames", "peers_of"},
    {"sheet", "covariates", "notes", "peer_choice", "donors"},
    {"pieces"},
    {"estimate", "planning"},
    {"comparisons"},
    {"error_model", "truths"},
    {"primary", "period_weights", "set_parts"},
    {"question", "tables", "foresight", "simulated_series"},
    {"looks", "placebos", "placebo_dates", "diagnosis", "one_month", "anticipation", "variants"},
    {"trend_bounds", "together", "history"},
    {"negative_controls", "pooled", "terms"},
    {"credibility", "specifications"},
    {"conclude", "detectable", "disclosed"},
    {"answering"},
    {"run", "design_power", "calibration", "simulated_panel"},
    {"against_peers", "cost", "protocol", "blind"},
    {"series_fits", "deviations"},
    {"produce"},
)
#: Where third-party libraries may be used; those not listed may be used anywhere.
HOMES = {
    "typer": ("cli",),
    "rich": ("cli",),
    "yaml": ("config",),
    "pydantic": ("config",),
    "pydantic_core": ("config",),
    "matplotlib": ("figures",),
    "PIL": ("figures",),
    "jinja2": ("report",),
    "openpyxl": ("report",),
    "docx": ("report",),
    "python_calamine": ("data",),
    "statsmodels": ("estimators", "checks", "effects"),
    "sklearn": ("peers",),
    "pyarrow": ("data", "importers", "report"),
    "distributed": ("batch",),
    "fsspec": ("data",),
    "pandas": (
        *("data", "importers", "pipeline", "batch", "words", "figures", "report", "improvement"),
        *("evaluation.py", "result.py", "columns.py"),
    ),
}
KNOWN = {*HOMES, "numpy", "scipy", "msgspec"}
#: Where text is searched for patterns in what faces people, and in which text. Facts come as columns: no
#: sentence is taken apart or mended.
PATTERNS = {
    "report/embedding.py": "drawings, whose names, numbers and lines are written anew",
    "report/house_style.py": "a colour in a file of people",
    "report/source.py": "names of anchors, and the apostrophe before formulas in CSV files",
    "report/workbook.py": "characters that XML cannot hold, and times in the archive",
    "report/write.py": "names of hidden files beside a result",
    "cli/console.py": "words and the blanks around them, where lines are broken",
    "figures/style.py": "names of files",
    "figures/specification_curve.py": "numbers within the names of choices, by which they are sorted",
    # goes once messages are written for readers where they are made
    "words/labels.py": "names of columns in messages of checks",
}
FOR_PEOPLE = ("words", "figures", "report", "cli")
#: All but "changed", which is a word of everyday.
LABELS = {
    *(evaluation.CHANGED_MORE, evaluation.NOT_CLEARLY_MORE, evaluation.NO_CLEAR_CHANGE),
    *(evaluation.NOT_ANSWERED, evaluation.NOT_RECORDED),
}
VAGUE = ("util", "helper", "manager", "misc", "common", "process")


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


def own_imports(path):
    """Return the modules of the package that a file imports, those for types and in functions included."""
    own = place(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    found = (name for name in imports(path) if name.split(".")[0] == "its_eval")
    return {name for name in found if name != f"its_eval.{own}"}


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_data_flow_forward_only(path):
    mine = part(path)
    named = own_imports(path) - CATALOGUES.get(mine, set())
    targets = {name.split(".")[1] if "." in name else "__init__" for name in named}
    assert targets - {mine} - ALLOWED[mine] - COMPOSERS.get(place(path), set()) == set()


def rung(name):
    """Return how high a module of the pipeline or of the comparisons stands; None for any other."""
    _, package, *rest = [*name.split("."), ""]
    if package not in {"pipeline", "comparisons"}:
        return None
    own = "comparisons" if package == "comparisons" else rest[0]
    (place,) = [place for place, modules in enumerate(RUNGS) if own in modules]
    return place


PIPELINE = [path for path in MODULES if part(path) in {"pipeline", "comparisons"} and path.stem != "__init__"]


@pytest.mark.parametrize("path", PIPELINE, ids=place)
def test_the_pipeline_climbs_rung_by_rung(path):
    mine = rung(f"its_eval.{place(path).removesuffix('.py').replace('/', '.')}")
    others = {
        name for name in own_imports(path) if part(path) != "comparisons" or ".comparisons." not in name
    }
    higher = {name for name in others if rung(name) is not None and rung(name) >= mine}
    assert higher == set()


def test_every_rung_is_there():
    assert set().union(*RUNGS) - {"comparisons"} == {
        path.stem for path in MODULES if part(path) == "pipeline" and path.stem != "__init__"
    }


def test_no_module_imports_itself_through_others():
    """Imports for types alone and within functions count: a circle is a circle."""
    edges = {}
    for path in MODULES:
        name = place(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        edges["its_eval" if name == "__init__" else f"its_eval.{name}"] = own_imports(path)
    done, circles = set(), []

    def follow(name, trail):
        if name in trail:
            circles.append(" -> ".join([*trail[trail.index(name) :], name]))
        elif name not in done and name in edges:
            for other in sorted(edges[name]):
                follow(other, [*trail, name])
            done.add(name)

    for name in sorted(edges):
        follow(name, [])
    assert circles == []


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


@pytest.mark.parametrize("path", [path for path in MODULES if part(path) in FOR_PEOPLE], ids=place)
def test_nobody_takes_a_sentence_apart(path):
    assert "re" not in imports(path) or place(path) in PATTERNS


def test_every_label_is_written_once():
    """Words for a reader may be the same: they are sentences, and nobody compares with them."""
    written = [
        (place(path), node.value)
        for path in MODULES
        if part(path) != "words"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in LABELS
    ]
    assert sorted(label for _, label in written) == sorted(LABELS)
    assert {name for name, _ in written} == {"evaluation.py"}


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


#: What computes, and the places of it that read: whatever a stage needs has been loaded before.
STAGES = ("design", "estimators", "effects", "checks", "comparisons", "pipeline")
READERS = {
    *("pipeline/sources.py", "pipeline/produce.py", "pipeline/frames.py", "pipeline/peers_of.py"),
    *("pipeline/history.py", "pipeline/workshops.py"),
}


@pytest.mark.parametrize(
    "path", [path for path in MODULES if part(path) in STAGES and place(path) not in READERS], ids=place
)
def test_no_stage_reads_a_file(path):
    reading = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("its_eval."):
            names = [alias.name for alias in node.names if alias.name.startswith(("load_", "read_"))]
            reading += [] if node.module == "its_eval.pipeline.sources" else names
        elif isinstance(node, ast.Attribute) and node.attr in ("read_text", "read_bytes", "read_csv", "open"):
            reading.append(node.attr)
    assert reading == []

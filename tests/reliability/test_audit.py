"""The offline half of ``make audit``."""

import importlib.util
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

SCRIPT = Path(__file__).parents[2] / ".ci" / "audit.py"
HASH = "--hash=sha256:" + "0" * 64


@pytest.fixture
def audit():
    spec = importlib.util.spec_from_file_location("audit", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pins_of_this_project_are_whole(audit):
    read = [audit.requirements(path.read_text(encoding="utf-8")) for path in audit.CONSTRAINTS]
    assert [problems for _, problems in read] == [[], []]
    users, others = (set(pinned) for pinned, _ in read)
    assert {"pytest", "mypy", "ruff", "distributed"} <= others
    assert not users & others
    # what is needed depends on the versions: in the environment of `make test-lowest`, those
    lowest, _ = audit.requirements(audit.LOWEST.read_text(encoding="utf-8"))
    in_lowest = lowest["pandas"].specifier.contains(metadata.version("pandas"))
    assert (set(lowest) if in_lowest else users) == needed("its-eval")


def test_the_lowest_versions_are_those_that_are_declared(audit):
    pinned, problems = audit.requirements(audit.LOWEST.read_text(encoding="utf-8"))
    assert problems == []
    declared = tomllib.loads((SCRIPT.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    for text in declared["project"]["dependencies"]:
        needs = Requirement(text)
        (least,), (pin,) = needs.specifier, pinned[canonicalize_name(needs.name)].specifier
        assert (least.operator, Version(least.version)) == (">=", Version(pin.version)), text


def needed(program):
    """Return what a program needs to run, on any system, and what that needs in turn."""
    found, waiting = set(), [program]
    while waiting:
        for text in installed_needs(waiting.pop()):
            requirement = Requirement(text)
            name = canonicalize_name(requirement.name)
            if "extra" not in str(requirement.marker) and name not in found:
                found.add(name)
                waiting.append(name)
    return found


def installed_needs(name):
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        # of another system
        return []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (f"numpy>=2 {HASH}", "numpy>=2: not pinned to one version"),
        (f"numpy==2.* {HASH}", "numpy==2.*: not pinned to one version"),
        (f"numpy {HASH}", "numpy: not pinned to one version"),
        ("numpy==2.2.0", "numpy: no hash, or none that is SHA-256"),
        ("numpy==2.2.0 --hash=md5:0", "numpy: no hash, or none that is SHA-256"),
        ("--index-url https://example.org/simple", "--index-url: an option or an address; expected"),
        ("--extra-index-url=https://example.org", "--extra-index-url=https://example.org: an option"),
        (f"numpy @ https://example.org/numpy.whl {HASH}", "numpy: an option or an address"),
        (f"num py==1 {HASH}", "num py==1: not a requirement"),
    ],
)
def test_a_pin_that_is_none(audit, line, problem):
    _, problems = audit.requirements(f"# pins\nclick==8.0 \\\n    {HASH}\n{line}\n")
    assert len(problems) == 1
    assert problems[0].startswith(problem)


def test_an_environment_that_is_not_the_pinned_one(audit, monkeypatch):
    text = f"One==1.0 {HASH}\ntwo==2.0 {HASH}\nthree==3.0 {HASH}\nfour==4.0 ; sys_platform == 'none' {HASH}\n"
    pinned, problems = audit.requirements(text)
    assert problems == []
    there = {"one": "1.0", "two": "2.1", "five": "5", "its-eval": "0", "pip": "1"}
    installed = [SimpleNamespace(metadata={"Name": name}, version=version) for name, version in there.items()]
    monkeypatch.setattr(audit.metadata, "distributions", lambda: installed)
    assert audit.deviations(pinned) == [
        "three: pinned, not installed",
        "two: 2.1 is installed, ==2.0 is pinned",
        "five: installed, not pinned",
    ]


@pytest.mark.parametrize(
    ("answer", "known", "silence"),
    [
        ('{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}', [], ""),
        (
            '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id":"V", "fix_versions": ["2"]}]}]}',
            ["a 1: V, mended in 2"],
            "",
        ),
        (
            '{"dependencies": [{"name": "a", "skip_reason": "no such host"}]}',
            [],
            "none about 1 of 1 requirements; of a: no such host",
        ),
        ("", [], "no answer"),
    ],
)
def test_an_answer_is_told_from_silence(audit, monkeypatch, capsys, answer, known, silence):
    done = SimpleNamespace(stdout=answer, stderr="")
    monkeypatch.setattr(audit.subprocess, "run", lambda *_, **__: done)
    assert audit.advisories() == (known, silence)
    monkeypatch.setattr(audit, "deviations", lambda _: [])
    assert audit.main() == int(bool(known))
    out = capsys.readouterr().out
    assert ("NOT AUDITED" in out) == bool(silence)
    assert ("no known vulnerability" in out) == (not silence and not known)


def test_a_service_that_never_answers(audit, monkeypatch):
    def hang(*_, **__):
        raise subprocess.TimeoutExpired("pip-audit", audit.SECONDS)

    monkeypatch.setattr(audit.subprocess, "run", hang)
    assert audit.advisories() == ([], "no answer within 60 seconds")

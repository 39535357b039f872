"""The workflows of docs/ci.md do what the page says: their own commands are run, week after week."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
GITHUB, GITLAB = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
#: The program without what takes long and no exit code depends on.
PROGRAM = """#!/bin/sh
bare=
[ "$1" = run ] && bare="--no-figures --no-report"
exec "{python}" -m its_eval "$@" $bare
"""


def steps_of_github():
    """The commands, how GitHub calls each, and whether it runs when an earlier one has failed."""
    shells = {None: ["bash", "-e", "-c"], "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]}
    (job,) = GITHUB["jobs"].values()
    return [
        ([*shells[step.get("shell")], step["run"]], "cancelled" in step.get("if", ""))
        for step in job["steps"]
        if "run" in step and "pip install" not in step["run"]
    ]


def steps_of_gitlab():
    script = "\n".join(GITLAB["evaluate"]["script"])
    return [(["bash", "-eo", "pipefail", "-c", script], False)]


@pytest.fixture(params=[steps_of_github, steps_of_gitlab], ids=["github", "gitlab"])
def job(request, tmp_path, small):
    """Run the job once: job() gives the exit codes of its steps."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "its-eval"
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    environment = dict(os.environ) | {"PATH": f"{folder}:{os.environ['PATH']}"}

    def run():
        codes = []
        for command, always in request.param():
            if always or not any(codes):
                done = subprocess.run(
                    command, cwd=small.folder, env=environment, capture_output=True, text=True, check=False
                )
                codes.append(done.returncode)
        return codes

    return run


@pytest.mark.skipif(os.name == "nt", reason="the jobs run on Linux")
def test_week_after_week(job, small):
    summary, difference = small.folder / "summary.json", small.folder / "diff.txt"
    assert not any(job())
    assert "verdicts" in json.loads(summary.read_text())[0]
    assert not difference.exists()

    assert not any(job())
    assert json.loads(summary.read_text())[0]["unchanged"]
    assert "say the same" in difference.read_text()

    text = small.indicators.read_text()
    small.indicators.write_text(text.replace("\nwaits,A1,2013-01,50.4", "\nwaits,A1,2013-01,50.9"))
    assert max(job()) == 1
    assert " differ: " in difference.read_text()
    # the changed result is what the next week is compared with
    assert not any(job())

    # faulty data: the run says so, and the result that stands there stays whole
    small.indicators.write_text(text.replace("\nwaits,A1,2013-01,", "\nwaits,A1,2013-01,x"))
    assert any(job())
    assert "say the same" in difference.read_text()


def test_the_workflows_are_those_of_the_page():
    triggers = GITHUB[True]  # YAML 1.1 reads `on` so
    assert set(triggers) == {"schedule", "workflow_dispatch", "push"}
    for paths in (triggers["push"]["paths"], GITLAB["evaluate"]["rules"][1]["changes"]):
        assert [path.split("/")[0] for path in paths] == ["study.yaml", "data", "vendor"]
    (job,) = GITHUB["jobs"].values()
    restored, saved = (
        next(
            step["with"] for step in job["steps"] if step.get("uses", "").startswith(f"actions/cache/{what}")
        )
        for what in ("restore", "save")
    )
    assert (restored["path"], restored["key"]) == (saved["path"], saved["key"])
    assert saved["key"].startswith(restored["restore-keys"])

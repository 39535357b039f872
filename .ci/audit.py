# ruff: noqa: INP001  (a script)
"""Audit of the pinned dependencies: ``make audit``.

First, without any network: every requirement of constraints.txt (what the program needs) and of
constraints-dev.txt (the rest) is pinned to one version with hashes and names no index, host or address, and
what is installed is what is pinned; constraints-lowest.txt, of another environment, has the same form. Then
pip-audit asks the advisory service about the first two. When that cannot be reached, this says NOT AUDITED in
plain words and goes on: a missing answer is no vulnerability and no clean bill.
The exit code is 1 for a broken pin or a known vulnerability.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

CONSTRAINTS = tuple(Path(__file__).parents[1] / name for name in ("constraints.txt", "constraints-dev.txt"))
LOWEST = CONSTRAINTS[0].with_name("constraints-lowest.txt")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\Z")
#: The program itself, and what every new environment begins with.
NOT_PINNED = {"its-eval", "pip", "setuptools", "wheel"}
SECONDS = 60


def requirements(text: str) -> tuple[dict[str, Requirement], list[str]]:
    """Return the pinned requirements by name, and what is wrong with the file."""
    found: dict[str, Requirement] = {}
    problems = []
    for line in text.replace("\\\n", " ").splitlines():
        entry = line.split(" #")[0].strip()
        if not entry or entry.startswith("#"):
            continue
        if entry.startswith("-") or "://" in entry:
            problems.append(
                f"{entry.split()[0]}: an option or an address; expected name==version with hashes"
            )
            continue
        words = re.split(r"\s+(?=--hash)", entry)
        try:
            requirement = Requirement(words[0])
        except InvalidRequirement:
            problems.append(f"{words[0]}: not a requirement")
            continue
        pins = [item.operator for item in requirement.specifier]
        if pins != ["=="] or requirement.url or "*" in str(requirement.specifier):
            problems.append(f"{words[0]}: not pinned to one version")
        if len(words) < 2 or not all(HASH.match(word) for word in words[1:]):
            problems.append(f"{requirement.name}: no hash, or none that is SHA-256")
        found[canonicalize_name(requirement.name)] = requirement
    return found, problems


def deviations(pinned: dict[str, Requirement]) -> list[str]:
    """Return where the installed environment is not the pinned one."""
    installed = {canonicalize_name(item.metadata["Name"]): item.version for item in metadata.distributions()}
    problems = []
    for name, requirement in sorted(pinned.items()):
        wanted = requirement.marker is None or requirement.marker.evaluate()
        if wanted and name not in installed:
            problems.append(f"{name}: pinned, not installed")
        elif wanted and not requirement.specifier.contains(installed[name], prereleases=True):
            problems.append(f"{name}: {installed[name]} is installed, {requirement.specifier} is pinned")
    return problems + [
        f"{name}: installed, not pinned" for name in sorted(installed.keys() - pinned - NOT_PINNED)
    ]


def advisories() -> tuple[list[str], str]:
    """Return known vulnerabilities, and why there is no answer ("" when there is one)."""
    options = ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    files = [part for path in CONSTRAINTS for part in ("-r", str(path))]
    command = [sys.executable, "-m", "pip_audit", *files, *options, "--timeout", "15"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return [], f"no answer within {SECONDS} seconds"
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        return [], (done.stderr.strip().splitlines() or ["no answer"])[-1][:200]
    known = [
        f"{item['name']} {item['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions'])}"
        for item in answer["dependencies"]
        for fault in item.get("vulns", ())
    ]
    skipped = [item for item in answer["dependencies"] if "skip_reason" in item]
    if not skipped:
        return known, ""
    counted = f"none about {len(skipped)} of {len(answer['dependencies'])} requirements"
    return known, f"{counted}; of {skipped[0]['name']}: {skipped[0]['skip_reason'][:120]}"


def main() -> int:
    """Print what was checked and found, and return the exit code."""
    read = {path.name: requirements(path.read_text(encoding="utf-8")) for path in CONSTRAINTS}
    pinned = {name: requirement for found, _ in read.values() for name, requirement in found.items()}
    problems = [problem for _, some in read.values() for problem in some]
    problems += [f"{name}: nothing is pinned" for name, (found, _) in read.items() if not found]
    problems += [
        f"{name}: pinned twice"
        for name in sorted(set.intersection(*(set(found) for found, _ in read.values())))
    ]
    problems += requirements(LOWEST.read_text(encoding="utf-8"))[1]
    problems += deviations(pinned)
    known, silence = advisories()
    for line in [*problems, *known]:
        print(f"audit: {line}")  # noqa: T201
    if not problems:
        print(f"audit: {len(pinned)} requirements pinned with hashes; the environment is the pinned one")  # noqa: T201
    if silence:
        print(f"NOT AUDITED: the advisory service gave no answer: {silence}")  # noqa: T201
    elif not known:
        print("audit: no known vulnerability")  # noqa: T201
    return int(bool(problems or known))


if __name__ == "__main__":
    sys.exit(main())

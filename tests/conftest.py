"""A small study on disk, and the program called in this process."""

import base64
import gc
import math
import os
import re
import subprocess
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from its_eval.cli import app

# NumPy is not loaded yet: threads of linear algebra beside two workers of pytest would wait for one another
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
# as in the program itself: what libraries make lives to the end, and looking through it again takes a tenth
gc.set_threshold(100_000)
# how long an example takes says how busy the machine is
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

ROOT = Path(__file__).parents[1]
UNITS = ("A1", "A2", "B1", "B2", "B3", "B4", "B5")
N_MONTHS = 48
START = 30

CONFIG = """\
version: 1
title: A small study
data:
  indicators: {path: indicators.csv}
  characteristics: {path: characteristics.csv}
  units: {path: units.csv, columns: {unit: unit, name: name, type: type}}
intervention: {name: New rota, date: 2015-07}
treated: [A1, A2]
peers: {k: 3}
outcomes:
  - {indicator: waits, label: Waits, unit: days, better: lower}
  - {indicator: seen, label: Seen in time, unit: "%", kind: percentage, better: higher}
designs: [single, difference]
estimators: [reml_ar, ols]
estimands: {primary: slope_change, at: [6]}
checks: {placebo_units: no, placebo_dates: no, leave_one_peer_out: no, diagnostics: no}
"""
#: What a config says to have every check, in the place of its last line.
NO_CHECKS = CONFIG.splitlines()[-1]


def month(index):
    return f"{2013 + index // 12}-{index % 12 + 1:02d}"


def noise(unit, index, salt):
    """Return a repeatable number between -1 and 1 that has no pattern over time."""
    return math.sin(12.9898 * (index + 1) + 78.233 * (unit + 1) + 37.719 * salt) * 43758.5453 % 2 - 1


def indicator_lines(months=N_MONTHS, units=UNITS):
    lines = []
    for place, unit in enumerate(units):
        for index in range(months):
            after = max(index - START, 0) if unit == "A1" else 0
            waits = 50 + 0.1 * index + 2 * place - 0.6 * after + noise(place, index, 1)
            seen = 80 + 0.05 * index - place + 0.3 * after + noise(place, index, 2)
            lines.append(f"waits,{unit},{month(index)},{waits:.6f}")
            lines.append(f"seen,{unit},{month(index)},{min(seen, 100):.6f}")
    return lines


@dataclass
class Study:
    """A folder with a config and its tables."""

    folder: Path

    @property
    def config(self):
        return self.folder / "study.yaml"

    @property
    def indicators(self):
        return self.folder / "indicators.csv"

    @property
    def characteristics(self):
        return self.folder / "characteristics.csv"

    @property
    def units(self):
        return self.folder / "units.csv"

    def write(self, name="study.yaml", text=CONFIG, **replacements):
        """Write a config, with texts replaced; each has to stand in it."""
        for old, new in replacements.pop("changes", {}).items():
            assert old in text
            text = text.replace(old, new)
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def write_indicators(self, lines):
        self.indicators.write_text("\n".join(["indicator,unit,period,value", *lines, ""]), encoding="utf-8")


@pytest.fixture
def study(tmp_path):
    """A study of two treated and five other units, 48 months, two outcomes."""
    folder = tmp_path / "study"
    folder.mkdir()
    made = Study(folder)
    made.write_indicators(indicator_lines())
    rows = [f"{unit},{100 + 10 * place},{0.1 * place**2:.2f},{7 - place}" for place, unit in enumerate(UNITS)]
    made.characteristics.write_text("\n".join(["unit,Beds,Urban,Sites", *rows, ""]), encoding="utf-8")
    names = [f"{unit},Trust {unit},{'big' if unit[0] == 'A' else 'small'}" for unit in UNITS]
    made.units.write_text("\n".join(["unit,name,type", *names, ""]), encoding="utf-8")
    made.write()
    return made


@dataclass
class Answer:
    """What a call of the program gave."""

    code: int
    out: str
    err: str


@pytest.fixture
def its(monkeypatch, capsys):
    """The program, called in this process: its("run", "config.yaml") gives code, out, err."""

    def call(*arguments):
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["its-eval", *map(str, arguments)])
        # else the program would take itself for a module of `python -m pytest`, and call itself so in its help
        monkeypatch.setattr(sys.modules["__main__"], "__package__", "", raising=False)
        with pytest.raises(SystemExit) as stop:
            app.main()
        captured = capsys.readouterr()
        return Answer(stop.value.code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def unpacked():
    """Give the text of a page as it is when everything folded was opened."""
    packed = re.compile(r'<div class="packed" data-packed="([^"]*)">[^<]*</div>')
    return lambda page: packed.sub(lambda found: zlib.decompress(base64.b64decode(found[1])).decode(), page)


@pytest.fixture(scope="session")
def words_a_sentence():
    """Count the words of every sentence of some texts: pairs of the number and the sentence."""
    word = re.compile(r"[\w’'%−+.,/-]*\w[\w’'%]*")

    def count(texts):
        sentences = [part for text in texts for part in re.split(r"(?<=[.?])\s+", text)]
        return [(len(word.findall(sentence)), sentence) for sentence in sentences]

    return count


@pytest.fixture(scope="session")
def patience():
    """Seconds after which a process counts as hanging; a busy machine takes many times what a test takes."""
    return 600


@pytest.fixture
def program(patience):
    """The program as a process of its own: program("--version", cwd=...)."""

    def call(*arguments, cwd=None, **environment):
        changed = {name: value for name, value in environment.items() if value is not None}
        kept = {name: value for name, value in os.environ.items() if name not in environment}
        done = subprocess.run(
            [sys.executable, "-m", "its_eval", *map(str, arguments)],
            cwd=cwd,
            env=kept | changed,
            capture_output=True,
            timeout=patience,
            check=False,
        )
        return Answer(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))

    return call


@pytest.fixture
def contents():
    """What stands in a folder: bytes by path within it."""

    def read(folder, *, without=()):
        files = (path for path in Path(folder).rglob("*") if path.is_file() and path.name not in without)
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

    return read

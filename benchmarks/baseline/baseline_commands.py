"""All runs of the corpus, and the folder that they run in."""

from __future__ import annotations

import shlex
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import yaml
from baseline_cases import study_configs
from baseline_data import UNITS, write_data

#: The run that calls the package instead of the program; it makes many, each named by itself.
PYTHON = "python"
#: Folder of what the runs leave, relative to the one in which they run.
RUNS = "runs"
#: Shipped configs that need files that are not part of the repository.
NHS = "nhs_"


_ONE = "peers data/peer_table.csv --unit P01 --unit P31 -k 6"
_ALL = "peers data/peer_table.csv --unit all -k 4"
_NAMED = "--variables a,b,c,d"
_CONFIG = "peers every_check.yaml --unit all"
_SPC = "spc data/study.csv --indicator waits --indicator flat"
_PROJECTS = "before-after data/workshops.csv"
_TABLES = "--out RESULT --no-figures --no-report"
#: The other commands whose output is data, and other ways of a run; RESULT stands for the result folder.
COMMANDS = {
    "peers_text": _ONE,
    "peers_json": f"{_ONE} --format json",
    "peers_explain": f"{_ONE} {_NAMED} --explain --format csv",
    "peers_explain_text": f"{_ONE} {_NAMED} --explain",
    "peers_stability": f"{_ONE} {_NAMED} --stability --format csv",
    "peers_of_all": f"{_ALL} --format csv",
    "peers_zero": f"{_ALL} --missing zero --weight a=3 --format csv",
    "peers_refuse": f"{_ALL} --missing refuse",
    "peers_category": f"{_ALL} --variables a,b,colour --format csv",
    "peers_caliper": f"{_ALL} {_NAMED} --caliper p70 --format csv",
    "peers_minmax": f"{_ALL} {_NAMED} --scale minmax --format csv",
    "peers_robust": f"{_ALL} {_NAMED} --scale robust --format csv",
    "peers_unscaled": f"{_ALL} {_NAMED} --scale none --format csv",
    "peers_mahalanobis": f"{_ALL} --metric mahalanobis --missing zero --format csv",
    "peers_log": f"{_ALL} {_NAMED} --log a,b --format csv",
    "peers_excluded": f"{_ALL} --exclude P32 --exclude P02 --format csv",
    "peers_unknown": "peers data/peer_table.csv --unit P99",
    "peers_of_config": f"{_CONFIG} --format csv",
    "peers_of_config_text": f"{_CONFIG} --explain",
    "peers_of_config_json": f"{_CONFIG} --format json",
    "peers_of_config_stability": f"{_CONFIG} --stability --format csv",
    "peers_of_pre_period": "peers peers_pre_period.yaml --unit all --format csv",
    "spc_text": f"{_SPC} --intervention 2015-07",
    "spc_csv": f"{_SPC} --baseline 2014-12 --screen-ranges --format csv",
    "spc_json": f"{_SPC} --recalculate 2015-07 --better lower --target 60 --format json",
    "spc_tables": f"{_SPC} --intervention 2015-07 --no-figures --out RESULT",
    "before_after_text": _PROJECTS,
    "before_after_csv": f"{_PROJECTS} --confidence 0.9 --format csv",
    "before_after_json": f"{_PROJECTS} --format json",
    "before_after_tables": f"{_PROJECTS} --no-figures --out RESULT",
    "before_after_published": "before-after data/published.csv --format csv",
    "power_text": "power configs/sample.yaml",
    "power_csv": "power window.yaml --format csv",
    "power_staggered": "power staggered_window.yaml --sd 1.8 --power 0.9 --format csv",
    "power_without_window": "power frequency_quarter.yaml",
    "calibrate": "calibrate staggered.yaml --reps 20 --quiet --format csv",
    "calibrate_text": "calibrate checked_nw.yaml --reps 20 --quiet",
    "calibrate_family": "calibrate family_first.yaml --reps 20 --quiet --format json",
    "run_verbose": f"run staggered.yaml {_TABLES} --verbose",
    "run_json": f"run kinds.yaml {_TABLES} --format json",
    "run_fail_on": f"run peers_within.yaml {_TABLES} --fail-on data,fit,checks",
    **{
        f"validate_{name}": f"validate {name}.yaml --format json"
        for name in (
            "every_check",
            "refused_gap_is_error",
            "refused_unknown_key",
            "refused_unknown_unit",
            "batch_reml",
        )
    },
    **{
        f"dry_run_{name}": f"run {name}.yaml --out RESULT --dry-run"
        for name in ("staggered", "events_masked", "strata_gap", "batch_events", "peers_given_some")
    },
}


@dataclass(frozen=True)
class Case:
    """A call of the program.

    Attributes
    ----------
    name : str
        What the run is called in reports and exceptions.
    arguments : tuple of str
        What the program is called with, in the folder of the corpus.
    form : str
        What it prints: text is compared as it is, csv and json by their numbers.
    """

    name: str
    arguments: tuple[str, ...]
    form: str = "txt"


def result_of(name: str) -> str:
    """Return the result folder of a run, as the program is told it."""
    return f"{RUNS}/{name}/result"


def write_corpus(folder: Path) -> None:
    """Write data and configs; the same bytes each time, Parquet files apart."""
    write_data(folder / "data")
    lists = ["unit,rank,peer"]
    for unit, peers in (("U01", UNITS[4:8]), ("U02", UNITS[7:9])):
        lists += [f"{unit},{rank},{peer}" for rank, peer in enumerate(peers, 1)]
    (folder / "data" / "given.csv").write_text("\n".join(lists) + "\n", encoding="utf-8")
    for name, config in study_configs().items():
        text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=110)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def write_parquet(folder: Path) -> None:
    """Write the tables that batch runs read as Parquet files."""
    import pandas as pd  # noqa: PLC0415  (half a second that only a new baseline needs)

    data = folder / "data"
    for name in ("study", "many"):
        pd.read_csv(data / f"{name}.csv").to_parquet(data / f"{name}.parquet", index=False)
    parts = [
        pd.read_csv(data / f"{name}.csv").assign(indicator=name) for name in ("percent", "small", "number")
    ]
    pd.concat(parts, ignore_index=True).to_parquet(data / "kinds.parquet", index=False)


def add_shipped(folder: Path, source: Path, nhs: Path | None) -> None:
    """Copy the configs that a version ships, with their data; those of the NHS where they are.

    Parameters
    ----------
    folder : Path
        The corpus.
    source : Path
        The sources of the version.
    nhs : Path, optional
        The folder of the published files.
    """
    shutil.copytree(source / "configs", folder / "configs")
    shutil.copytree(source / "data" / "sample", folder / "data" / "sample")
    if nhs is not None and nhs.is_dir():
        (folder / "data" / "nhs").mkdir()
        for path in sorted(nhs.glob("*.csv")):
            shutil.copyfile(path, folder / "data" / "nhs" / path.name)


def all_cases(folder: Path) -> list[Case]:
    """Return every run; the shipped configs are those in the folder of the corpus."""
    cases = [_run(name, f"{name}.yaml") for name in study_configs()]
    has_nhs = (folder / "data" / "nhs").is_dir()
    for path in sorted((folder / "configs").glob("*.yaml")):
        if has_nhs or not path.stem.startswith(NHS):
            cases.append(_run(f"shipped_{path.stem}", f"configs/{path.name}"))
    cases += [*_commands(), Case(PYTHON, ())]
    repeated = [name for name, count in Counter(case.name for case in cases).items() if count > 1]
    if repeated:
        raise ValueError(f"two runs of one name: {', '.join(repeated)}")
    return cases


def _run(name: str, config: str) -> Case:
    return Case(name, ("run", config, "--out", result_of(name), "--no-figures", "--no-report"))


def _commands() -> list[Case]:
    cases = []
    for name, words in COMMANDS.items():
        called = f"command_{name}"
        arguments = shlex.split(words.replace("RESULT", result_of(called)))
        form = next((form for form in ("csv", "json") if words.endswith(f"--format {form}")), "txt")
        cases.append(Case(called, tuple(arguments), form))
    return cases

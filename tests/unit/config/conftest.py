from pathlib import Path

import pytest

from its_eval.config import load_config
from its_eval.errors import ConfigError

BASE = {
    "version": "1",
    "data": "{indicators: {path: a.csv, indicator: waits}, characteristics: {path: c.csv}}",
    "intervention": "{date: 2015-07}",
    "treated": "[RTP, RR8]",
    "outcomes": "[{indicator: waits}]",
}


def config_text(**sections):
    """Write a config with one key a line, in the order of BASE; a section of None is left out."""
    merged = {**BASE, **sections}
    return "".join(f"{key}: {value}\n" for key, value in merged.items() if value is not None)


@pytest.fixture
def write(tmp_path):
    def write_config(**sections) -> Path:
        path = tmp_path / "its.yaml"
        path.write_text(config_text(**sections), encoding="utf-8")
        return path

    return write_config


@pytest.fixture
def load(write):
    return lambda **sections: load_config(write(**sections))


@pytest.fixture
def faults(write):
    """Return the messages of a faulty config, without the name of the file."""

    def faults_of(**sections) -> list[str]:
        path = write(**sections)
        with pytest.raises(ConfigError) as caught:
            load_config(path)
        return [problem.replace(f"{path}:", "") for problem in caught.value.problems]

    return faults_of


@pytest.fixture
def faults_of_text(tmp_path):
    """Return the messages of a text or of bytes as a config."""

    def faults_of(content: str | bytes) -> list[str]:
        path = tmp_path / "its.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(ConfigError) as caught:
            load_config(path)
        return [problem.replace(str(path), "its.yaml") for problem in caught.value.problems]

    return faults_of

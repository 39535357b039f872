"""From a config file to settings, with all faults found in one pass."""

from pathlib import Path

from pydantic import ValidationError

from its_eval.config.dictionary import expand_outcomes
from its_eval.config.messages import problems_of
from its_eval.config.models import Config
from its_eval.config.nodes import read_file
from its_eval.errors import ConfigError

_HINT = "`its-eval schema` prints every key with its meaning"


def load_config(path: str | Path) -> Config:
    """Return the settings that a YAML file describes, with every default filled in.

    Parameters
    ----------
    path : str or Path
        The config. Paths inside it are relative to its folder.

    Raises
    ------
    ConfigError
        With every fault of the file, each as ``file:line: key.path: what was wrong; expected ...``.
    """
    path = Path(path)
    document = read_file(path)
    folder = path.absolute().parent
    outcomes_read = expand_outcomes(document, folder)
    if document.tree.get("title") is None:
        document.tree["title"] = path.stem
    problems = document.problems
    try:
        config = Config.model_validate(document.tree, context={"folder": folder})
    except ValidationError as error:
        found = problems_of(error, document, Config)
        if not outcomes_read:
            # already said of the dictionary itself
            _, shown = document.locate(("outcomes",))
            found = [problem for problem in found if not problem.message.startswith(f"{shown}: ")]
        problems = [*problems, *found]
    if problems:
        ordered = sorted(problems, key=lambda problem: (problem.place.file != str(path), problem.place.line))
        raise ConfigError([str(problem) for problem in ordered], _HINT)
    return config

"""The config written out with every default spelled."""

from typing import Any

import yaml

from its_eval.config.models import Config


class _Dumper(yaml.CSafeDumper):
    """Writes every value where it stands, never as an alias of an equal one.

    By libyaml: a dictionary of thousands of outcomes takes seconds otherwise.
    """

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  (PyYAML's signature)
        return True


def to_yaml(config: Config) -> str:
    """Return a config as YAML, with every default spelled out and paths absolute.

    Keys stand in the order of the contract. Loading the text again gives an equal config: all scalars are
    read as text and converted, so codes such as ``NO`` and ``0123`` survive.
    """
    tree = config.model_dump(mode="json", by_alias=True)
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)

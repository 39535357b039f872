"""``its-eval schema``."""

from __future__ import annotations

import typer


def schema() -> None:
    """Print the JSON Schema of the config.

    Saved beside the configs, it lets editors complete and check keys. A config then begins with

    \b
      # yaml-language-server: $schema=its-eval.schema.json

    Example: its-eval schema > its-eval.schema.json
    """  # noqa: D301  (a backspace keeps the lines of the help apart)
    import json  # noqa: PLC0415

    from its_eval.config import json_schema  # noqa: PLC0415  (start-up time)

    typer.echo(json.dumps(json_schema(), indent=1, ensure_ascii=False))

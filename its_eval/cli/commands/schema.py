"""``its-eval schema``."""

from __future__ import annotations

import typer


def schema() -> None:
    """Print the JSON Schema of the config.

    Save it beside your configs and editors will complete keys.

    Example: its-eval schema > its-eval.schema.json
    """
    import json  # noqa: PLC0415

    from its_eval.config import json_schema  # noqa: PLC0415  (start-up time)

    typer.echo(json.dumps(json_schema(), indent=1, ensure_ascii=False))

"""``its-eval protocol``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def protocol(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="Config of the evaluation.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="The protocol.", show_default=False)
    ],
    precise: Annotated[
        bool, typer.Option("--precise", help="Levels of planned looks from ten times as many series.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> int:
    """Seal question, design, peers and data before the start.

    The file holds every choice with its default, each unit's peers with ten reserves in order, the power of
    the design, and fingerprints of the data. Nothing from the start on is looked at, so it can be written
    before. Deposit its digest, which is printed, where others can see the date (docs/protocol.md).
    `its-eval run --protocol FILE` then lists every deviation.

    \b
    Examples:
      its-eval protocol configs/sample.yaml -o protocol.yaml
      its-eval protocol config.yaml -o protocol.yaml --precise
    """  # noqa: D301  (a backspace keeps the lines of the help apart)
    from its_eval.config import load_config  # noqa: PLC0415  (start-up time)
    from its_eval.config.protocol import protocol_text, read_protocol  # noqa: PLC0415
    from its_eval.errors import UsageError  # noqa: PLC0415
    from its_eval.pipeline.looks import PATHS, PRECISE_PATHS  # noqa: PLC0415
    from its_eval.pipeline.protocol import seal  # noqa: PLC0415
    from its_eval.report.write import write_page  # noqa: PLC0415

    settings = load_config(config)
    if settings.output.detail == "estimates":
        raise UsageError(
            f"{config} is a batch run, which has no verdicts that a protocol could be about",
            "leave out `output.detail: estimates`",
        )
    sealed = seal(settings, PRECISE_PATHS if precise else PATHS)
    write_page(out, protocol_text(sealed), force=force)
    _, digest = read_protocol(out)
    typer.echo(digest)
    typer.echo(
        f"{out}: sealed. Deposit the digest above, then fill in `protocol.registered` in {config}.", err=True
    )
    return 0

"""Peer lists that were written to a CSV file, as settings."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from its_eval.config.faults import Fault, did_you_mean, show

#: Peers by unit, nearest first.
PeerLists = dict[str, list[str]]

_NEEDED = ("unit", "rank", "peer")
_WHERE = ("given", "from")


def read_peer_lists(name: object, folder: Path | None) -> tuple[PeerLists, dict[str, PeerLists], list[Fault]]:
    """Read a peer list as ``its-eval peers --format csv`` or a run writes it.

    Parameters
    ----------
    name : object
        The file, relative to `folder`; columns ``unit``, ``rank``, ``peer`` and, from a run, ``outcome``.
    folder : Path or None
        Folder of the config.

    Returns
    -------
    shared : dict of str to list of str
        Peers by unit, in order of rank; where outcomes have different peers those of the first outcome.
    own : dict of str to dict
        By outcome, the lists that differ from the shared ones.
    faults : list of Fault
        What is wrong with the file; the lists are empty then.
    """
    path = Path(folder or Path.cwd(), str(name))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        return {}, {}, [Fault(_WHERE, f"{path} cannot be read ({reason})", "a peers.csv that its-eval wrote")]
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [column.strip() for column in reader.fieldnames or ()]
        reader.fieldnames = header
        faults = [
            Fault(_WHERE, f"{path} has no column {show(column)}{did_you_mean(column, header)}", "that column")
            for column in _NEEDED
            if column not in header
        ]
        rows = [] if faults else [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        return {}, {}, [Fault(_WHERE, f"{path} is not valid CSV: {error}", "a peers.csv that its-eval wrote")]
    if not faults and not rows:
        faults = [Fault(_WHERE, f"{path} has no rows", "a row per peer")]
    ranked: dict[tuple[str, str], dict[int, str]] = {}
    for line, row in rows:
        faults += _row_faults(path, line, row, ranked)
    if faults:
        return {}, {}, faults
    lists = {key: [peers[rank] for rank in sorted(peers)] for key, peers in ranked.items()}
    shared: PeerLists = {}
    own: dict[str, PeerLists] = {}
    for (outcome, unit), peers in lists.items():
        if shared.setdefault(unit, peers) != peers:
            own.setdefault(outcome, {})[unit] = peers
    return shared, own, []


def _row_faults(
    path: Path, line: int, row: dict[str, str | None], ranked: dict[tuple[str, str], dict[int, str]]
) -> Iterator[Fault]:
    """Note one row under its outcome and unit, and yield what is wrong with it."""
    cells = {column: (row.get(column) or "").strip() for column in ("outcome", *_NEEDED)}
    where = f"{path}, line {line}"
    blank = [column for column in _NEEDED if not cells[column]]
    if blank:
        yield Fault(_WHERE, f"{where}: {' and '.join(blank)} is blank", "a code or rank")
        return
    if not (cells["rank"].isascii() and cells["rank"].isdigit()):
        yield Fault(_WHERE, f"{where}: the rank {show(cells['rank'])} is not a number", "1 for the nearest")
        return
    peers = ranked.setdefault((cells["outcome"], cells["unit"]), {})
    rank = int(cells["rank"])
    if rank in peers or cells["peer"] in peers.values():
        what = f"{where}: rank {rank} or peer {show(cells['peer'])} stands twice for {cells['unit']}"
        yield Fault(_WHERE, what, "each once")
    peers[rank] = cells["peer"]

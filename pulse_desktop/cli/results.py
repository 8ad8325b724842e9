"""`pulse-desktop results`: the stored results, listed, printed, saved."""

import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from pulse_desktop.cli.connect import CATCH_UP_S, connected_session
from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.output import (
    print_error,
    to_json,
    write_json,
    write_note,
    write_table,
    write_text,
)
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_desktop.session.session import Session
from pulse_desktop.state.stored_results import StoredResult
from pulse_desktop.text import formats


async def results(arguments: Namespace) -> int:
    """List, print or save stored results."""
    if arguments.what == "list":
        async with connected_session(arguments) as monitor:
            return await _list(monitor, arguments)
    async with connected_session(arguments, history_s=0.0, backlog=0, stored_results=0) as monitor:
        act = _get if arguments.what == "get" else _save
        return await act(monitor, arguments)


async def _list(monitor: Session, arguments: Namespace) -> int:
    if not await monitor.caught_up(CATCH_UP_S):
        write_note(f"Not all could be read within {CATCH_UP_S:g} s: the oldest have no outcome.")
    rows = [row for row in monitor.state.results.rows.newest_first() if not row.stored.deleted]
    rows.sort(key=lambda row: row.stored.stored_at, reverse=True)
    if arguments.json:
        for row in rows:
            write_json(_described(row))
        return OK
    if not rows:
        write_text(f"No results are stored in {monitor.results_bucket}.")
        return OK
    now = time.time()
    cells = [
        (
            row.key,
            row.task_name or "unknown task",
            row.outcome or row.problem or "not read",
            formats.size(row.stored.size),
            formats.ago(row.stored.stored_at, now),
        )
        for row in rows
    ]
    write_table(cells, ("KEY", "TASK", "OUTCOME", "SIZE", "STORED"))
    return OK


def _described(row: StoredResult) -> dict[str, Any]:
    return {
        "key": row.key,
        "task_name": row.task_name or None,
        "outcome": row.outcome or None,
        "format": row.format or None,
        "bytes": row.stored.size,
        "stored_at": format_timestamp(row.stored.stored_at),
        "problem": row.problem or None,
    }


async def _save(monitor: Session, arguments: Namespace) -> int:
    size = (await monitor.results.save(arguments.key, Path(arguments.path))).size
    if arguments.json:
        write_json({"key": arguments.key, "path": arguments.path, "bytes": size})
    else:
        write_text(f"saved {formats.size(size)} to {arguments.path}")
    return OK


async def _get(monitor: Session, arguments: Namespace) -> int:
    body, result = await monitor.read_result(arguments.key)
    if isinstance(result, str):
        print_error(
            UserFacingError(
                "Cannot show this result",
                f"{arguments.key}: {result} ({formats.size(len(body))})",
                "`pulse-desktop results save` keeps the bytes as they are.",
            )
        )
        return FAILED
    error = result.error
    described = {
        "key": arguments.key,
        "is_err": result.is_err,
        "outcome": result.outcome,
        "return_value": result.return_value,
        "execution_time": result.execution_time,
        "labels": result.labels,
        "error": None if error is None else {"type": error.type, "message": error.message},
        "format": result.format,
    }
    if arguments.json:
        write_json(described)
    else:
        write_text(to_json(described, indent=2))
    return OK

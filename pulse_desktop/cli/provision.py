"""`pulse-desktop provision`: make the streams that keep history on a server."""

from argparse import Namespace
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pulse_desktop.cli import argument_types
from pulse_desktop.cli.confirmation import confirmed
from pulse_desktop.cli.connection import connected_session
from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.output import print_error, write_json, write_note, write_text
from pulse_desktop.cli.parser import Subparsers, add_command, add_confirm_option
from pulse_desktop.model.history_plan import MAX_REPLICAS
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.model.history_plan import HistoryItem, HistoryOutcome, HistoryStream


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "provision",
        run,
        summary=_("make the streams that keep events and tasks, limited in age and size"),
        description=_(
            "Keep history on a server. Without a stream over its events or tasks, a system is "
            "known only while this program is connected. This command shows which streams are "
            "missing and what making them changes, asks, and makes them. Streams that exist are "
            "never changed, so it can be repeated.\n\n"
            "Workers of a core broker go on as before: the stream of tasks holds copies, which "
            "are read by this program alone. A system with a JetStream broker keeps its tasks "
            "already: instead, a stream of JetStream's advisories about tasks that it has given "
            "up is offered.\n\n"
            "It takes the permission to publish to $JS.API.STREAM.CREATE.PULSE_EVENTS, "
            "PULSE_TASKS or PULSE_ADVISORIES, and it is refused on a read-only profile. "
            "Exit 1 if a stream that was asked for is still missing, though one can be made, or "
            "if the server does not say."
        ),
        examples=(
            ("pulse-desktop provision --dry-run", _("only show what would be made")),
            ("pulse-desktop provision --profile staging", ""),
            ("pulse-desktop provision --no-tasks --age 30d --size 2G --yes", ""),
            ("nats stream rm PULSE_TASKS", _("undo it")),
        ),
    )
    parser.add_argument(
        "--age",
        type=argument_types.history_age,
        metavar="AGE",
        help=_("how long to keep each message, such as 12h or 30d (default: 7d)"),
    )
    parser.add_argument(
        "--size",
        type=argument_types.history_size,
        metavar="SIZE",
        help=_("most bytes of each stream, such as 512M or 2G (default: 256M)"),
    )
    parser.add_argument(
        "--replicas",
        type=int,
        choices=range(1, MAX_REPLICAS + 1),
        default=1,
        help=_("servers of the cluster that keep a copy (default: 1)"),
    )
    parser.add_argument(
        "--no-events", action="store_true", help=_("make no stream of the events of workers")
    )
    parser.add_argument("--no-tasks", action="store_true", help=_("make no stream of the tasks"))
    parser.add_argument(
        "--no-advisories",
        action="store_true",
        help=_("make no stream of the tasks that JetStream has given up"),
    )
    parser.add_argument("--dry-run", action="store_true", help=_("only show what would be made"))
    add_confirm_option(parser, always_asks=True)


async def run(arguments: Namespace) -> int:
    """Show the plan, ask, and make the streams."""
    from pulse_desktop.model.history_plan import HistoryKind, HistoryState

    left_out = {
        HistoryKind.EVENTS: arguments.no_events,
        HistoryKind.TASKS: arguments.no_tasks,
        HistoryKind.ADVISORIES: arguments.no_advisories,
    }
    async with connected_session(arguments, scope="connection") as session:
        plan = await session.history_streams.plan()
        items = [item for item in plan.items if not left_out.get(item.stream.kind)]
        chosen = [_limited(item.stream, arguments) for item in items if item.is_missing]
        if not arguments.json:
            _write_plan(items, chosen, plan.free_bytes)
        outcomes: list[HistoryOutcome] = []
        if chosen and not arguments.dry_run:
            outcomes = await confirmed(
                arguments, lambda yes: session.history_streams.create(chosen, confirmed=yes)
            )
    code = OK
    by_kind = {outcome.stream.kind: outcome for outcome in outcomes}
    planned = {stream.kind: stream for stream in chosen}
    for item in items:
        kind = item.stream.kind
        outcome = by_kind.get(kind)
        has_failed = outcome is not None and outcome.error is not None
        if has_failed or item.state == HistoryState.UNKNOWN:
            code = FAILED
        if arguments.json:
            write_json(_to_dict(item, planned.get(kind), outcome))
        elif outcome is not None:
            _write_outcome(outcome)
    return code


def _limited(stream: "HistoryStream", arguments: Namespace) -> "HistoryStream":
    limits = stream.limits
    if arguments.age is not None:
        limits = replace(limits, max_age_s=arguments.age)
    if arguments.size is not None:
        limits = replace(limits, max_bytes=arguments.size)
    limits = replace(limits, replicas=arguments.replicas)
    return replace(stream, limits=limits)


def _write_plan(
    items: "list[HistoryItem]", chosen: "list[HistoryStream]", free_bytes: int | None
) -> None:
    from pulse_desktop.text.history_text import (
        KIND_TITLES,
        consequences,
        removal_text,
        size_text,
        state_text,
        what_it_keeps,
    )

    planned = {stream.kind: stream for stream in chosen}
    for item in items:
        write_text(f"{KIND_TITLES[item.stream.kind]}: {state_text(item)}")
        stream = planned.get(item.stream.kind)
        if stream is None:
            continue
        write_text(
            "  "
            + _("The stream {stream} would store {subjects}.").format(
                stream=stream.name, subjects=", ".join(stream.subjects)
            )
        )
        for line in (what_it_keeps(stream.kind), *consequences(stream), removal_text(stream.name)):
            write_text(f"  - {line}")
    if free_bytes is not None and chosen:
        text = _("The account may store {size} more.")
        write_text(text.format(size=size_text(free_bytes)))


def _write_outcome(outcome: "HistoryOutcome") -> None:
    from pulse_desktop.text.history_text import outcome_text

    if outcome.error is not None:
        print_error(outcome.error)
    elif outcome.created:
        write_text(outcome_text(outcome))
    else:
        write_note(outcome_text(outcome))


def _to_dict(
    item: "HistoryItem", planned: "HistoryStream | None", outcome: "HistoryOutcome | None"
) -> dict[str, Any]:
    stream = planned or item.stream
    error = outcome.error if outcome is not None else None
    made = {True: "created", False: "failed" if error is not None else "existed"}
    return {
        "kind": stream.kind,
        "state": item.state,
        "stream": stream.name,
        "subjects": list(stream.subjects),
        "max_age_s": planned.limits.max_age_s if planned is not None else None,
        "max_bytes": planned.limits.max_bytes if planned is not None else None,
        "replicas": planned.limits.replicas if planned is not None else None,
        "outcome": made[outcome.created] if outcome is not None else None,
        "reason": (error.sentence if error is not None else item.reason) or None,
    }

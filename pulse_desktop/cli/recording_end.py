"""End of a recording: a signal that finishes it, and the report."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pulse_desktop.cli.missing_messages import MissingMessages
from pulse_desktop.cli.output import write_json, write_note, write_text
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext

if TYPE_CHECKING:
    from pulse_desktop.session.recording.recorder import Recorder
    from pulse_desktop.session.recording.recording_writer import RecordingWriter


class FirstInterrupt:
    """The first signal, which finishes the recording; the second one stops it at once.

    Attributes:
        is_seen: whether it has arrived.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.is_seen = False

    def handle(self) -> None:
        """Say what happens now, after a `CancelledError` that is not passed on."""
        import asyncio

        self.is_seen = True
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
        text = _("Finishing {file} …; press Ctrl-C again to stop at once.")
        write_note(text.format(file=self._file))

    async def guard(self, work: Callable[[], Awaitable[None]]) -> None:
        """Await a part of the end; the first signal starts it again.

        Raises:
            CancelledError: the signal was the second one.
        """
        import asyncio

        try:
            await work()
        except asyncio.CancelledError:
            if self.is_seen:
                raise
            self.handle()
            await work()


def note_unfinished(file: Path) -> None:
    """Note that a recording was stopped before its end was written."""
    text = _(
        "{file} was not finished: it has no end, and lacks what was not written yet. "
        "`replay` opens the rest."
    )
    write_note(text.format(file=file))


def write_report(
    recorder: "Recorder",
    writer: "RecordingWriter",
    missing: MissingMessages,
    *,
    for_scripts: bool,
) -> None:
    """Write what was recorded, and what was not."""
    unnamed = ngettext(
        "{count} positional argument was left out: its name is not known.",
        "{count} positional arguments were left out: their names are not known.",
        recorder.unnamed,
    )
    _note_count(unnamed, recorder.unnamed)
    for sentence in missing.notes:
        write_note(sentence)
    if for_scripts:
        write_json(
            {
                "file": str(writer.path),
                "bytes": writer.size,
                "messages": recorder.messages,
                "results": recorder.results,
                "unread_results": recorder.too_large + recorder.unreadable,
                "dropped": recorder.dropped,
                "unchecked_errors": recorder.unchecked,
                "hidden_errors": recorder.masked_whole,
                "unnamed_arguments": recorder.unnamed,
                "full": writer.is_full,
                "missing": [*missing.past, *missing.while_recording],
            }
        )
        return
    messages = ngettext("{count} message", "{count} messages", recorder.messages)
    results = ngettext("{count} result", "{count} results", recorder.results)
    write_text(
        _("Recorded {messages} and {results} into {file}, {size}.").format(
            messages=messages.format(count=formats.count(recorder.messages)),
            results=results.format(count=formats.count(recorder.results)),
            file=writer.path,
            size=formats.size(writer.size),
        )
    )
    unchecked = ngettext(
        "{count} error text was kept as it is: the arguments of its run are not recorded, or "
        "were too long ago, so masked values in it were not recognized.",
        "{count} error texts were kept as they are: the arguments of their runs are not "
        "recorded, or were too long ago, so masked values in them were not recognized.",
        recorder.unchecked,
    )
    _note_count(unchecked, recorder.unchecked)
    masked_whole = ngettext(
        "The texts of {count} event or result were left out: its run has too many masked values "
        "to look for.",
        "The texts of {count} events and results were left out: their runs have too many masked "
        "values to look for.",
        recorder.masked_whole,
    )
    _note_count(masked_whole, recorder.masked_whole)
    if writer.is_full:
        write_note(_("The recording ended because it reached --max-size."))


def _note_count(text: str, count: int) -> None:
    """Note how many there are, if there are any."""
    if count:
        write_note(text.format(count=formats.count(count)))

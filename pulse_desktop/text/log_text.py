"""Formats the log lines of a run as plain text."""

from collections.abc import Iterable, Iterator, Sequence

from pulse_desktop.state.run_log import LogLine
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext


def log_text(lines: Sequence[LogLine]) -> str:
    """Return lines as text, with a heading per attempt if there are several and a note per gap."""
    several = len({line.attempt for line in lines}) > 1
    return "\n".join(_parts(lines, several=several))


def _parts(lines: Iterable[LogLine], *, several: bool) -> Iterator[str]:
    attempt = 0
    expected = 1
    for line in lines:
        if line.attempt != attempt:
            attempt, expected = line.attempt, 1
            if several:
                yield _("Attempt {number}").format(number=attempt)
        if line.number > expected:
            missing = line.number - expected
            yield ngettext("… {count} line missing …", "… {count} lines missing …", missing).format(
                count=formats.count(missing)
            )
        expected = line.number + 1
        yield f"{formats.clock_ms(line.at)}  {line.level}  {line.logger}: {line.text}"

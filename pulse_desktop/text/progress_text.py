"""Text about the progress of a run."""

from typing import Final

from pulse_desktop.model.run_state import RunState
from pulse_desktop.state.run import TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _

_MINUTE: Final = 60.0
_STATE_TEXTS: Final = {
    RunState.QUEUED: _("Waiting for a worker"),
    RunState.RETRYING: _("Waiting for its next attempt"),
    RunState.OVERDUE: _("No result by its deadline"),
}


def progress_text(run: TaskRun, now: float) -> str:
    """Return the known parts of, for example, `60 of 200 (30 %) · 12 per s · about 11 s left`."""
    progress = run.progress
    if run.state in _STATE_TEXTS and (progress is None or run.state is not RunState.OVERDUE):
        return _STATE_TEXTS[run.state]
    if progress is None:
        return _("Running; the task reports no progress")
    parts: list[str] = []
    if progress.total > 0:
        parts.append(
            _("{done} of {total} ({percent} %)").format(
                done=_amount(progress.done),
                total=_amount(progress.total),
                percent=f"{(progress.fraction or 0.0) * 100:.0f}",
            )
        )
    elif progress.done:
        parts.append(_("{done} done").format(done=_amount(progress.done)))
    rate = progress.rate_since(run.started_at)
    if rate:
        parts.append(rate_text(rate))
    left = progress.remaining_s(run.started_at, now, run.last_seen)
    if left is not None and progress.done < progress.total:
        duration = formats.duration(left, brief=left < _MINUTE)
        parts.append(
            _("about {duration} left").format(duration=duration) if left else _("almost done")
        )
    return " · ".join(parts) or _("Running")


def rate_text(rate: float) -> str:
    """Return a rate per second in the fitting unit: `112 per s`, `4.2 per s`, `8 per min`."""
    if rate >= 10:
        return _("{count} per s").format(count=formats.count(rate))
    if rate >= 0.95:
        return _("{count} per s").format(count=f"{rate:.1f}")
    per_minute = rate * 60
    if per_minute >= 1:
        return _("{count} per min").format(count=f"{per_minute:.0f}")
    return _("{count} per h").format(count=f"{rate * 3600:.1f}")


def _amount(number: float) -> str:
    return formats.count(number) if number == round(number) else f"{number:,.2f}"

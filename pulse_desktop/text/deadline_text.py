"""Text about deadlines: how long a run may take, and what that is based on."""

from pulse_desktop.state.deadlines import MIN_S, MIN_SAMPLES, MULTIPLIER, Deadline
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext


def deadline_text(deadline: Deadline) -> str:
    """Return e.g. `1 min 40 s: 5 times the 95th percentile of the last 20 runs (20.0 s)`."""
    count = deadline.sample_count
    match deadline.source:
        case "timeout":
            text = _(
                "{deadline}: the task's own timeout of {baseline}, plus a few seconds for its "
                "result to arrive"
            )
        case "runs" if deadline.seconds <= MIN_S:
            text = ngettext(
                "{deadline}: the minimum; the 95th percentile of the last run is {baseline}",
                "{deadline}: the minimum; the 95th percentile of the last {count} runs is "
                "{baseline}",
                count,
            )
        case "runs":
            text = ngettext(
                "{deadline}: {multiplier} times the 95th percentile of the last run ({baseline})",
                "{deadline}: {multiplier} times the 95th percentile of the last {count} runs "
                "({baseline})",
                count,
            )
        case "waits":
            text = ngettext(
                "{deadline}: {multiplier} times the 95th percentile of the wait of the last task "
                "({baseline})",
                "{deadline}: {multiplier} times the 95th percentile of the waits of the last "
                "{count} tasks ({baseline})",
                count,
            )
        case _:
            text = ngettext(
                "{deadline}: the default, since fewer than {minimum} run of this task has ended",
                "{deadline}: the default, since fewer than {minimum} runs of this task have ended",
                MIN_SAMPLES,
            )
    return text.format(
        deadline=formats.duration(deadline.seconds),
        baseline=formats.duration(deadline.baseline_s),
        multiplier=MULTIPLIER,
        count=formats.count(count),
        minimum=MIN_SAMPLES,
    )

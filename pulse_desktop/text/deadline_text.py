"""What the limit of a run is and where it comes from, in words for the operator."""

from pulse_desktop.state.deadlines import MIN_SAMPLES, MULTIPLIER, Deadline
from pulse_desktop.text import formats


def deadline_text(limit: Deadline) -> str:
    """Return such as `1 min 40 s: 5 times what nearly all of the last 20 runs took (20.0 s)`."""
    return f"{formats.duration(limit.seconds)}: {_origin(limit)}"


def _origin(limit: Deadline) -> str:
    usual = formats.duration(limit.baseline_s)
    match limit.source:
        case "timeout":
            return f"its own timeout of {usual}, and some seconds until that is known here"
        case "runs":
            least = (
                "at least a minute, and " if limit.seconds > MULTIPLIER * limit.baseline_s else ""
            )
            runs = formats.plural(limit.sample_count, "run")
            return f"{least}{MULTIPLIER} times what nearly all of the last {runs} took ({usual})"
        case "waits":
            tasks = formats.plural(limit.sample_count, "task")
            return f"{MULTIPLIER} times what nearly all of the last {tasks} waited ({usual})"
        case _:
            return f"the usual one, for fewer than {MIN_SAMPLES} runs of this task have ended"

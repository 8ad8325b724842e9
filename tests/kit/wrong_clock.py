"""Child processes whose clock is wrong."""

from pathlib import Path

_SITECUSTOMIZE = """\
import os, time

real_time, offset_s = time.time, float(os.environ["TEST_CLOCK_OFFSET_S"])
time.time = lambda: real_time() + offset_s
"""


def wrong_clock(folder: Path, offset_s: float) -> dict[str, str]:
    """Return environment variables with which `time.time` of a Python program is off.

    Args:
        folder: gets a module that Python imports at its start.
        offset_s: seconds ahead, negative for behind.
    """
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(_SITECUSTOMIZE)
    return {"PYTHONPATH": str(folder), "TEST_CLOCK_OFFSET_S": str(offset_s)}

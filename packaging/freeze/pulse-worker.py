"""Where the bundled `pulse-worker` starts.

A bundle reads no PYTHONPATH. Tasks of your own (PULSE_WORKER_TASKS) must be found all the same, so
its folders are added here, behind everything that is bundled.
"""

import os
import sys

from workers.cli import run_as_script

if __name__ == "__main__":
    more = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path.extend(folder for folder in more if folder and folder not in sys.path)
    run_as_script()

"""Entry point of the bundled `pulse-worker`."""

from pulse_workers.__main__ import run
from python_path import add_python_path

if __name__ == "__main__":
    add_python_path()
    run()

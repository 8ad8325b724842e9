"""Entry point of the bundled `pulse-worker`."""

from pulse_workers.cli.main import run_as_script
from python_path import add_python_path

if __name__ == "__main__":
    add_python_path()
    run_as_script()

"""Entry point of the bundled `pulse-worker`."""

from bundled_path import extend_path
from pulse_workers.cli.main import run_as_script

if __name__ == "__main__":
    extend_path()
    run_as_script()

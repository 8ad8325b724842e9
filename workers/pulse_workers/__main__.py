"""Run `pulse-worker` with `python -m pulse_workers`."""

from pulse_workers.cli.main import run_as_script

if __name__ == "__main__":
    run_as_script()

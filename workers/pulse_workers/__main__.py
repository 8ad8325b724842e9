"""`python -m workers`: the same as `pulse-worker`."""

from pulse_workers.cli.main import run_as_script

if __name__ == "__main__":
    run_as_script()

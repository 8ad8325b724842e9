"""Entry point of the bundled `pulse-desktop`, also for the workers and the guardian it starts."""

from python_path import add_python_path

from pulse_desktop.__main__ import run

if __name__ == "__main__":
    add_python_path()
    run()

"""What turns this project into packages: run by `packaging/build.py`, never shipped."""

"""The tasks: each module says what its task takes, does, and may fail with."""

"""Item models over the rows of `state`."""

"""The state folded from everything that arrives. No I/O, no clock, no Qt."""

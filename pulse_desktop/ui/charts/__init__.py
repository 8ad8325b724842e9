"""Charts: one unit each, zero-based, with clock time below and gaps left open."""

"""Live tables over the rows of the state."""

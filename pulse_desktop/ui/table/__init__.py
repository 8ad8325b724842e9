"""Live tables over the rows of the state, and the page framework around them."""

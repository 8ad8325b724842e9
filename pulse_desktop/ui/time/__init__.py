"""The time range of the window: its control, the frozen past, and marks on the time axis."""

"""The time range of the window: its button, picker and form, and the banner of the past."""

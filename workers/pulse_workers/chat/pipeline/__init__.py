"""Which stages of messages are missing, and the window of messages as the unit of work."""

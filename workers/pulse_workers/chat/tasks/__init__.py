"""The tasks of the application, one module each."""

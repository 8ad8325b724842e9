"""The results page: the stored results of tasks."""

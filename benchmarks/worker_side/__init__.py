"""The worker benchmark: measurement, bare worker and tasks."""

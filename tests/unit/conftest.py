"""Hypothesis on machines that do other work too: no deadline per example, no judging of speed."""

from hypothesis import HealthCheck, settings

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

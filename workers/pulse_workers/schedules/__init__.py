"""Schedules: cron, interval and one-time runs of tasks, stored as JSON in a NATS bucket."""

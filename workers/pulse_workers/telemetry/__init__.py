"""Events that workers publish: tasks, heartbeats, load, task schemas."""

"""What happens around every task: events about it."""

"""Execution of one task: its delivery, its cancellation, its log lines and its retries."""

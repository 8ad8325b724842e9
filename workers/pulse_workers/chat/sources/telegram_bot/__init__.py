"""Messages that a Telegram bot receives."""

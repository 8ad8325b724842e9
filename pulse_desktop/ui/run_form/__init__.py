"""Dialogs, always opened with `open()`: a modal loop would cost coroutines their life."""

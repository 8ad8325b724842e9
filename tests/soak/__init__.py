"""What takes hours, and shows what grows or gets lost."""

"""What is true now, folded from what arrived. No input or output, no Qt, no clock of its own."""

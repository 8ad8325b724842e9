"""The headless commands of `pulse-desktop`: the same core as the window, on stdin and stdout."""

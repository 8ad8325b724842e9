"""The parts of the headless core; `pulse_desktop.monitor` puts them together and is its face."""

"""The window around the pages: sidebar, bars, palette, notifications, actions."""

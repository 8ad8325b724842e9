"""The rows of a live table without a widget: their source, their filter, and counts by facet."""

"""What pages are made with: their base classes, context, actions, filter bar and detail panel."""

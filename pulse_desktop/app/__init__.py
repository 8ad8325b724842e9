"""The desktop application: the composition root that connects sessions to windows.

Importing its modules has no side effects, but imports Qt: call `qt_guard.prepare_qt` before.
"""

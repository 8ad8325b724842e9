"""Errors of a build."""


class MissingLicenseError(Exception):
    """A component has no license text."""

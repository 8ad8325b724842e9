"""What stops a build."""


class MissingLicenceError(Exception):
    """Something would be shipped without the text of its licence."""

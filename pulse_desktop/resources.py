"""Paths of data files: in an installed package, or in the `resources` folder of a checkout."""

from pathlib import Path
from typing import Final

_PACKAGED: Final = Path(__file__).parent / "_resources"
_CHECKOUT: Final = Path(__file__).parent.parent / "resources"


def resource_path(*parts: str) -> Path:
    """Return the path of a data file, such as `resource_path("sample", "result.json")`."""
    root = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    return root.joinpath(*parts)

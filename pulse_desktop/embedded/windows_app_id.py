"""Windows: under which name the task bar groups our windows and keeps them pinned.

Without one it takes the program that runs, which from source is Python's. The installer gives the
same name to the entry in the Start menu.
"""

import ctypes
import sys
from typing import Any, Final

APP_USER_MODEL_ID: Final = "PulseDesktop.PulseDesktop"


def set_app_user_model_id(shell32: Any = None) -> bool:
    """Name this process; False where that means nothing or Windows refused.

    Args:
        shell32: the library to call, this system's own when left out.
    """
    shell32 = shell32 or _windows_library()
    if shell32 is None:
        return False
    name = ctypes.c_wchar_p(APP_USER_MODEL_ID)
    return int(shell32.SetCurrentProcessExplicitAppUserModelID(name)) == 0


def _windows_library() -> Any:
    if sys.platform == "win32":
        return ctypes.WinDLL("shell32")
    return None

"""Windows job object: ends every process that the guardian has started when the guardian ends.

The guardian adds itself to a job that kills its members when its last handle is closed. Children
are members from their start, so none can escape.
"""

import ctypes
import sys
from typing import Any, Final

KILL_ON_JOB_CLOSE: Final = 0x2000
_EXTENDED_LIMIT_INFORMATION: Final = 9


class BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = (
        ("per_process_user_time_limit", ctypes.c_int64),
        ("per_job_user_time_limit", ctypes.c_int64),
        ("limit_flags", ctypes.c_uint32),
        ("minimum_working_set_size", ctypes.c_size_t),
        ("maximum_working_set_size", ctypes.c_size_t),
        ("active_process_limit", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority_class", ctypes.c_uint32),
        ("scheduling_class", ctypes.c_uint32),
    )


class ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = (
        ("basic", BasicLimits),
        ("io_counters", ctypes.c_uint64 * 6),
        ("process_memory_limit", ctypes.c_size_t),
        ("job_memory_limit", ctypes.c_size_t),
        ("peak_process_memory_used", ctypes.c_size_t),
        ("peak_job_memory_used", ctypes.c_size_t),
    )


def kill_on_close_limits() -> ExtendedLimits:
    """Return the limits of a job that kills its members when it is closed."""
    limits = ExtendedLimits()
    limits.basic.limit_flags = KILL_ON_JOB_CLOSE
    return limits


def enter_job(kernel32: Any = None) -> int:
    """Add this process, and every process it will start, to a job that ends with it.

    Args:
        kernel32: the library to call, None for that of this system.

    Returns:
        The handle of the job. Closing it would end the process.

    Raises:
        OSError: a call failed.
    """
    kernel32 = kernel32 or _load_kernel32()
    kernel32.CreateJobObjectW.restype = ctypes.c_void_p
    kernel32.GetCurrentProcess.restype = ctypes.c_void_p
    job = kernel32.CreateJobObjectW(None, None)
    if not job:
        raise OSError("CreateJobObject failed")
    limits = kill_on_close_limits()
    if not kernel32.SetInformationJobObject(
        ctypes.c_void_p(job),
        _EXTENDED_LIMIT_INFORMATION,
        ctypes.byref(limits),
        ctypes.sizeof(limits),
    ):
        raise OSError("SetInformationJobObject failed")
    process = ctypes.c_void_p(kernel32.GetCurrentProcess())
    if not kernel32.AssignProcessToJobObject(ctypes.c_void_p(job), process):
        raise OSError("AssignProcessToJobObject failed")
    return int(job)


def _load_kernel32() -> Any:
    if sys.platform == "win32":
        return ctypes.WinDLL("kernel32", use_last_error=True)
    raise OSError("job objects exist on Windows only")

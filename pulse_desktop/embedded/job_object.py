"""Windows: whatever the guardian starts ends with it, because all are members of one job.

The guardian puts itself into a job that kills its members when its last handle is closed. Children
become members by being started, so there is no moment in which one could escape.
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
    """Return the limits of a job that takes its members with it."""
    limits = ExtendedLimits()
    limits.basic.limit_flags = KILL_ON_JOB_CLOSE
    return limits


def enter_job(kernel32: Any = None) -> int:
    """Put this process, and all it will start, into a job that ends with it.

    Args:
        kernel32: the library to call, this system's own when left out.

    Returns:
        The handle of the job, never to be closed: it is what the job hangs on.

    Raises:
        OSError: Windows refused.
    """
    kernel32 = kernel32 or _windows_library()
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


def _windows_library() -> Any:
    if sys.platform == "win32":
        return ctypes.WinDLL("kernel32", use_last_error=True)
    raise OSError("job objects are a thing of Windows")

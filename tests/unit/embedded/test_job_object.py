"""Windows job object, with a fake kernel32."""

import ctypes
import sys
from collections.abc import Callable
from typing import Any

import pytest

from pulse_desktop.embedded import job_object


class FakeFunction:
    """A function of a Windows library, which has a return type that can be set."""

    def __init__(self, function: Callable[..., int]) -> None:
        self._function = function
        self.restype: Any = None

    def __call__(self, *arguments: Any) -> int:
        return self._function(*arguments)


class FakeKernel32:
    """The four functions of kernel32 that are called.

    Attributes:
        flags: limit flags that were set.
        assigned: job and process of the assignment.
    """

    def __init__(self, *, fail_assignment: bool = False) -> None:
        self.flags = 0
        self.assigned: tuple[int | None, int | None] = (None, None)
        self._fail_assignment = fail_assignment
        self.CreateJobObjectW = FakeFunction(lambda *_arguments: 11)
        self.GetCurrentProcess = FakeFunction(lambda: 22)
        self.SetInformationJobObject = FakeFunction(self._set)
        self.AssignProcessToJobObject = FakeFunction(self._assign)

    def _set(self, _job: Any, _kind: int, limits: Any, _size: int) -> int:
        self.flags = limits._obj.basic.limit_flags  # noqa: SLF001 - what byref points to
        return 1

    def _assign(self, job: ctypes.c_void_p, process: ctypes.c_void_p) -> int:
        self.assigned = (job.value, process.value)
        return 0 if self._fail_assignment else 1


def test_the_structures_have_the_size_and_offsets_of_windows() -> None:
    assert ctypes.sizeof(job_object.BasicLimits) == (64 if sys.maxsize > 2**32 else 48)
    assert ctypes.sizeof(job_object.ExtendedLimits) == (144 if sys.maxsize > 2**32 else 112)
    assert job_object.BasicLimits.limit_flags.offset == 16


def test_the_process_enters_a_job_that_kills_its_members() -> None:
    kernel32 = FakeKernel32()
    assert job_object.enter_job(kernel32) == 11
    assert kernel32.flags == job_object.KILL_ON_JOB_CLOSE
    assert kernel32.assigned == (11, 22)


def test_a_failed_call_is_an_error() -> None:
    with pytest.raises(OSError, match="AssignProcessToJobObject"):
        job_object.enter_job(FakeKernel32(fail_assignment=True))

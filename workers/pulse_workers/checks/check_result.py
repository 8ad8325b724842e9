"""What a check finds, and how it is told."""

import dataclasses
import json
import sys
from collections.abc import Iterable
from typing import Final

from pulse_desktop.model.check_result import CheckResult

OK: Final = 0
FAILED: Final = 1
CANNOT_CONNECT: Final = 3


def tell(finding: CheckResult, *, as_json: bool) -> None:
    """Write one finding to stdout."""
    if as_json:
        sys.stdout.write(json.dumps(dataclasses.asdict(finding), ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(f"{finding.status:<8} {finding.check}: {finding.detail}\n")
        if finding.advice:
            sys.stdout.write(f"         {finding.advice}\n")
    sys.stdout.flush()


def status_of(findings: Iterable[CheckResult]) -> int:
    """Return the exit status: warnings do not fail a check."""
    return FAILED if any(finding.status == "problem" for finding in findings) else OK

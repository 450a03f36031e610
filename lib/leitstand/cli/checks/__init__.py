"""The checks of ``leitstand doctor``: read-only, in at most two seconds, no secret shown."""

from leitstand.cli.checks.examining import examine
from leitstand.cli.checks.packages import lock_differences
from leitstand.core.doctor.finding import Finding

__all__ = ["Finding", "examine", "lock_differences"]

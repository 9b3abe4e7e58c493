"""What the service manager cannot do, or must not.

Holds: `ServiceError`.
Promises: its text has no secret and nothing of a patient.
Never: knows a manager.
"""

from __future__ import annotations

from lab_sender.errors import ExitCode, LabSenderError


class ServiceError(LabSenderError):
    """The service manager cannot do it, or must not; `exit_code` is that of the command."""

    exit_code = ExitCode.NO

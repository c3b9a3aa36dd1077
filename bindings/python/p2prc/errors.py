"""What can go wrong: one exception for each kind of error. Generated from the node's OpenAPI document by bindings/gen; do not edit."""

from __future__ import annotations

from typing import Dict, Optional, Type


class P2PRCError(Exception):
    """An error of a node, or on the way to it. kind is one of a closed list."""

    kind = "internal"

    def __init__(self, detail: str, hint: str = "", kind: Optional[str] = None):
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        if kind is not None:
            self.kind = kind

    def __str__(self) -> str:
        return f"{self.detail} (hint: {self.hint})" if self.hint else self.detail


class Internal(P2PRCError):
    kind = "internal"


class Invalid(P2PRCError):
    kind = "invalid"


class Usage(P2PRCError):
    kind = "usage"


class TasksFailed(P2PRCError):
    kind = "tasks_failed"


class NotRunning(P2PRCError):
    kind = "not_running"


class Denied(P2PRCError):
    kind = "denied"


class NotFound(P2PRCError):
    kind = "not_found"


class NobodyCan(P2PRCError):
    kind = "nobody_can"


class Conflict(P2PRCError):
    kind = "conflict"


class TooLarge(P2PRCError):
    kind = "too_large"


class Quota(P2PRCError):
    kind = "quota"


class Unavailable(P2PRCError):
    kind = "unavailable"


class Timeout(P2PRCError):
    kind = "timeout"


class Corrupt(P2PRCError):
    kind = "corrupt"


class Unsupported(P2PRCError):
    kind = "unsupported"


class Lost(P2PRCError):
    kind = "lost"


class Withdrawn(P2PRCError):
    kind = "withdrawn"


class Canceled(P2PRCError):
    kind = "canceled"


KINDS: Dict[str, Type[P2PRCError]] = {
    "internal": Internal,
    "invalid": Invalid,
    "usage": Usage,
    "tasks_failed": TasksFailed,
    "not_running": NotRunning,
    "denied": Denied,
    "not_found": NotFound,
    "nobody_can": NobodyCan,
    "conflict": Conflict,
    "too_large": TooLarge,
    "quota": Quota,
    "unavailable": Unavailable,
    "timeout": Timeout,
    "corrupt": Corrupt,
    "unsupported": Unsupported,
    "lost": Lost,
    "withdrawn": Withdrawn,
    "canceled": Canceled,
}


def of_problem(problem: Dict[str, object]) -> P2PRCError:
    """The exception that a problem of the API stands for."""
    kind = str(problem.get("kind") or "internal")
    detail = str(problem.get("detail") or kind)
    return KINDS.get(kind, P2PRCError)(detail, str(problem.get("hint") or ""), kind)

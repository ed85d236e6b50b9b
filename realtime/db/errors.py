"""Map unexpected errors to protocol errors without leaking internals."""

from __future__ import annotations

import logging

from realtime.db.outages import is_outage
from realtime.protocol.errors import ErrorCode, ProtocolError

logger = logging.getLogger(__name__)


def from_exception(error: Exception) -> ProtocolError:
    """Log an error and return the reply to the command that met it."""
    if is_outage(error):
        logger.warning("The database failed: %s", error, extra={"action": "unavailable"})
        return ProtocolError(
            ErrorCode.UNAVAILABLE, "The database cannot be reached; try again", retry_after=1.0
        )
    logger.error("A command failed", exc_info=error, extra={"action": "internal_error"})
    return ProtocolError(ErrorCode.INTERNAL_ERROR, "Internal error; it has been logged")

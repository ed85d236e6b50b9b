"""Tell whether a class overrides a method, and leaves as it is one that has to fit it."""

from __future__ import annotations


def is_overridden_alone(cls: type, method: str, companion: str) -> bool:
    """Return True if the companion of a method is inherited from above who defines the method."""
    return not issubclass(_owner(cls, companion), _owner(cls, method))


def _owner(cls: type, name: str) -> type:
    return next(base for base in cls.__mro__ if name in vars(base))

"""A Python that does not have some modules, though they are installed."""

ABSENT = """
import sys
from importlib.machinery import PathFinder

class Absent(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in NAMES else super().find_spec(name, path, target)

NAMES = set(%s)
sys.meta_path[sys.meta_path.index(PathFinder)] = Absent
"""
"""A `sitecustomize.py`, with the names as a JSON list."""

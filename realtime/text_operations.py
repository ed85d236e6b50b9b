"""Apply, transform and compare operations on texts: edits of two people at once both survive.

An operation is a list of parts, `[position, deleted, "inserted"]`: at a position of the text before
the operation, so many characters go, and a text comes in their place. Parts stand in the order of
the text, and none begins before the end of the one before it. Positions and lengths count Unicode
code points: a Python string's characters, and in JavaScript `[...text]`. So no operation can part
a surrogate pair.

It needs the standard library alone.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

Part = tuple[int, int, str]
"""Position, deleted characters, inserted text; JSON has a list of the three."""
Operation = Sequence[Part]

MAX_PARTS = 32
"""Parts of an operation that a client sends, or that a difference finds."""


def problem(operation: Operation) -> str:
    """Return the error in an operation whose parts are well formed; empty if there is none."""
    if len(operation) > MAX_PARTS:
        return f"More than {MAX_PARTS} parts"
    end = 0
    for number, (position, deleted, _) in enumerate(operation, start=1):
        if position < end:
            return f"Part {number} begins before the end of the part before it"
        end = position + deleted
    return ""


def apply(text: str, operation: Operation) -> str:
    """Return a text with an operation applied.

    Raises:
        ValueError: if the operation reaches beyond the end of the text.
    """
    if operation and operation[-1][0] + operation[-1][1] > len(text):
        raise ValueError(f"The operation reaches beyond the {len(text)} characters of the text")
    parts, end = [], 0
    for position, deleted, inserted in operation:
        parts += [text[end:position], inserted]
        end = position + deleted
    return "".join([*parts, text[end:]])


def transform(mine: Operation, theirs: Operation, *, first: bool) -> list[Part]:
    """Return an operation as it is after another one of the same text was applied.

    Both orders lead to one text: `theirs` and then the transformed `mine`, or `mine` and then
    `theirs` transformed with the opposite `first`.

    Args:
        first: True if of two texts that were inserted at one position, `mine` stands first.
    """
    # Of both, parts that touch count as one: the two orders must agree on where its text stands.
    moves = _Moves(_joined(theirs))
    made: list[Part] = []
    for position, deleted, inserted in _joined(mine):
        if inserted:
            made.append((moves.gap(position, first=first), 0, inserted))
        for start, end in moves.kept(position, position + deleted):
            made.append((moves.character(start), end - start, ""))
    return _joined(made)


class _Moves:
    """Find the places of a text after an operation."""

    def __init__(self, parts: Operation) -> None:
        self._starts = [position for position, _, _ in parts]
        self._ends = [position + deleted for position, deleted, _ in parts]
        self._inserted = [len(inserted) for _, _, inserted in parts]
        growth = (len(inserted) - deleted for _, deleted, inserted in parts)
        self._shifts = [0, *accumulate(growth)]
        """The characters that the text has more before each part, and behind the last."""

    def gap(self, position: int, *, first: bool) -> int:
        """Return the place of what is inserted; `first` puts it before another text there."""
        count = bisect_left(self._starts, position)
        if count < len(self._starts) and self._starts[count] == position and not first:
            return position + self._shifts[count] + self._inserted[count]
        if count and position < self._ends[count - 1]:  # what stood around it is deleted
            return self._starts[count - 1] + self._shifts[count - 1] + self._inserted[count - 1]
        return position + self._shifts[count]

    def character(self, position: int) -> int:
        """Return the place of a character that was kept."""
        return position + self._shifts[bisect_right(self._starts, position)]

    def kept(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the pieces of a range that were kept, and that nothing was inserted into."""
        index = bisect_right(self._starts, start)
        if index:
            start = max(start, self._ends[index - 1])
        while start < end:
            stop = min(end, self._starts[index]) if index < len(self._starts) else end
            if start < stop:
                yield start, stop
            if stop == end:
                return
            start, index = self._ends[index], index + 1


def difference(old: str, new: str) -> list[Part]:
    """Return an operation that makes one text of another, for edits that tell the result alone.

    It is word by word as far as a bounded search finds that; else all words between the first and
    the last change are replaced. Letter by letter it would put "7 w1" into "w14" where somebody put
    "w17" before it, and what others do to that word meanwhile would break both.
    """
    start = _common_prefix(old, new)
    while _parts(_LETTERS, old, start) or _parts(_LETTERS, new, start):
        start -= 1
    old, new = old[start:], new[start:]
    end = _common_prefix(old[::-1], new[::-1])
    while _parts(_WORD_END, old, len(old) - end) or _parts(_WORD_END, new, len(new) - end):
        end -= 1
    old, new = old[: len(old) - end], new[: len(new) - end]
    if not old and not new:
        return []
    found = _word_by_word(_WORDS.findall(old), _WORDS.findall(new)) if old and new else None
    if found is None or len(found) > MAX_PARTS:
        found = [(0, len(old), new)]
    return [(start + part[0], *_without_last_space(old, part)) for part in found]


def _without_last_space(old: str, part: Part) -> tuple[int, str]:
    """Return what a part deletes and inserts, without a space that it would write anew."""
    position, deleted, inserted = part
    if deleted and inserted.endswith(" ") and old[position + deleted - 1] == " ":
        return deleted - 1, inserted[:-1]
    return deleted, inserted


_LETTER = r"[^\s!-/:-@\[-`{-\u00bf\u2000-\u206f\u2e80-\U0010ffff]"
"""A character that makes a word with its neighbours, as do marks of any script. Those of scripts
without spaces stand alone, and emoji."""
_LETTERS = re.compile(_LETTER * 2)
# A word goes with the space behind it: which one of two is new would else be a guess.
_WORD_END = re.compile(f"{_LETTER}(?:{_LETTER}| )")
_WORDS = re.compile(rf"{_LETTER}+ ?|\s+|.", re.DOTALL)
_MAX_EDITS = 100
"""Words inserted or deleted that the search looks for."""
_MAX_STEPS = 20_000
"""Comparisons after which it gives up."""


def _parts(pair: re.Pattern[str], text: str, position: int) -> bool:
    """Return True if a position is between two characters that stay together."""
    return position > 0 and pair.match(text, position - 1) is not None


def _common_prefix(one: str, other: str) -> int:
    """Return the number of characters that two texts begin with, found by halves."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _word_by_word(old: Sequence[str], new: Sequence[str]) -> list[Part] | None:
    """Return the shortest edit (Myers, An O(ND) Difference Algorithm, 1986); None if not found."""
    reach, rounds, steps = {1: 0}, [], 0
    for edits in range(min(_MAX_EDITS, len(old) + len(new)) + 1):
        rounds.append(dict(reach))
        for diagonal in range(-edits, edits + 1, 2):
            x = reach[diagonal + 1] if _is_down(reach, diagonal, edits) else reach[diagonal - 1] + 1
            begin = x
            while x < len(old) and x - diagonal < len(new) and old[x] == new[x - diagonal]:
                x += 1
            steps += 1 + x - begin
            reach[diagonal] = x
            if x >= len(old) and x - diagonal >= len(new):
                return _joined(_steps(rounds, old, new))
        if steps > _MAX_STEPS:
            return None
    return None


def _is_down(reach: dict[int, int], diagonal: int, edits: int) -> bool:
    """Return True if a way to a diagonal inserts a word; False if it deletes one."""
    return diagonal == -edits or (diagonal != edits and reach[diagonal - 1] < reach[diagonal + 1])


def _steps(rounds: Sequence[dict[int, int]], old: Sequence[str], new: Sequence[str]) -> list[Part]:
    """Return the edits of the way that the rounds found, which is walked back from its end."""
    positions = [0, *accumulate(map(len, old))]
    x, y = len(old), len(new)
    found: list[Part] = []
    for edits in range(len(rounds) - 1, 0, -1):
        reach, diagonal = rounds[edits], x - y
        is_down = _is_down(reach, diagonal, edits)
        before = diagonal + 1 if is_down else diagonal - 1
        x, y = reach[before], reach[before] - before
        found.append((positions[x], 0, new[y]) if is_down else (positions[x], len(old[x]), ""))
    return found[::-1]


def _joined(parts: Iterable[Part]) -> list[Part]:
    """Return an operation without empty parts, and with parts that touch each other made one."""
    made: list[Part] = []
    for position, deleted, inserted in parts:
        if not (deleted or inserted):
            continue
        if made and made[-1][0] + made[-1][1] == position:
            start, before, text = made.pop()
            made.append((start, before + deleted, text + inserted))
        else:
            made.append((position, deleted, inserted))
    return made

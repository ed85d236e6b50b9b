"""Ask the database the same question about all sockets again and again.

An answer that does not come must not mean "allowed". So a look knows, for each subject, the time of
the last question that was answered. It stays known whatever happened since: the question may have
failed for all, failed for this subject alone, or not have returned yet.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from realtime import metrics
from realtime.db import threads
from realtime.db.outages import is_outage

logger = logging.getLogger(__name__)

Subject = TypeVar("Subject", bound=Hashable)
Finding = TypeVar("Finding")

_SLOW = 5.0
"""Seconds after which a question that has not returned counts as failed at every further tick."""
_MAX_QUESTIONS = 64
"""Questions that one round may take, to find the subjects for which the question fails."""


class Answers(NamedTuple, Generic[Subject, Finding]):
    """Hold what one round found, and the subjects that got no answer in it."""

    found: dict[Subject, Finding]
    failed: list[Subject]
    """Subjects for which the question failed, and maybe some that it was asked together with."""
    error: Exception | None
    """The first error, where there was any."""


Watch = Callable[[Sequence[Subject]], "Callable[[], Hashable] | None"]
"""Makes a question about subjects whose answer changes whenever something changes for any of them;
None where there is no such question."""
_FEW = 32
"""Subjects that come or go before all are asked about anew, beside an eighth of them."""


class _Well(NamedTuple, Generic[Subject]):
    subjects: Sequence[Subject]
    question: Callable[[], Hashable]
    answer: Hashable

    def others(self, subjects: Sequence[Subject]) -> Sequence[Subject]:
        # To compare is much cheaper than to hash, and nearly always enough.
        if subjects == self.subjects:
            return []
        known = set(self.subjects)
        return [subject for subject in subjects if subject not in known]


def _watched(watch: Watch[Subject], subjects: Sequence[Subject]) -> _Well[Subject] | None:
    """Return the cheaper question with its answer; None if there is none, or if it fails."""
    try:
        question = watch(subjects)
        return None if question is None else _Well(subjects, question, question())
    except Exception as error:
        if is_outage(error):
            raise
        return None  # the question itself finds out for whom, and counts it


def _is_unchanged(well: _Well[Any]) -> bool:
    try:
        return well.question() == well.answer
    except Exception as error:
        if is_outage(error):
            raise
        return False


class Look(Generic[Subject, Finding]):
    """Ask one question, in a database thread, at most once at a time.

    While a question hangs, it holds one thread and is not asked again: the answers only grow
    older.
    """

    def __init__(
        self,
        name: str,
        ask: Callable[[Sequence[Subject]], dict[Subject, Finding]],
        act: Callable[[dict[Subject, Finding], float], None],
        *parts: Callable[[Subject], Any],
        watch: Watch[Subject],
    ) -> None:
        """`ask` returns its findings by subject; a subject with which all is well has none.

        `act` gets the findings, and the time at which the question was asked. Times are of
        `time.monotonic()`. Each of `parts` returns a part of a subject, such as its room, for
        which a question may fail. `watch` makes a cheaper question, which is asked first.
        """
        self._name = name
        self._ask = ask
        self._act = act
        self._parts = parts
        self._watch = watch
        self._well: _Well[Subject] | None = None
        """Subjects that were all found to be well. Only the one job that asks touches it."""
        self._answered_at = time.monotonic()
        self._unanswered: dict[Subject, float] = {}
        """Subjects that the last answer left out, and when they had their own last one."""
        self._failures = 0
        """In a row."""
        self._rounds = 0
        self._asked_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def reset(self) -> None:
        """Count the age of answers from now on."""
        self._answered_at = time.monotonic()

    def begin(self, subjects: Sequence[Subject]) -> None:
        """Ask about these subjects, unless the question before is still under way."""
        now = time.monotonic()
        if self._task is not None and not self._task.done():
            if now - self._asked_at > _SLOW:
                self._fail(TimeoutError(f"no answer for {now - self._asked_at:.0f} s"))
            return
        self._asked_at = now
        self._rounds += 1
        self._task = asyncio.create_task(self._run(subjects))

    def answered_at(self, subject: Subject) -> float:
        """Return the time of the last question that was answered for this subject."""
        return self._unanswered.get(subject, self._answered_at)

    @property
    def oldest(self) -> float:
        """Return the time of the question whose answer is the oldest, over all subjects."""
        return min(self._unanswered.values(), default=self._answered_at)

    async def _run(self, subjects: Sequence[Subject]) -> None:
        try:
            answers: Answers[Subject, Finding] = Answers({}, [], None)
            if not subjects:
                self._well = None
            else:
                suspects = self._unanswered.keys() & set(subjects)
                part = self._parts[self._rounds % len(self._parts)]
                # Sockets come and go while this is awaited. A socket that comes was checked at its
                # own sign-in; for a subject that was not asked about, that time counts.
                answers = await threads.check(self._ask_changed, subjects, suspects, part)
            self._act(answers.found, self._asked_at)
        except Exception as error:  # noqa: BLE001  (whatever a host raises, the next one may do)
            self._fail(error)
            return
        self._unanswered = {subject: self.answered_at(subject) for subject in answers.failed}
        self._answered_at = self._asked_at
        if answers.error is None:
            self._failures = 0
        else:
            self._fail(answers.error, len(answers.failed))

    def _ask_changed(
        self, subjects: Sequence[Subject], suspects: set[Subject], part: Callable[[Subject], Any]
    ) -> Answers[Subject, Finding]:
        """Ask about the subjects that were not well before, or about all if something changed.

        So what this costs grows with what comes and changes, and not with what is there.
        """
        few = _FEW + len(subjects) // 8
        if (
            self._well is not None
            and len(self._well.subjects) <= len(subjects) + few
            and _is_unchanged(self._well)
        ):
            others = self._well.others(subjects)
            if len(others) <= few:
                return ask_apart(self._ask, others, suspects & set(others), part)
        # The cheaper question first: what changes in between makes its next answer another.
        well = _watched(self._watch, subjects)
        answers = ask_apart(self._ask, subjects, suspects, part)
        self._well = None if answers.found or answers.failed else well
        return answers

    def _fail(self, error: Exception, count: int | None = None) -> None:
        """Count a failure; log the first in a row, and then ever more seldom."""
        metrics.current.access_failures[self._name] += 1
        self._failures += 1
        if self._failures & (self._failures - 1):
            return
        is_expected = is_outage(error) or isinstance(error, TimeoutError)
        logger.log(
            logging.WARNING if is_expected else logging.ERROR,
            "Could not check %s (%s, %d times in a row): %r",
            self._name,
            "all" if count is None else f"{count} of them",
            self._failures,
            error,
            exc_info=None if is_expected else error,
            extra={"action": "access_check"},
        )

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


def ask_apart(
    ask: Callable[[Sequence[Subject]], dict[Subject, Finding]],
    subjects: Sequence[Subject],
    suspects: set[Subject],
    part: Callable[[Subject], Any],
) -> Answers[Subject, Finding]:
    """Ask about all together; if that fails, about halves, and halves of these.

    So one bad subject does not cost the others their answers. Suspects, for which the question
    failed before, are asked about apart from the rest. Subjects may be pairs of a room and a user,
    and the question may fail for one room or one user. Halving then cuts off the pairs that share
    it only if they stand together, so each round sorts by another `part`.

    Raises:
        Exception: an outage of the database; halves would fare no better.
    """

    def sort_key(subject: Subject) -> str:
        return str(part(subject))  # ids may be numbers and texts

    found: dict[Subject, Finding] = {}
    failed: list[Subject] = []
    first: Exception | None = None
    rest = [subject for subject in subjects if subject not in suspects]
    waiting = deque(group for group in (rest, sorted(suspects, key=sort_key)) if group)
    began_at = time.monotonic()
    for _ in range(_MAX_QUESTIONS):
        if not waiting or time.monotonic() - began_at > _SLOW:
            break
        group = waiting.popleft()
        try:
            found |= ask(group)
        except Exception as error:
            if is_outage(error):
                raise
            first = first or error
            if len(group) == 1:
                failed += group
            else:
                group.sort(key=sort_key)
                waiting += group[: len(group) // 2], group[len(group) // 2 :]
    return Answers(found, failed + [subject for group in waiting for subject in group], first)

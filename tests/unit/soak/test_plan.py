from __future__ import annotations

from itertools import pairwise

from tests.soak.plan import FAULTS, SERVERS, make_plan


def test_the_same_seed_makes_the_same_plan() -> None:
    assert make_plan(1, 300) == make_plan(1, 300)
    assert [*make_plan(1, 300).lines()] != [*make_plan(2, 300).lines()]


def test_faults_come_one_after_the_other_and_are_over_in_time() -> None:
    faults = make_plan(1, 600).faults
    assert {fault.kind for fault in faults} == set(FAULTS), "in ten minutes each kind comes"
    for fault, following in pairwise(faults):
        assert fault.at + fault.seconds < following.at
    assert faults[-1].at + faults[-1].seconds < 600
    assert {fault.target for fault in faults} == set(range(SERVERS))

import os
import signal

import pytest

from brainbrr.data.pool import WorkerDied, each_in_pool


def double(number):
    return 2 * number, os.getpid()


def die(number):
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_results_come_with_their_items():
    alone = dict(each_in_pool(double, [1, 2, 3], 1))
    assert alone == {number: (2 * number, os.getpid()) for number in (1, 2, 3)}
    assert not list(each_in_pool(double, [], None))


def test_workers_are_other_processes():
    results = dict(each_in_pool(double, [1, 2, 3], 2))
    assert {number: value for number, (value, _) in results.items()} == {1: 2, 2: 4, 3: 6}
    assert os.getpid() not in {process for _, process in results.values()}


def test_a_worker_that_is_killed_is_told():
    with pytest.raises(WorkerDied, match="most likely for want of memory.*workers=1"):
        list(each_in_pool(die, [1, 2], 2))

"""The kernels on torch's threads, on their own, and in a forked process."""

import os
import signal
import sys

import pytest
import torch

from brainbrr.kernels.c import operators
from brainbrr.kernels.c.binding import available, library
from brainbrr.kernels.c.build import _find_team

pytestmark = pytest.mark.skipif(not available(), reason="no C compiler on this machine")
DEADLINE_S = 20


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def arguments():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(3, 19, 5000, generator=generator), torch.ones(19), torch.zeros(19)


def normed(arguments):
    """As bytes: to compare tensors torch would start threads."""
    return operators.norm(*arguments, floor=1.0, activate=True).numpy().tobytes()


@pytest.mark.skipif(sys.platform != "linux", reason="the runtime is looked up in /proc")
def test_torchs_own_runtime_is_found():
    assert _find_team() is not None


def test_both_kinds_of_threads_give_the_same_bits(two_threads, arguments):
    together = normed(arguments)
    library().brainbrr_use_team(None)
    try:
        assert normed(arguments) == together
    finally:
        library().brainbrr_use_team(_find_team())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*")
def test_a_forked_process_has_threads_of_its_own(two_threads, arguments):
    """Where torch's own operations would wait for threads that do not exist."""
    expected = normed(arguments)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(DEADLINE_S)
        os._exit(0 if normed(arguments) == expected else 1)
    assert os.waitpid(child, 0)[1] == 0

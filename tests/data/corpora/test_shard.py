import hypothesis.strategies as st
import pytest
from hypothesis import given

from brainbrr.data.corpora.prepare_corpus import shard_of


@given(st.integers(0, 40), st.integers(1, 9))
def test_shares_are_disjoint_and_complete(n_items, n_shares):
    shares = [shard_of(range(n_items), f"{number}/{n_shares}") for number in range(n_shares)]
    assert sorted(item for share in shares for item in share) == list(range(n_items))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_without_a_share_it_is_everything():
    assert shard_of("abc", None) == ["a", "b", "c"]


@pytest.mark.parametrize("share", ["3/3", "1", "a/2", "-1/2", "1/0", ""])
def test_what_is_no_share_is_refused(share):
    with pytest.raises(match=r"prepare.share=K/N with 0 <= K < N; got .*prepare\.share=0/8"):
        shard_of([1], share)

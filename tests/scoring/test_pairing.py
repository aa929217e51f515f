from hypothesis import given
from hypothesis import strategies as st

from brainbrr.scoring.pairing import NAMED, listed, pair
from tests.scoring.conftest import annotation

NAMES = st.sets(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=8)


@given(NAMES, NAMES)
def test_every_reference_has_its_hypothesis_or_is_counted_missing(references, hypotheses):
    truth = {name: annotation([(1, 2)], 10.0) for name in references}
    claims = {name: annotation([(3, 4 + len(name))], 10.0) for name in hypotheses}
    pairs = pair(truth, claims, missing="empty")
    assert pairs.names == tuple(sorted(references))
    assert set(pairs.missing) == references - hypotheses
    assert set(pairs.unreferenced) == hypotheses - references
    for name, reference, hypothesis in zip(
        pairs.names, pairs.references, pairs.hypotheses, strict=True
    ):
        assert reference is truth[name]
        assert hypothesis == claims.get(name, annotation([], 10.0))


@given(st.lists(st.text("xyz", min_size=1, max_size=2), max_size=20))
def test_a_long_list_is_cut_and_the_rest_counted(names):
    text = listed(names)
    assert text.startswith(", ".join(names[:NAMED]))
    assert text.endswith(f"and {len(names) - NAMED} more") == (len(names) > NAMED)

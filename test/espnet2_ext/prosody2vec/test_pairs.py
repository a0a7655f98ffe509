import pytest

from espnet2_ext.prosody2vec.pairs import Pair, read_pairs


def test_speaker_is_the_source_unless_given(tmp_path):
    path = tmp_path / "pairs"
    path.write_text("p2 a-1 b-1 c-1\np1 a-1 b-1\n")
    assert read_pairs(path) == [Pair("p1", "a-1", "b-1", "a-1"), Pair("p2", "a-1", "b-1", "c-1")]


@pytest.mark.parametrize("value", ["a-1", "a b c d"])
def test_wrong_number_of_utterances_is_an_error(tmp_path, value):
    path = tmp_path / "pairs"
    path.write_text(f"p1 {value}\n")
    with pytest.raises(ValueError, match="p1: expected 'source prosody"):
        read_pairs(path)

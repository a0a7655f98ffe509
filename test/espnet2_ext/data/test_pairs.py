import pytest

from espnet2_ext.data.pairs import Pair, mix_text, read_pairs


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


def test_a_mix_stands_beside_the_pairs_and_is_read_back(tmp_path):
    (tmp_path / "pairs").write_text("p1 a-1 b-1\n")
    mix = (("b-1", 0.25), ("b-2", 1 / 3))
    (tmp_path / "prosody_mix").write_text(f"p1 {mix_text(mix)}\n")
    [pair] = read_pairs(tmp_path / "pairs")
    assert pair == Pair("p1", "a-1", "b-1", "a-1", mix)
    assert pair.prosody_utterances == ("b-1", "b-2")
    (tmp_path / "prosody_mix").unlink()
    assert read_pairs(tmp_path / "pairs")[0].prosody_utterances == ("b-1",)


@pytest.mark.parametrize("value", ["a-1", "a-1 x", "a-1 0.5 a-2"])
def test_a_mix_is_utterances_and_weights_in_turn(tmp_path, value):
    (tmp_path / "pairs").write_text("p1 a-1 b-1\n")
    (tmp_path / "prosody_mix").write_text(f"p1 {value}\n")
    with pytest.raises(ValueError, match="prosody_mix: p1: expected 'utterance weight ...'"):
        read_pairs(tmp_path / "pairs")


def test_mixes_of_other_pairs_are_an_error(tmp_path):
    (tmp_path / "pairs").write_text("p1 a-1 b-1\n")
    (tmp_path / "prosody_mix").write_text("p2 a-1 1.0\n")
    with pytest.raises(ValueError, match="prosody_mix: its pairs are not those of .*see p1"):
        read_pairs(tmp_path / "pairs")

"""What is known of utterances, and which files have the same samples."""

import os

import pytest
import soundfile

from espnet2_ext.data.audio import AudioError
from espnet2_ext.data.directory import DataDirectoryError, Utterance
from espnet2_ext.data.tables import write_rejected, write_table
from espnet2_ext.ser.attributes import (
    attributes_of,
    content_digests,
    read_utterances,
    speakers_unknown,
)


def by_id(*utterances):
    return {utterance.utterance_id: utterance for utterance in utterances}


def test_read_returns_what_the_tables_say(data_dir, utterances):
    assert read_utterances(data_dir) == utterances
    assert list(read_utterances(data_dir)) == sorted(utterances)
    write_table(data_dir / "utt2emo", {"1f-0": "sad"})
    with pytest.raises(DataDirectoryError, match="utt2emo: 1f-1: missing; run the stage"):
        read_utterances(data_dir)


def test_read_leaves_out_rejected_utterances_and_says_so(data_dir, caplog):
    caplog.set_level("INFO")
    write_rejected(data_dir, {"1f-0": "silent", "elsewhere-1": "short"})
    assert "1f-0" not in read_utterances(data_dir)
    assert "79 utterances without 1 rejected ones" in caplog.text
    write_rejected(data_dir, dict.fromkeys(read_utterances(data_dir) | {"1f-0": 0}, "silent"))
    with pytest.raises(DataDirectoryError, match="every utterance is rejected"):
        read_utterances(data_dir)


def test_speakers_unknown_are_those_called_like_their_file():
    own = [Utterance(f"{name}-{name}", name, f"{name}.wav") for name in ("a", "b-1")]
    assert speakers_unknown(by_id(*own)) == ["a-a", "b-1-b-1"]
    assert speakers_unknown(by_id(Utterance("sp0.9-a-a", "sp0.9-a", "a.wav"))) == ["sp0.9-a-a"]
    assert speakers_unknown(by_id(Utterance("a-1", "a", "x.wav"))) == []


def test_the_prefix_of_speed_perturbation_is_no_part_of_a_name():
    both = [Utterance("sp0.9-a-1", "sp0.9-a", "x.wav"), Utterance("sp12-1", "sp12", "y.wav")]
    values = attributes_of("x", by_id(*both)).values
    assert values["utterance"] == {"sp0.9-a-1": "a-1", "sp12-1": "sp12-1"}
    assert values["speaker"] == {"sp0.9-a-1": "a", "sp12-1": "sp12"}


def test_attributes_are_what_can_be_compared(tmp_path, utterances):
    (tmp_path / "link.wav").symlink_to(tmp_path / "real.wav")
    known = Utterance("s-1", "s", str(tmp_path / "link.wav"), text="Ah!", session="1", dialogue="d")
    values = attributes_of("x", by_id(known), {known.wav: "digest"}).values
    assert {name: table["s-1"] for name, table in values.items()} == {
        "utterance": "s-1",
        "audio": os.path.realpath(tmp_path / "real.wav"),
        "content": "digest",
        "speaker": "s",
        "session": "1",
        "dialogue": "d",
        "sentence": "ah",
    }
    assert attributes_of("x", utterances).lacking == {"content": "not asked for"}


def test_attributes_say_what_is_lacking():
    plain = [Utterance(f"{n}-{n}", n, f"{n}.wav", text="[LAUGHTER]") for n in "ab"]
    found = attributes_of("x", by_id(*plain))
    assert found.values["speaker"] == {} and found.values["sentence"] == {}
    assert found.lacking == {
        "speaker": "2 of 2 are their own speaker",
        "content": "not asked for",
        "session": "no utt2session, or nothing in it",
        "dialogue": "no utt2dialogue, or nothing in it",
        "sentence": "no text, or nothing in it",
    }
    some = attributes_of("x", by_id(*plain, Utterance("c-1", "c", "c.wav", text="words")))
    assert some.values["speaker"] == {"a-a": "a", "b-b": "b", "c-1": "c"}
    assert some.lacking["speaker"] == "2 of 3 are their own speaker"
    assert some.lacking["sentence"] == "2 of 3 utterances have none"


def group(*wavs):
    return {f"s-{index}": Utterance(f"s-{index}", "s", str(wav)) for index, wav in enumerate(wavs)}


def test_a_copy_in_another_format_is_the_same_and_nothing_else_is(tmp_path, make_wav):
    wav, other = make_wav("a.wav"), make_wav("b.wav", seed=1)
    longer = make_wav("c.wav", duration_s=0.4)
    copy = tmp_path / "copy.flac"
    soundfile.write(copy, soundfile.read(wav, dtype="int16")[0], 16000)
    digests = content_digests(group(wav, other), [group(copy), group(longer)])
    assert digests[str(wav)] == digests[str(copy)]
    assert len(set(digests.values())) == 3
    assert content_digests(group(wav, copy))[str(wav)] == digests[str(wav)]


def test_lengths_that_no_utterance_shares_are_not_read(make_wav):
    first, second = make_wav("a.wav", duration_s=0.4), make_wav("b.wav", seed=1)
    alone, fourth = make_wav("c.wav", duration_s=0.2), make_wav("d.wav", seed=2)
    for own, others in ((group(alone), [first, second]), (group(alone, second), [first, fourth])):
        digests = content_digests(own, [group(wav) for wav in others])
        read = {wav[-5:] for wav, digest in digests.items() if not digest.endswith("samples")}
        assert read == ({"b.wav", "d.wav"} if len(own) == 2 else set())


def test_unreadable_files(tmp_path):
    with pytest.raises(AudioError, match="none.wav: not readable as audio; run format_wav first"):
        content_digests(group(tmp_path / "none.wav"))

import pytest
import soundfile

from espnet2_ext.data.audio import AudioError
from espnet2_ext.data.directory import Utterance
from espnet2_ext.ser.attributes import content_digests


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


def test_lengths_that_no_utterance_shares_are_not_read(monkeypatch, make_wav):
    read = []
    monkeypatch.setattr("espnet2_ext.ser.attributes._digest", lambda wav: read.append(wav) or wav)
    first, second = make_wav("a.wav", duration_s=0.4), make_wav("b.wav", seed=1)
    alone = make_wav("c.wav", duration_s=0.2)
    content_digests(group(alone), [group(first), group(second)])
    assert read == []
    content_digests(group(alone, second), [group(first, make_wav("d.wav", seed=2))])
    assert [wav[-5:] for wav in read] == ["b.wav", "d.wav"]


def test_unreadable_files(tmp_path, make_wav):
    with pytest.raises(AudioError, match="none.wav: not readable as audio; run format_wav first"):
        content_digests(group(tmp_path / "none.wav"))

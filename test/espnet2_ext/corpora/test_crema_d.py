"""CREMA-D on a synthetic copy with all 7,442 names; see also test_acted.py."""

from collections import Counter
from pathlib import Path

import pytest
from reference.acted_copies import NOTE, crema_d_names, write_crema_d
from reference.changes import changed

from espnet2_ext.corpora.crema_d import EXPECTED, expected_clips, prepare, tally
from espnet2_ext.data.directory import read_data_directory, validate_data_directory
from espnet2_ext.data.tables import read_rejected, read_table

SILENT = "1076-1076_MTI_SAD_XX"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the clips' folder of a copy; a test that changes it puts it back."""
    return write_crema_d(tmp_path_factory.mktemp("crema_d") / "unpacked")


def test_four_classes_and_six(whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    utterances = prepare(whole, tmp_path)
    folder = tmp_path / "crema_d"
    assert validate_data_directory(folder) == len(utterances) == 4899
    counts = dict(angry=1271, happy=1271, neutral=1087, sad=1270)
    assert Counter(u.emotion for u in utterances) == counts
    tables = read_data_directory(folder)
    assert set(tables) == {"wav.scp", "utt2spk", "text", "utt2emo", "utt2lang"}
    assert tables["text"]["1001-1001_IEO_ANG_HI"] == "It's eleven o'clock."
    assert len({u.text for u in utterances}) == 12 and {u.language for u in utterances} == {"eng"}
    for utterance in utterances:
        name = Path(utterance.wav).stem
        assert utterance.utterance_id == f"{name[:4]}-{name}" and utterance.speaker == name[:4]
    assert Counter(read_table(folder / "spk2gender").values()) == {"m": 48, "f": 43}
    rejected = read_rejected(folder)
    assert len(rejected) == 7442 - 4899 and "no sound" in rejected[SILENT]
    assert rejected["1001-1001_DFA_DIS_XX"] == "disgusted: not among the classes"
    assert "self-check passed" in caplog.text and "differs" not in caplog.text
    assert len(prepare(whole, tmp_path, classes=6)) == 7441
    more = Counter(read_table(tmp_path / "crema_d_6/utt2emo").values())
    assert more == counts | dict(disgusted=1271, fearful=1271)
    assert list(read_rejected(tmp_path / "crema_d_6")) == [SILENT]


def test_pointers_are_refused_even_where_the_incomplete_is_allowed(whole: Path, tmp_path: Path):
    with changed(whole / "1001_DFA_ANG_XX.wav", NOTE.encode()):
        with pytest.raises(ValueError, match="1 files .* first 1001_DFA_ANG_XX.*'git lfs pull'"):
            prepare(whole, tmp_path, allow_incomplete=True)


def test_the_clip_without_sound_must_be_there_all_the_same(whole: Path, tmp_path: Path):
    with changed(whole / "1076_MTI_SAD_XX.wav"):
        with pytest.raises(ValueError, match="1 wavs missing, first 1076_MTI_SAD_XX"):
            prepare(whole, tmp_path)


def test_without_demographics(whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    with changed(whole.parent / "VideoDemographics.csv"):
        prepare(whole, tmp_path)
    assert "no VideoDemographics.csv beside it; spk2gender is left out" in caplog.text
    assert not (tmp_path / "crema_d/spk2gender").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'"ActorID","Age","Sex"\n1001,51,"Male"\n', "90 actors not in VideoDemographics.csv, fi"),
        (b'"ActorID","Age","Sex"\n1001,51,"M"\n', "expected columns ActorID and Sex"),
        (b'"Actor","Sex"\n1001,"Male"\n', "expected columns ActorID and Sex"),
    ],
)
def test_damaged_demographics(whole: Path, tmp_path: Path, content: bytes, message: str):
    with changed(whole.parent / "VideoDemographics.csv", content):
        with pytest.raises(ValueError, match=message):
            prepare(whole, tmp_path)


def test_names_and_published_counts():
    names, clips = crema_d_names(), expected_clips()
    assert len(names) == 7442 and set(names) == set(clips)
    assert tally(clips[name] for name in names) == EXPECTED

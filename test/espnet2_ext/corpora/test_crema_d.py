"""CREMA-D on made-up copies with all 7,442 names, whole and broken in every way."""

from collections import Counter
from pathlib import Path

import pytest
from reference.acted_copies import NOTE, crema_d_names, wav_bytes, write_crema_d
from reference.changes import added, changed

from espnet2_ext.corpora.crema_d import EXPECTED, expected_clips, prepare, tally
from espnet2_ext.data.directory import read_data_directory, validate_data_directory
from espnet2_ext.data.tables import read_rejected, read_table

SILENT = "1076-1076_MTI_SAD_XX"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the clips' folder of a copy; a test that changes it puts it back."""
    return write_crema_d(tmp_path_factory.mktemp("crema_d") / "unpacked")


def refused(whole: Path, tmp_path: Path, message: str) -> None:
    """Check that the copy is refused with this one line and that nothing is written."""
    with pytest.raises(ValueError, match=message) as caught:
        prepare(whole, tmp_path / "data")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "data").exists()


def test_four_classes(whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    utterances = prepare(whole, tmp_path)
    folder = tmp_path / "crema_d"
    assert validate_data_directory(folder) == len(utterances) == 4899
    assert Counter(u.emotion for u in utterances) == {
        **dict.fromkeys(("angry", "happy"), 1271),
        **dict(neutral=1087, sad=1270),
    }
    tables = read_data_directory(folder).tables
    assert set(tables) == {"wav.scp", "utt2spk", "text", "utt2emo", "utt2lang"}
    assert tables["text"]["1001-1001_IEO_ANG_HI"] == "It's eleven o'clock."
    assert len({u.text for u in utterances}) == 12 and {u.language for u in utterances} == {"eng"}
    for utterance in utterances:
        name = Path(utterance.wav).stem
        assert utterance.utterance_id == f"{name[:4]}-{name}" and utterance.speaker == name[:4]
    genders = read_table(folder / "spk2gender")
    assert Counter(genders.values()) == {"m": 48, "f": 43}
    rejected = read_rejected(folder)
    assert len(rejected) == 7442 - 4899
    assert rejected[SILENT] == "the recording has no sound, a known defect"
    assert rejected["1001-1001_DFA_DIS_XX"] == "disgusted: not among the classes"
    assert "self-check passed" in caplog.text and "differs" not in caplog.text


@pytest.mark.parametrize("levels_above", [0, 1, 3])
def test_six_classes_from_the_folder_or_above(whole: Path, tmp_path: Path, levels_above: int):
    root = [whole, *whole.parents][levels_above]
    utterances = prepare(root, tmp_path, classes=6)
    assert len(utterances) == 7441 and validate_data_directory(tmp_path / "crema_d_6") == 7441
    assert {u.emotion for u in utterances} == {
        *("neutral", "angry", "happy", "sad", "disgusted", "fearful")
    }
    assert list(read_rejected(tmp_path / "crema_d_6")) == [SILENT]


def test_notes_of_git_lfs_are_refused_even_where_the_incomplete_is_allowed(
    whole: Path, tmp_path: Path
):
    with changed(whole / "1001_DFA_ANG_XX.wav", NOTE.encode()):
        refused(whole, tmp_path, "1 files are notes of Git LFS in place of audio, first 1001_DFA_")
        with pytest.raises(ValueError, match="run 'git lfs pull' in the clone, or 'python -m"):
            prepare(whole, tmp_path, allow_incomplete=True)


def test_missing_clip(whole: Path, tmp_path: Path):
    with changed(whole / "1001_DFA_ANG_XX.wav"):
        refused(
            whole,
            tmp_path,
            "not a whole CREMA-D: 7441 of 7442 utterances, 1270 of 1271 angry, 6076 of 6077 no "
            "level and 1 more counts; 1 wavs missing, first 1001_DFA_ANG_XX; get the missing",
        )
        assert len(prepare(whole, tmp_path, allow_incomplete=True)) == 4898
        reason = read_rejected(tmp_path / "crema_d")["1001-1001_DFA_ANG_XX"]
        assert reason == f"no wav in {whole}"


def test_unreadable_clip(whole: Path, tmp_path: Path):
    with changed(whole / "1001_DFA_ANG_XX.wav", b"<html>404</html>"):
        refused(
            whole,
            tmp_path,
            r"1 wavs unreadable, first 1001_DFA_ANG_XX.wav \(not readable as audio: Error",
        )
        prepare(whole, tmp_path, allow_incomplete=True)
        reason = read_rejected(tmp_path / "crema_d")["1001-1001_DFA_ANG_XX"]
        assert reason.startswith("1001_DFA_ANG_XX.wav: not readable as audio")


def test_clip_without_samples(whole: Path, tmp_path: Path):
    with changed(whole / "1001_DFA_ANG_XX.wav", wav_bytes(16000, num_samples=0)):
        refused(whole, tmp_path, r"1 wavs unreadable, first .*ANG_XX.wav \(holds no samples\)")


def test_the_clip_without_sound_must_be_there_all_the_same(whole: Path, tmp_path: Path):
    with changed(whole / "1076_MTI_SAD_XX.wav"):
        refused(whole, tmp_path, "1 wavs missing, first 1076_MTI_SAD_XX")


@pytest.mark.parametrize(
    "name", ["1008_WSI_ANG_XX", "1001_DFA_ANG_HI_2", "1092_DFA_ANG_XX", "1001_DFA_ANG_HI"]
)
def test_wav_too_many(whole: Path, tmp_path: Path, name: str):
    with added(whole / f"{name}.wav", wav_bytes(16000)):
        refused(whole, tmp_path, rf"1 wavs too many, first {name}.wav \(no clip of CREMA-D has")


def test_second_wav_of_a_clip(whole: Path, tmp_path: Path):
    with added(whole / "1001_DFA_ANG_XX.WAV", wav_bytes(16000)):
        refused(whole, tmp_path, r"1 wavs too many, first 1001_DFA_ANG_XX.wav \(a second wav of")


def test_other_format_is_logged(whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    with changed(whole / "1001_DFA_ANG_XX.wav", wav_bytes(44100, 2)):
        assert len(prepare(whole, tmp_path)) == 4899
    assert "first 1001_DFA_ANG_XX.wav (44100 Hz, 2 channels)" in caplog.text


def test_without_demographics(whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    with changed(whole.parent / "VideoDemographics.csv"):
        prepare(whole, tmp_path)
    assert "no VideoDemographics.csv beside it; spk2gender is left out" in caplog.text
    assert not (tmp_path / "crema_d/spk2gender").exists()


def test_damaged_demographics(whole: Path, tmp_path: Path):
    table = whole.parent / "VideoDemographics.csv"
    head = b'"ActorID","Age","Sex"\n'
    with changed(table, head + b'1001,51,"Male"\n'):
        refused(whole, tmp_path, "90 actors not in VideoDemographics.csv, first 1002")
    with changed(table, head + b'1001,51,"M"\n'):
        refused(whole, tmp_path, "VideoDemographics.csv: ActorID '1001', Sex 'M'; expected columns")
    with changed(table, b'"Actor","Sex"\n1001,"Male"\n'):
        refused(whole, tmp_path, "ActorID '', Sex 'Male'; expected columns ActorID and Sex")


def test_wrong_root(tmp_path: Path):
    expected = "expected AudioWAV with clips such as 1001_DFA_ANG_XX.wav"
    refused(tmp_path / "nowhere", tmp_path, f"nowhere: is not there; {expected}")
    (tmp_path / "AudioMP3").mkdir()
    (tmp_path / "AudioMP3/1001_DFA_ANG_XX.mp3").touch()
    refused(tmp_path, tmp_path, f"no CREMA-D here or up to 3 folders below; {expected}")


def test_wrong_number_of_classes(whole: Path, tmp_path: Path):
    with pytest.raises(ValueError, match=r"classes is 5; give 4 or 6 \(with disgusted and fear"):
        prepare(whole, tmp_path, classes=5)


def test_nothing_of_the_classes(tmp_path: Path):
    (tmp_path / "1001_DFA_FEA_XX.wav").write_bytes(wav_bytes(16000))
    with pytest.raises(ValueError, match="no clip of neutral, angry, happy, sad; get it again"):
        prepare(tmp_path, tmp_path / "data", allow_incomplete=True)


def test_plan_and_published_counts():
    names = crema_d_names()
    assert len(names) == 7442 and set(names) == expected_clips()
    assert {key: tally(names)[key] for key in EXPECTED} == EXPECTED
    counts = Counter(name[:4] for name in names)
    fewer = {actor: number for actor, number in counts.items() if number != 82}
    assert fewer == {"1002": 81, "1008": 76, "1009": 76, "1019": 76, "1076": 81}

"""RAVDESS on synthetic copies with all 1,440 names; see also test_acted.py."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
import soundfile
from reference.acted_copies import REPEATED, STEREO, ravdess_names, wav_bytes, write_ravdess
from reference.changes import added, changed

from espnet2_ext.corpora.ravdess import expected_recordings, kind_of, prepare
from espnet2_ext.data.directory import read_data_directory, validate_data_directory
from espnet2_ext.data.tables import read_rejected, read_table


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the actors' folders; a test that changes it puts it back."""
    return write_ravdess(tmp_path_factory.mktemp("ravdess") / "unpacked")


def test_four_classes(whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    utterances = prepare(whole, tmp_path)
    folder = tmp_path / "ravdess"
    assert validate_data_directory(folder) == len(utterances) == 671
    assert Counter(u.emotion for u in utterances) == dict(neutral=96, happy=191, sad=192, angry=192)
    key = "Actor_20-03-01-03-01-02-01-20"
    assert {name: table[key] for name, table in read_data_directory(folder).items()} == {
        "wav.scp": f"{whole}/Actor_20/03-01-03-01-02-01-20.wav",
        "utt2spk": "Actor_20",
        "utt2emo": "happy",
        "utt2lang": "eng",
        "text": "Dogs are sitting by the door.",
    }
    genders = read_table(folder / "spk2gender")
    assert len(genders) == 24 and (genders["Actor_01"], genders["Actor_20"]) == ("m", "f")
    rejected = read_rejected(folder)
    assert len(rejected) == 1440 - 671
    assert rejected["Actor_01-03-01-02-01-01-01-01"] == "calm: not among the classes"
    assert rejected[f"Actor_07-{REPEATED[1]}"] == f"the same bytes as Actor_07-{REPEATED[0]}"
    assert "self-check passed" in caplog.text and "differs" not in caplog.text


def test_eight_classes(whole: Path, tmp_path: Path, caplog):
    utterances = prepare(whole, tmp_path, classes=8)
    assert len(utterances) == validate_data_directory(tmp_path / "ravdess_8") == 1439
    words = "neutral calm happy sad angry fearful disgusted surprised".split()
    for utterance in utterances:
        assert utterance.emotion == words[int(Path(utterance.wav).name[6:8]) - 1]
    assert list(read_rejected(tmp_path / "ravdess_8")) == [f"Actor_07-{REPEATED[1]}"]
    assert STEREO == {Path(u.wav).stem for u in utterances if soundfile.info(u.wav).channels == 2}
    assert "5 wavs have another rate or channels" in caplog.text


def test_repeated_recordings(whole: Path, tmp_path: Path):
    """The known one stays where its bytes differ; any other is a fault."""
    with changed(whole / f"Actor_07/{REPEATED[1]}.wav", wav_bytes(48000, number=5000)):
        assert len(prepare(whole, tmp_path)) == 672
    other = whole / "Actor_02/03-01-05-01-01-01-02.wav"
    with changed(other, (whole / "Actor_02/03-01-04-01-01-01-02.wav").read_bytes()):
        line = r"1 wavs with the bytes of another, first 03-01-05-.* \(the same as 03-01-04-"
        with pytest.raises(ValueError, match=line):
            prepare(whole, tmp_path)
        assert len(prepare(whole, tmp_path, allow_incomplete=True)) == 670


@pytest.mark.parametrize("folder", ["Actor_01", "Actor_25"])
def test_wav_in_another_folder(whole: Path, tmp_path: Path, folder: str):
    file = f"{folder}/03-01-01-01-01-01-02.wav"
    with added(whole / file, wav_bytes(48000, number=9000)):
        line = rf"1 wavs .*, first {file} \(Actor_02 by its name, {folder} by its folder"
        with pytest.raises(ValueError, match=line):
            prepare(whole, tmp_path)


def test_songs_videos_and_other_files_are_passed_over(whole: Path, tmp_path: Path, caplog):
    caplog.set_level("INFO")
    song, video = "Actor_01/03-02-01-01-01-01-01.wav", "Actor_01/01-01-01-01-01-01-01.mp4"
    with added(whole / song, wav_bytes(48000)), added(whole / video):
        with added(whole / "Actor_01/notes.txt"), added(whole / "readme.txt"):
            assert len(prepare(whole, tmp_path)) == 671
    rejected = read_rejected(tmp_path / "ravdess")
    assert rejected[song] == "audio of song" and rejected[video] == "video with sound of speech"
    assert "passed over: 1 audio of song" in caplog.text
    assert "1 files among the wavs that are no wav" in caplog.text
    assert "1 files and folders beside those of the actors" in caplog.text
    assert "2 hidden files and folders" in caplog.text


def test_tree_of_kaggle_holds_everything_twice(whole: Path, tmp_path: Path, caplog):
    caplog.set_level("INFO")
    root = tmp_path / "kaggle"
    shutil.copytree(whole, root)
    shutil.copytree(whole, root / "audio_speech_actors_01-24")
    utterances = prepare(tmp_path, tmp_path / "data")
    assert len(utterances) == 671
    assert {Path(u.wav).parent.parent for u in utterances} == {root}
    assert "1 second copies of the corpus, audio_speech_actors_01-24" in caplog.text


def test_songs_unpacked_beside_are_no_second_copy(tmp_path: Path):
    for name, content in (("speech", "03-01"), ("song", "03-02")):
        path = tmp_path / name / f"Actor_01/{content}-03-01-01-01-01.wav"
        path.parent.mkdir(parents=True)
        path.write_bytes(wav_bytes(48000))
    [utterance] = prepare(tmp_path, tmp_path / "data", allow_incomplete=True)
    assert utterance.utterance_id == "Actor_01-03-01-03-01-01-01-01"


def test_names():
    assert list(expected_recordings()) == ravdess_names()
    assert kind_of("02-02-06-01-02-01-12") == "video of song"
    for stem in ("03-01-06-01-02-01-25", "03-01-09-01-02-01-12", "03-01-06-01-02-01-12-1"):
        assert kind_of(stem) is None

"""Contours and speaker statistics of a data directory."""

import json
import math

import numpy as np
import pytest
import soundfile

from espnet2_ext.data.parallel import Share
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.prosody2vec import contour_tables
from espnet2_ext.prosody2vec.contour_tables import (
    ContourSettings,
    SpeakerStatistics,
    SpeakerStatisticsTable,
    check_contours,
    extract_contours,
    low_voicing,
)
from espnet2_ext.prosody2vec.contours import UtteranceProsody

F0_HZ = {"a-1": 100, "a-2": 200, "b-1": 150}


@pytest.fixture
def directory(tmp_path, make_pulses):
    """A directory of three tones, and a configuration beside it."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    for name, f0_hz in F0_HZ.items():
        soundfile.write(data_dir / f"{name}.wav", make_pulses(f0_hz, 0.4), 16000)
    write_table(data_dir / "wav.scp", {name: data_dir / f"{name}.wav" for name in F0_HZ})
    write_table(data_dir / "utt2spk", {name: name[0] for name in F0_HZ})
    (tmp_path / "train.yaml").write_text("prosody_path: explicit\n")
    return data_dir


def test_tables_of_a_directory(directory) -> None:
    config = directory.parent / "train.yaml"
    extract_contours(directory, config)
    contours = {
        name: np.load(path) for name, path in read_table(directory / "contours.scp").items()
    }
    assert contours.keys() == F0_HZ.keys()
    assert contours["a-1"].shape == (6400 // 256 + 1, 3)
    statistics = SpeakerStatisticsTable.from_directory(directory)
    assert math.exp(statistics.of_others("a-1")[0]) == pytest.approx(200, rel=0.02)
    settings = ContourSettings.of_config({})
    check_contours(directory, settings)
    with pytest.raises(ValueError, match="tracker dio"):
        check_contours(directory, settings._replace(tracker="praat"))
    record = directory / "contours.json"
    record.write_text(record.read_text().replace('"version": 2', '"version": 1'))
    with pytest.raises(ValueError, match="version 1, the model's is 2"):
        check_contours(directory, settings)


def test_a_killed_run_resumes_in_shares_and_a_complete_one_is_kept(directory, monkeypatch) -> None:
    config = directory.parent / "train.yaml"
    extract_contours(directory, config, share=Share(1, 2))
    assert not (directory / "contours.scp").exists()
    [first] = directory.glob("contours_*/a-1.npy")
    written = first.stat().st_mtime_ns
    extract_contours(directory, config)
    assert first.stat().st_mtime_ns == written
    (directory / "a-1.wav").unlink()
    extract_contours(directory, config)  # complete: no audio is read
    monkeypatch.setattr(contour_tables, "VERSION", 3)
    with pytest.raises(ValueError, match=r"a-1\.wav"):  # made otherwise, so made again
        extract_contours(directory, config)
    monkeypatch.undo()
    extract_contours(directory, config)
    config.write_text("prosody_path: explicit\nmodel_conf: {f0_tracker: praat}\n")
    with pytest.raises(ValueError, match=r"a-1\.wav"):
        extract_contours(directory, config)


def test_utterances_of_little_voicing_are_warned_of(directory, make_pulses, caplog) -> None:
    wave = np.zeros(32000)
    wave[8000:9600] = make_pulses(150, 0.1)
    soundfile.write(directory / "b-1.wav", wave, 16000)
    extract_contours(directory, directory.parent / "train.yaml")
    assert "1 utterances are voiced for less than 0.3 of the set's median share" in caplog.text
    assert caplog.messages[-1].endswith(": b-1")
    record = json.loads((directory / "contours.json").read_text())
    assert record["low_voicing"] == ["b-1"] and record["unvoiced"] == []


def test_low_voicing_by_hand() -> None:
    shares = {"a": 0.5, "b": 0.14, "c": 0.16, "d": 0.5, "e": 0.6}
    assert low_voicing(shares) == ["b"]  # 0.3 of 0.5 is 0.15
    assert low_voicing({}) == []


def test_the_implicit_path_needs_none(directory) -> None:
    config = directory.parent / "train.yaml"
    config.write_text("normalize: global_mvn\n")
    extract_contours(directory, config)
    assert not list(directory.glob("contours*"))
    with pytest.raises(ValueError, match="stage 6"):
        check_contours(directory, ContourSettings.of_config({}))


def test_broken_audio_is_named(directory) -> None:
    (directory / "b-1.wav").write_bytes(b"no audio")
    with pytest.raises(ValueError, match=r"b-1: .*b-1\.wav"):
        extract_contours(directory, directory.parent / "train.yaml")
    assert not (directory / "contours.json").exists()


# ---------------------------------------------------------------- speakers

NAN = math.nan
TABLE = [
    ("a-1", "a", UtteranceProsody(4.0, 1.0, -2.0, 9)),
    ("a-2", "a", UtteranceProsody(5.0, 2.0, -3.0, 9)),
    ("a-3", "a", UtteranceProsody(NAN, 6.0, -4.0, 0)),
    ("b-1", "b", UtteranceProsody(4.5, 0.0, -1.0, 9)),
    ("c-1", "c", UtteranceProsody(NAN, 3.0, -1.0, 0)),
    ("c-2", "c", UtteranceProsody(NAN, 5.0, -2.0, 0)),
]


@pytest.mark.parametrize(
    ("utterances", "expected"),
    [
        (["a-1"], (5.0, 4.0, -3.5)),  # the one without pitch counts for level and rate alone
        (["a-3"], (4.5, 1.5, -2.5)),
        (["a-3", "a-1"], (5.0, 2.0, -3.0)),
        (["a-3", "b-1"], (4.5, 1.5, -2.5)),  # another speaker's is not excluded twice
        (["a-3", "unknown"], (4.5, 1.5, -2.5)),
        (["b-1"], (4.5, 0.0, -1.0)),  # no other utterance: its own
        (["c-1"], (4.5, 5.0, -2.0)),  # a speaker without pitch: the mean of all utterances
    ],
)
def test_statistics_are_of_the_other_utterances(utterances, expected) -> None:
    table = SpeakerStatisticsTable(TABLE)
    np.testing.assert_allclose(table.of_others(*utterances), expected, rtol=1e-6)


def test_rate_and_number_of_the_speaker() -> None:
    table = SpeakerStatisticsTable(TABLE)
    assert table.relative_log_rate("a-1").tolist() == [-2.0 + 3.5]
    assert [table.speaker_index(name) for name in ("a-2", "b-1", "c-1")] == [0, 1, 2]


def test_speakers_without_pitch_or_other_utterances_are_listed() -> None:
    table = SpeakerStatisticsTable(TABLE)
    assert table.unvoiced_speakers == ["c"]
    assert table.single_speakers == ["b"]
    with pytest.raises(ValueError, match="z-1"):
        table.of_others("z-1")
    with pytest.raises(ValueError, match="pitch"):
        SpeakerStatisticsTable(TABLE[-2:])


def test_statistics_of_a_few_recordings() -> None:
    prosodies = [prosody for _, _, prosody in TABLE[:3]]
    assert SpeakerStatistics.of(prosodies) == pytest.approx((4.5, 3.0, -3.0))
    with pytest.raises(ValueError, match="pitch"):
        SpeakerStatistics.of(prosodies[2:])


def test_statistics_of_two_directories(tmp_path) -> None:
    lines = {"train": "a-1 4.0 1.0 -2.0 9\n", "valid": "a-2 5.0 2.0 -3.0 9\n"}
    for name, line in lines.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "utt2prosody").write_text(line)
        (tmp_path / name / "utt2spk").write_text(f"{line[:3]} a\n")
    table = SpeakerStatisticsTable.from_directory(tmp_path / "valid", tmp_path / "train")
    assert table.of_others("a-2").tolist() == [4.0, 1.0, -2.0]
    (tmp_path / "train/utt2prosody").write_text("a-1 4.0\n")
    with pytest.raises(ValueError, match=r"train/utt2prosody: a-1"):
        SpeakerStatisticsTable.from_directory(tmp_path / "train")

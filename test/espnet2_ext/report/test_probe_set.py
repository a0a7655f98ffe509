"""Labels and vectors of a data directory."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext._compat import write_ark_scp
from espnet2_ext.data.directory import DataDirectoryError
from espnet2_ext.data.tables import read_table, write_rejected, write_table
from espnet2_ext.report.probes import (
    F0_IN_VOICE,
    F0_MEAN,
    F0_RANGE,
    KINDS,
    LEVEL,
    PROSODY,
    RATE,
    UNITS,
    UNTRAINED,
    ProbeSet,
    read_probe_set,
)
from espnet2_ext.report.probes import SPEAKER_VECTOR as SPEAKER


def test_everything_of_a_directory_in_one_order(probe_data_dir: Path, tiny_model) -> None:
    data = read_probe_set(probe_data_dir, tiny_model, unit_tag="tiny")
    keys = sorted(read_table(probe_data_dir / "wav.scp"))
    assert (data.name, data.listed, data.lacking) == ("parallel", 18, ())
    assert data.speakers.tolist() == [key[0] for key in keys]
    assert data.sentences.tolist() == [f"sentence {key[2]}" for key in keys]
    assert data.emotions is not None
    assert data.emotions.tolist() == [key[4:] for key in keys]
    assert data.has_words.all() and data.shared_sentences.all()
    assert tuple(data.vectors) == KINDS
    assert data.vectors[PROSODY].shape == data.vectors[UNTRAINED].shape == (18, 5)
    assert np.abs(data.vectors[PROSODY] - data.vectors[UNTRAINED]).max() > 0.01
    assert data.vectors[SPEAKER].argmax(axis=1).tolist() == ["abc".index(key[0]) for key in keys]
    # Sentence 0 is units 0 4 0: two thirds of the time unit 0.
    np.testing.assert_allclose(data.vectors[UNITS][0], [2 / 3, 0, 0, 0, 1 / 3])


def test_targets_are_in_semitones_units_a_second_and_db(probe_data_dir: Path, tiny_model) -> None:
    targets = read_probe_set(probe_data_dir, tiny_model, unit_tag="tiny").targets
    happy, neutral = targets[F0_MEAN][0], targets[F0_MEAN][1]
    assert happy - neutral == pytest.approx(6.0, abs=0.3)
    assert targets[F0_IN_VOICE][:2] == pytest.approx([3.0, -3.0], abs=0.3)
    # Voice a at 120 Hz against c at 160 Hz: another pitch, the same within the voice.
    assert targets[F0_MEAN][12] - happy == pytest.approx(12 * np.log2(160 / 120), abs=0.3)
    assert targets[F0_IN_VOICE][12] == pytest.approx(targets[F0_IN_VOICE][0], abs=0.3)
    assert targets[RATE][[0, 4]] == pytest.approx([3 / 0.3, 4 / 0.4])
    assert targets[F0_RANGE][0] < 1.0
    assert np.ptp(targets[LEVEL]) < 6.0


def test_silence_has_no_pitch_to_correlate(probe_data_dir: Path, tiny_model) -> None:
    wav = read_table(probe_data_dir / "wav.scp")["a-0-happy"]
    soundfile.write(wav, np.zeros(4800), 16000)
    targets = read_probe_set(probe_data_dir, tiny_model, unit_tag="tiny").targets
    for name in (F0_MEAN, F0_IN_VOICE, F0_RANGE):
        assert np.isnan(targets[name]).tolist() == [True] + 17 * [False]
    assert np.isfinite(targets[RATE]).all() and np.isfinite(targets[LEVEL]).all()


def test_what_is_rejected_or_drawn_away_is_counted(probe_data_dir: Path, tiny_model) -> None:
    write_rejected(probe_data_dir, {"a-0-happy": "no units", "z-9": "not readable"})
    options = {"unit_tag": "tiny", "max_utterances": 6}
    data = read_probe_set(probe_data_dir, tiny_model, **options)
    # 18 of wav.scp, one of them rejected, and one that never came into wav.scp.
    assert (len(data.speakers), data.listed) == (6, 19)
    again = read_probe_set(probe_data_dir, tiny_model, **options)
    np.testing.assert_array_equal(again.vectors[PROSODY], data.vectors[PROSODY])
    other = read_probe_set(probe_data_dir, tiny_model, **options, seed=1)
    assert other.sentences.tolist() != data.sentences.tolist()


def test_directories_without_labels_or_words(probe_data_dir: Path, tiny_model) -> None:
    (probe_data_dir / "utt2emo").unlink()
    (probe_data_dir / "text").unlink()
    data = read_probe_set(probe_data_dir, tiny_model, unit_tag="tiny")
    assert data.emotions is None
    assert len(set(data.sentences.tolist())) == 18 and not data.has_words.any()
    assert not data.shared_sentences.any()
    assert data.lacking == ("sentences: no text, or nothing in it",)


def test_sentences_of_one_voice_are_not_shared(make_probe_set: Callable[..., ProbeSet]) -> None:
    sentences = np.array(["one"] * 8 + ["two"] * 8 + ["three"] * 24)
    data = make_probe_set(sentences=sentences)
    assert data.shared_sentences.tolist() == [False] * 16 + [True] * 24
    assert not make_probe_set(has_words=np.zeros(40, dtype=bool)).shared_sentences.any()


@pytest.mark.parametrize("name", ["units_tiny", "unit_durations_tiny", "spk_embed.scp"])
def test_names_what_is_missing(probe_data_dir: Path, tiny_model, name: str) -> None:
    (probe_data_dir / name).rename(probe_data_dir / "hidden")
    with pytest.raises(DataDirectoryError, match=f"{name}: missing; run"):
        read_probe_set(probe_data_dir, tiny_model, unit_tag="tiny")
    if name == "spk_embed.scp":
        write_ark_scp(probe_data_dir / name, {"b-1-happy": np.ones(3)})
    else:
        write_table(probe_data_dir / name, {"b-1-happy": "1"})
    with pytest.raises(DataDirectoryError, match=f"{name}: a-0-happy: missing"):
        read_probe_set(probe_data_dir, tiny_model, unit_tag="tiny")


def test_names_units_and_durations_that_do_not_fit(probe_data_dir: Path, tiny_model) -> None:
    table = read_table(probe_data_dir / "unit_durations_tiny")
    write_table(probe_data_dir / "unit_durations_tiny", {**table, "b-1-happy": "7"})
    with pytest.raises(DataDirectoryError, match="unit_durations_tiny: b-1-happy: .* give one"):
        read_probe_set(probe_data_dir, tiny_model, unit_tag="tiny")

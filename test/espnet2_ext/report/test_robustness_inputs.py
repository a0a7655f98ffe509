"""The data directory of one condition."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from reference.robustness_study import LevelEncoder, StudyFiles, write_study

from espnet2_ext._compat import load_ark_scp
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.tables import read_int_table, read_table, write_table
from espnet2_ext.report.robustness import (
    Condition,
    SourceDamage,
    StudySet,
    input_error_rates,
    read_study_set,
)


@pytest.fixture
def files(tmp_path: Path) -> StudyFiles:
    return write_study(tmp_path, LevelEncoder().encode)


@pytest.fixture
def study(files: StudyFiles) -> StudySet:
    return read_study_set(files.data_dir, "tiny", files.pairs_dir)


def damage(study: StudySet, seed: int = 0) -> SourceDamage:
    return SourceDamage(study, LevelEncoder(), num_units=6, seed=seed)


def test_the_clean_source_stays_as_it_is(study: StudySet, tmp_path: Path) -> None:
    damage(study).write(Condition("clean"), tmp_path / "clean")
    for name in ("units_tiny", "unit_durations_tiny"):
        written = read_int_table(tmp_path / "clean" / name)
        assert written == {s: read_int_table(study.path / name)[s] for s in list(study.units)}
    assert input_error_rates(study, tmp_path / "clean") == {"p1": 0.0, "p2": 0.0, "p3": 0.0}
    assert not (tmp_path / "clean/damaged_wav.scp").exists()


def test_prosody_and_voice_are_clean(study: StudySet, tmp_path: Path) -> None:
    damage(study).write(Condition("white", 0.0), tmp_path / "white")
    wavs = read_table(tmp_path / "white/wav.scp")
    assert wavs == {name: study.wavs[name] for name in ("a-4", "b-4")}
    vectors = load_ark_scp(tmp_path / "white/spk_embed.scp")
    assert sorted(vectors) == ["a-3", "b-3"]
    clean = load_ark_scp(study.path / "spk_embed.scp")
    np.testing.assert_array_equal(vectors["b-3"], clean["b-3"])


def test_every_utterance_of_a_mix_is_there(files: StudyFiles, tmp_path: Path) -> None:
    mixes = {"p1": "a-4 0.5 c-1 0.5", "p2": "b-4 1.0", "p3": "b-4 1.0"}
    write_table(files.pairs_dir / "prosody_mix", mixes)
    study = read_study_set(files.data_dir, "tiny", files.pairs_dir)
    damage(study).write(Condition("clean"), tmp_path / "clean")
    assert list(read_table(tmp_path / "clean/wav.scp")) == ["a-4", "b-4", "c-1"]


@pytest.mark.parametrize("kind", ["replaced", "dropped"])
def test_what_goes_in_is_as_wrong_as_the_share(kind: str, study: StudySet, tmp_path: Path) -> None:
    damage(study).write(Condition(kind, 0.4), tmp_path / kind)
    durations = read_int_table(tmp_path / kind / "unit_durations_tiny")
    rates = input_error_rates(study, tmp_path / kind)
    for pair in study.pairs:
        number = len(study.units[pair.source])
        assert sum(durations[pair.source]) == study.run_lengths[pair.source].sum()
        # Merged neighbours go beyond the share, and an edit may do for two replaced units.
        assert 0.2 < rates[pair.pair_id] <= (int(0.4 * number + 0.5) + 3) / number


@pytest.mark.parametrize("kind", ["white", "babble"])
def test_units_are_those_of_the_audio_that_can_be_heard(
    kind: str, study: StudySet, tmp_path: Path
) -> None:
    damage(study).write(Condition(kind, 10.0), tmp_path / kind)
    wavs = read_table(tmp_path / kind / "damaged_wav.scp")
    assert sorted(wavs) == list(study.units)
    for source, wav in wavs.items():
        units, run_lengths = LevelEncoder().encode(read_audio(wav))
        assert read_int_table(tmp_path / kind / "units_tiny")[source] == units.tolist()
        assert read_int_table(tmp_path / kind / "unit_durations_tiny")[source] == (
            run_lengths.tolist()
        )
        clean = read_audio(study.wavs[source]).astype(np.float64)
        noise = read_audio(wav) - clean  # Both are below full scale, so nothing was scaled.
        # The sources have no pauses: the ratio over everything is that over speech.
        ratio = np.square(clean).sum() / np.square(noise).sum()
        assert 10 * np.log10(ratio) == pytest.approx(10.0, abs=0.3)


def test_amounts_differ_in_nothing_else_and_seeds_in_everything(study: StudySet) -> None:
    clean = read_audio(study.wavs["a-1"])

    def noise(snr_db: float, seed: int = 0, source: str = "a-1") -> np.ndarray:
        audio = damage(study, seed)._audio(Condition("white", snr_db), source)
        return (audio - read_audio(study.wavs[source])).astype(np.float64)

    np.testing.assert_allclose(noise(0.0), noise(20.0) * 10, atol=1e-4)
    assert abs(np.corrcoef(noise(20.0), noise(20.0, seed=1))[0, 1]) < 0.1
    assert abs(np.corrcoef(noise(20.0), noise(20.0, source="a-2")[: len(clean)])[0, 1]) < 0.1


def test_babble_is_spoken_by_others(study: StudySet, monkeypatch: pytest.MonkeyPatch) -> None:
    from espnet2_ext.report import robustness as robustness_inputs

    heard: list[str] = []

    def read(path: str) -> np.ndarray:
        heard.append(Path(path).stem)
        return read_audio(path)

    monkeypatch.setattr(robustness_inputs, "read_audio", read)
    damage(study)._audio(Condition("babble", 10.0), "a-1")
    assert heard[0] == "a-1"
    assert len(set(heard[1:])) == 6
    assert not any(name.startswith("a") for name in heard[1:])


def test_babble_needs_six_others(study: StudySet, tmp_path: Path) -> None:
    few = {name: speaker for name, speaker in study.utt2spk.items() if name[0] in "ab"}
    with pytest.raises(
        ValueError,
        match=r"dump: a-1: babble, SNR 0 dB: .* than a, there are 4; leave babble out",
    ):
        damage(replace(study, utt2spk=few)).write(Condition("babble", 0.0), tmp_path / "babble")


def test_reverberation_changes_units(study: StudySet, tmp_path: Path) -> None:
    damage(study).write(Condition("reverberation", 0.6), tmp_path / "room")
    durations = read_int_table(tmp_path / "room/unit_durations_tiny")
    assert all(sum(durations[s]) == study.run_lengths[s].sum() for s in list(study.units))
    assert min(input_error_rates(study, tmp_path / "room").values()) > 0.0


def test_silent_sources_are_named(study: StudySet, tmp_path: Path) -> None:
    soundfile.write(study.wavs["a-2"], np.zeros(8000), 16000)
    units = {**study.units, "a-2": np.array([0])}  # What the encoder makes of silence.
    silent = replace(study, units=units)
    with pytest.raises(ValueError, match=r"dump: a-2: white noise, SNR 0 dB: no speech"):
        damage(silent).write(Condition("white", 0.0), tmp_path / "white")


def test_other_centroids_than_those_of_the_table_are_refused(
    study: StudySet, tmp_path: Path
) -> None:
    wrong = replace(study, units={s: (u + 1) % 6 for s, u in study.units.items()})
    with pytest.raises(ValueError, match=r"units_tiny: \d+ % of the units of clean sources"):
        damage(wrong).write(Condition("white", 0.0), tmp_path / "white")
    # Damaged units need no encoder.
    damage(wrong).write(Condition("replaced", 0.1), tmp_path / "replaced")

"""The catalogue of corpora: an entry for each parser, and no other numbers than the parsers'."""

import inspect
from pathlib import Path

import pytest

from espnet2_ext.bin.prepare import commands
from espnet2_ext.corpora import crema_d as crema_d_clips
from espnet2_ext.corpora import emov_db as emov_db_names
from espnet2_ext.corpora import esd as esd_counts
from espnet2_ext.corpora.catalogue import (
    CALCULATED_SPEED,
    CORPORA,
    MEL_FRAMES_PER_S,
    SAMPLE_RATE_HZ,
    Speech,
    corpus_of,
    estimate,
    speech_of_catalogue,
    speech_of_directories,
)
from tools.bench.arithmetic import MELS_PER_SECOND

COMMANDS = commands().keys() - {"download", "split"}


def test_every_command_has_an_entry_and_every_entry_a_command(monkeypatch: pytest.MonkeyPatch):
    assert {corpus_of(name) for name in COMMANDS} == set(CORPORA) <= COMMANDS
    assert corpus_of("emodb_style") == corpus_of("emodb") == "emodb"
    monkeypatch.setitem(CORPORA, "emodb_style", CORPORA["emodb"])
    assert corpus_of("emodb_style") == "emodb_style"
    with pytest.raises(ValueError, match="not in espnet2_ext/corpora/catalogue.yaml; add an e"):
        corpus_of("emodbs")


def test_sizes_are_those_of_the_parsers_that_explain_and_compare_them():
    for name, corpus in CORPORA.items():
        text = inspect.getdoc(inspect.getmodule(commands()[name])) or ""
        if corpus.hours:
            assert f"{corpus.hours:g}" in text, name
            known = f"{corpus.utterances:,}" in text or str(corpus.utterances) in text
            assert known or "utterances" in corpus.unconfirmed, name
        assert (corpus.utterances is None) == (corpus.hours is None)
        assert set(corpus.unconfirmed) <= vars(corpus).keys()
    assert CORPORA["crema_d"].utterances == len(crema_d_clips.expected_clips())
    assert CORPORA["emov_db"].utterances == sum(emov_db_names.FILES.values())
    assert CORPORA["esd"].hours == esd_counts.HOURS_OF_ALL


HOUR = Speech(1.0, 1000, "")


def test_an_hour_at_one_speed_at_three_and_slow():
    assert MEL_FRAMES_PER_S == MELS_PER_SECOND
    one = estimate(HOUR, speeds=[1.0], precomputed_features=True, mel_frames_per_s=62.5)
    assert one.hours == one.gpu_hours == 1.0
    assert one.audio_gb == pytest.approx(0.0576)  # 115.2 MB of samples, halved
    assert one.mels_gb == pytest.approx(80 * 4 * 62.5 * 3600 / 1e9)
    assert one.vectors_gb == pytest.approx(0.00095)
    three = estimate(HOUR, speeds=[0.9, 1.0, 1.1], precomputed_features=True, mel_frames_per_s=62.5)
    slow = estimate(HOUR, speeds=[0.5], precomputed_features=False, mel_frames_per_s=62.5)
    factor = 1 / 0.9 + 1 + 1 / 1.1
    for name in ("hours", "audio_gb", "mels_gb", "units_gb", "gpu_hours"):
        assert getattr(three, name) == pytest.approx(factor * getattr(one, name))
    assert three.vectors_gb == pytest.approx(3 * one.vectors_gb)
    # The original is kept beside audio at half speed, which is twice as long.
    assert slow.hours == 2.0 and slow.audio_gb == pytest.approx(3 * one.audio_gb)
    assert slow.mels_gb == 0.0


def test_speech_of_the_catalogue():
    speech = speech_of_catalogue(["lrs3", "msp_improv"])
    assert (speech.hours, speech.video_hours, speech.utterances) == (448.5, 439.0, 160257)
    cost = estimate(
        speech, speeds=[1.0], precomputed_features=False, mel_frames_per_s=CALCULATED_SPEED
    )
    assert cost.audio_gb == pytest.approx((448.5 + 439) * 0.0576), "sound of videos is kept besides"
    source = speech_of_catalogue(["msp_podcast", "emodb"]).source
    assert "MSP-PODCAST 100 h (release 1.7, about;" in source
    assert "utterances unconfirmed), EmoDB 0.41 h" in source
    for name in ("emotion_csv", "unheard_of"):
        with pytest.raises(
            ValueError, match=f"{name}: no size in the catalogue of corpora; it has"
        ):
            speech_of_catalogue(["esd", name])


def test_directories_are_counted(tmp_path: Path):
    directories = []
    for name, samples in (("a", (57600000, 28800000)), ("b", (28800000,)), ("c", ("1.5",))):
        directories.append(tmp_path / name)
        directories[-1].mkdir()
        lines = [f"{name}-{number} {value}\n" for number, value in enumerate(samples)]
        (directories[-1] / "utt2num_samples").write_text("".join(lines))
    train, test, wrong = directories
    assert SAMPLE_RATE_HZ * 3600 == 57600000
    speech = speech_of_directories([train, test], 0.5)
    assert speech == Speech(2.0, 3, f"counted in {train}, {test}", 0.5)
    assert speech_of_directories([train, tmp_path / "d"], 0.0) is None
    assert speech_of_directories([], 0.0) is None
    with pytest.raises(ValueError, match=r"utt2num_samples: c-0: '1.5' is not a number; make it"):
        speech_of_directories([wrong], 0.0)


def test_numbers_that_are_not_positive():
    for speeds, speed, message in (
        ([], 1.0, r"speeds \[\]: give positive numbers"),
        ([1.0, 0.0], 1.0, r"speeds \[1.0, 0.0\]: give"),
        ([1.0], float("nan"), "mel_frames_per_s is nan; give a positive number"),
    ):
        with pytest.raises(ValueError, match=message):
            estimate(HOUR, speeds=speeds, precomputed_features=False, mel_frames_per_s=speed)

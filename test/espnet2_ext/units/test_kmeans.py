"""Centroids: deterministic, resumable, and right."""

import logging

import numpy as np
import pytest

from espnet2_ext.bin import learn_kmeans as command
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.units.centroids import Centroids
from espnet2_ext.units.features import MfccFeatures
from espnet2_ext.units.kmeans import fit_kmeans, learn_kmeans

QUICK = {"features_spec": "mfcc", "num_clusters": 4, "num_initialisations": 2, "max_frames": 100}


def test_same_bytes_whatever_the_workers(data_dir, tmp_path):
    learn_kmeans(data_dir, tmp_path / "a.npz", **QUICK)
    learn_kmeans(data_dir, tmp_path / "b.npz", **QUICK, num_workers=2)
    learn_kmeans(data_dir, tmp_path / "c.npz", **QUICK, seed=1)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert (tmp_path / "a.npz").read_bytes() != (tmp_path / "c.npz").read_bytes()


def test_finds_clusters_that_are_there():
    generator = np.random.default_rng(0)
    truth = np.array([[0, 0], [10, 0], [0, 10]], np.float32)
    frames = np.repeat(truth, 200, axis=0) + 0.1 * generator.standard_normal((600, 2))
    centroids = fit_kmeans(frames.astype(np.float32), MfccFeatures(), 3, num_initialisations=3)
    assert np.allclose(centroids.centers[centroids.assign(truth)], truth, atol=0.05)
    assert centroids.inertia == pytest.approx(2 * 0.1**2, rel=0.15)


def test_inertia_is_a_mean_over_frames(data_dir, tmp_path):
    centroids = learn_kmeans(data_dir, tmp_path / "a.npz", **{**QUICK, "max_frames": 10**6})
    features = MfccFeatures()
    wavs = [wav for key, wav in read_table(data_dir / "wav.scp").items() if key[2:] not in "05 99"]
    frames = np.concatenate([features(read_audio(wav)) for wav in wavs])
    distances = centroids.squared_distances(frames, centroids.assign(frames))
    assert centroids.inertia == pytest.approx(distances.mean(), rel=1e-5)


def test_complete_file_is_kept(data_dir, tmp_path, monkeypatch):
    first = learn_kmeans(data_dir, tmp_path / "a.npz", **QUICK)
    monkeypatch.setattr("espnet2_ext.units.kmeans.fit_kmeans", None)  # would fail if called
    again = learn_kmeans(data_dir, tmp_path / "a.npz", **QUICK)
    assert again.fingerprint == first.fingerprint


def test_other_settings_are_an_error_with_a_remedy(data_dir, tmp_path):
    learn_kmeans(data_dir, tmp_path / "a.npz", **QUICK)
    with pytest.raises(ValueError, match=r"differs is seed \(0, now 7\); give another --expdir"):
        learn_kmeans(data_dir, tmp_path / "a.npz", **QUICK, seed=7)
    wavs = read_table(data_dir / "wav.scp")
    write_table(data_dir / "wav.scp", dict(list(wavs.items())[:5]))
    with pytest.raises(
        ValueError, match=r"what differs is the training utterances; .* or remove .* to learn it"
    ):
        learn_kmeans(data_dir, tmp_path / "a.npz", **QUICK)


def test_refined_centroids_are_others(data_dir, tmp_path):
    plain = learn_kmeans(data_dir, tmp_path / "a.npz", **QUICK)
    refined = learn_kmeans(data_dir, tmp_path / "b.npz", **QUICK, refinement_passes=20)
    assert refined.inertia <= plain.inertia
    with pytest.raises(ValueError, match=r"refinement_passes \(20, now None\); give"):
        learn_kmeans(data_dir, tmp_path / "b.npz", **QUICK)
    with pytest.raises(ValueError, match="refinement passes must not be negative: -1"):
        learn_kmeans(data_dir, tmp_path / "c.npz", **QUICK, refinement_passes=-1)


def test_unusable_utterances_are_named(data_dir, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        learn_kmeans(data_dir, tmp_path / "a.npz", **QUICK)
    assert "s-05: 320 samples are too short" in caplog.text
    assert "s-99: " in caplog.text and "no such file" in caplog.text


def test_no_usable_utterance(data_dir, tmp_path):
    write_table(data_dir / "wav.scp", {"s-99": "missing.wav"})
    with pytest.raises(ValueError, match="no utterance is usable for k-means.*s-99: missing.wav"):
        learn_kmeans(data_dir, tmp_path / "a.npz", **QUICK)
    assert not (tmp_path / "a.npz").exists()


def test_fewer_frames_than_clusters(data_dir, tmp_path):
    with pytest.raises(ValueError, match="101 clusters need as many frames, the sample has 100"):
        learn_kmeans(data_dir, tmp_path / "a.npz", **{**QUICK, "num_clusters": 101})


def test_no_data(tmp_path):
    with pytest.raises(FileNotFoundError, match="wav.scp: no such file; run the data stages"):
        learn_kmeans(tmp_path, tmp_path / "a.npz", **QUICK)


def test_command(data_dir, tmp_path):
    options = f"--data_dir {data_dir} --out_path {tmp_path}/a.npz --features_spec mfcc"
    quick = "--num_initialisations 1 --max_frames 100 --portion 0.5"
    command.main(f"{options} --num_clusters 3 {quick}".split())
    assert Centroids.load(tmp_path / "a.npz").tag == "mfcc_3"
    with pytest.raises(SystemExit, match=r"learn_kmeans: .*num_clusters \(3, now 4\).*remove"):
        command.main(f"{options} --num_clusters 4 {quick}".split())

"""Centroids: deterministic, resumable, and right."""

import joblib
import numpy as np
import pytest
from sklearn.cluster import KMeans, MiniBatchKMeans

from espnet2_ext.bin import import_kmeans as import_command
from espnet2_ext.bin import learn_kmeans as command
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.units import kmeans as module
from espnet2_ext.units.centroids import Centroids
from espnet2_ext.units.features import MfccFeatures
from espnet2_ext.units.kmeans import (
    Reservoir,
    _choose_utterances,
    fit_kmeans,
    import_kmeans,
    learn_kmeans,
    refine,
    utterance_generator,
)

QUICK = {"features_spec": "mfcc", "num_clusters": 4, "num_initialisations": 2, "max_frames": 100}


def test_same_bytes_whatever_the_workers_and_a_complete_file_is_kept(
    data_dir, tmp_path, monkeypatch
):
    first = learn_kmeans(data_dir, tmp_path / "a.npz", **QUICK)
    learn_kmeans(data_dir, tmp_path / "b.npz", **QUICK, num_workers=2)
    learn_kmeans(data_dir, tmp_path / "c.npz", **QUICK, seed=1)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert (tmp_path / "a.npz").read_bytes() != (tmp_path / "c.npz").read_bytes()
    monkeypatch.setattr(module, "fit_kmeans", None)  # would fail if called
    assert learn_kmeans(data_dir, tmp_path / "a.npz", **QUICK).fingerprint == first.fingerprint


def test_finds_clusters_that_are_there():
    generator = np.random.default_rng(0)
    truth = np.array([[0, 0], [10, 0], [0, 10]], np.float32)
    frames = np.repeat(truth, 200, axis=0) + 0.1 * generator.standard_normal((600, 2))
    centroids = fit_kmeans(frames.astype(np.float32), MfccFeatures(), 3, num_initialisations=3)
    assert np.allclose(centroids.centers[centroids.assign(truth)], truth, atol=0.05)
    assert centroids.inertia == pytest.approx(2 * 0.1**2, rel=0.15)


def test_other_settings_are_an_error_with_a_remedy(data_dir, tmp_path):
    options = f"--data_dir {data_dir} --out_path {tmp_path}/a.npz --features_spec mfcc"
    quick = "--num_initialisations 1 --max_frames 100 --portion 0.5"
    command.main(f"{options} --num_clusters 3 {quick}".split())
    assert Centroids.load(tmp_path / "a.npz").tag == "mfcc_3"
    with pytest.raises(SystemExit, match=r"learn_kmeans: .*num_clusters \(3, now 4\).*remove"):
        command.main(f"{options} --num_clusters 4 {quick}".split())
    plain = learn_kmeans(data_dir, tmp_path / "b.npz", **QUICK)
    refined = learn_kmeans(data_dir, tmp_path / "c.npz", **QUICK, refinement_passes=20)
    assert refined.inertia <= plain.inertia
    with pytest.raises(ValueError, match=r"refinement_passes \(20, now None\); give another --exp"):
        learn_kmeans(data_dir, tmp_path / "c.npz", **QUICK)
    wavs = read_table(data_dir / "wav.scp")
    write_table(data_dir / "wav.scp", dict(list(wavs.items())[:5]))
    with pytest.raises(
        ValueError, match=r"what differs is the training utterances; .* or remove .* to learn it"
    ):
        learn_kmeans(data_dir, tmp_path / "b.npz", **QUICK)


def test_unusable_utterances_are_named(data_dir, tmp_path, caplog):
    learn_kmeans(data_dir, tmp_path / "a.npz", **QUICK)
    assert "s-05: 320 samples are too short" in caplog.text
    assert "s-99: " in caplog.text and "no such file" in caplog.text
    write_table(data_dir / "wav.scp", {"s-99": "missing.wav"})
    with pytest.raises(ValueError, match="no utterance is usable for k-means.*s-99: missing.wav"):
        learn_kmeans(data_dir, tmp_path / "b.npz", **QUICK)
    assert not (tmp_path / "b.npz").exists()


def test_too_little_data(data_dir, tmp_path):
    with pytest.raises(ValueError, match="101 clusters need as many frames, the sample has 100"):
        learn_kmeans(data_dir, tmp_path / "a.npz", **{**QUICK, "num_clusters": 101})
    with pytest.raises(FileNotFoundError, match="wav.scp: no such file; run the data stages"):
        learn_kmeans(tmp_path, tmp_path / "a.npz", **QUICK)
    for options, message in (
        ({"portion": 0.0}, "portion must be above 0 and at most 1, got 0.0"),
        ({"max_utterances": 0}, "max_utterances must be at least 1, got 0"),
        ({"max_frames": 0}, "max_frames must be at least 1, got 0"),
        ({"refinement_passes": -1}, "must not be negative: -1"),
    ):
        with pytest.raises(ValueError, match=message):
            learn_kmeans(data_dir, tmp_path / "a.npz", **QUICK | options)


UTTERANCES = {f"s-{number:03d}": 1 + 7 * number % 40 for number in range(60)}
TOTAL = sum(UTTERANCES.values())


def frames_of(utterance_id):
    """Frames that say where they come from."""
    number = int(utterance_id[2:])
    index = np.arange(UTTERANCES[utterance_id])
    return np.stack([np.full(len(index), number), index], axis=1).astype(np.float32)


def sample(max_frames, order, seed=0):
    reservoir = Reservoir(max_frames, seed)
    for utterance_id in order:
        reservoir.add(utterance_id, frames_of(utterance_id))
        assert len(reservoir._frames) <= 1.25 * max_frames + 40, "memory is bounded"
    assert reservoir.num_seen == TOTAL
    return reservoir.frames()


@pytest.mark.parametrize("max_frames", [1, 400, TOTAL - 1, 10 * TOTAL])
def test_is_the_frames_of_smallest_key_in_any_order(max_frames):
    keyed = sorted(
        (key, *frame)
        for utterance_id in UTTERANCES
        for key, frame in zip(
            utterance_generator(0, utterance_id).random(UTTERANCES[utterance_id]),
            frames_of(utterance_id).tolist(),
            strict=True,
        )
    )
    oracle = np.array(keyed)[:max_frames, 1:]
    order = list(UTTERANCES)
    assert np.array_equal(sample(max_frames, order), oracle)
    assert np.array_equal(sample(max_frames, order[::-1]), oracle)


def test_choice_of_utterances():
    everyone = list(UTTERANCES)
    half = _choose_utterances(everyone, 0.5, None, seed=0)
    assert half == sorted(half) and len(half) == 30 and set(half) < set(everyone)
    assert half == _choose_utterances(everyone[::-1], 0.5, None, seed=0)
    assert half != _choose_utterances(everyone, 0.5, None, seed=1)
    assert set(_choose_utterances(everyone, 0.5, 10, seed=0)) < set(half)
    assert _choose_utterances(everyone, 1.0, None, seed=0) == everyone
    assert len(_choose_utterances(everyone, 0.001, None, seed=0)) == 1


def make(centers, **facts):
    return Centroids(np.asarray(centers, np.float32), "mfcc", 320, 0, float("nan"), **facts)


@pytest.fixture
def frames():
    return np.random.default_rng(0).standard_normal((500, 6)).astype(np.float32)


@pytest.mark.parametrize("batch_frames", [64, 10_000])
@pytest.mark.parametrize("num_passes", [0, 3])
def test_as_scikit_learn_does(frames, num_passes, batch_frames, monkeypatch):
    monkeypatch.setattr(module, "BATCH_FRAMES", batch_frames)
    start = make(frames[:7])
    refined = refine(start, frames, num_passes)
    expected = start.centers
    if num_passes:
        model = KMeans(7, init=expected, n_init=1, max_iter=num_passes, tol=0, algorithm="lloyd")
        expected = model.fit(frames).cluster_centers_
    assert np.allclose(refined.centers, expected, atol=1e-4)
    distances = ((frames[:, None] - refined.centers[None]) ** 2).sum(axis=2)
    assert refined.inertia == pytest.approx(distances.min(axis=1).mean(), rel=1e-5)


def test_it_ends_at_the_optimum_and_a_centre_without_frames_stays(frames):
    refined = refine(make([*frames[:7], np.full(6, 99)]), frames, 1000)
    assigned = refined.assign(frames)
    means = np.array([frames[assigned == cluster].mean(axis=0) for cluster in range(7)])
    assert np.allclose(refined.centers[:7], means, atol=1e-5)
    assert (refined.centers[7] == 99).all() and refined.features == "mfcc"
    assert np.array_equal(refine(refined, frames, 5).centers, refined.centers)


@pytest.fixture
def published(tmp_path):
    frames = np.random.default_rng(0).standard_normal((50, 4))
    model = MiniBatchKMeans(3, n_init=1, random_state=0).fit(frames)
    joblib.dump(model, tmp_path / "km.bin")
    return tmp_path / "km.bin", model, frames


def test_same_assignments(published, tmp_path):
    path, model, frames = published
    import_command.main(
        f"--kmeans_path {path} --out_path {tmp_path}/c.npz --features_spec hubert_base/6 "
        "--i_trust_this_file".split()
    )
    centroids = Centroids.load(tmp_path / "c.npz")
    assert np.array_equal(centroids.assign(frames.astype(np.float32)), model.predict(frames))
    assert centroids.tag == "hubert_base_6_3"
    assert (centroids.stride_samples, centroids.offset_samples) == (320, 200)
    assert np.isnan(centroids.inertia)


def test_what_cannot_be_imported(published, tmp_path):
    def convert(path, spec="hubert/6", is_trusted=True):
        options = {"features_spec": spec, "i_trust_this_file": is_trusted}
        return import_kmeans(path, tmp_path / "c", **options)

    path = published[0]
    with pytest.raises(SystemExit, match="import_kmeans: .*unpickles.*i_trust_this_file"):
        import_command.main(f"--kmeans_path {path} --out_path c --features_spec hubert/6".split())
    with pytest.raises(ValueError, match="'mfcc': name the S3PRL"):
        convert(path, "mfcc")
    with pytest.raises(FileNotFoundError, match="none.bin: no such file"):
        convert(tmp_path / "none.bin")
    (tmp_path / "text.bin").write_text("no pickle")
    with pytest.raises(ValueError, match="unpickles, which runs any code"):
        convert(tmp_path / "text.bin", is_trusted=False)
    with pytest.raises(ValueError, match="text.bin: joblib cannot read it"):
        convert(tmp_path / "text.bin")
    joblib.dump(KMeans(3), path)
    with pytest.raises(ValueError, match="holds a KMeans, not a fitted k-means"):
        convert(path)
    assert not (tmp_path / "c").exists()

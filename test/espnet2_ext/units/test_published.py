"""Published k-means files become centroids only when trusted."""

import joblib
import numpy as np
import pytest
from sklearn.cluster import KMeans, MiniBatchKMeans

from espnet2_ext.bin import import_kmeans as command
from espnet2_ext.units.centroids import Centroids
from espnet2_ext.units.kmeans import import_kmeans


@pytest.fixture
def published(tmp_path):
    frames = np.random.default_rng(0).standard_normal((50, 4))
    model = MiniBatchKMeans(3, n_init=1, random_state=0).fit(frames)
    joblib.dump(model, tmp_path / "km.bin")
    return tmp_path / "km.bin", model, frames


def test_same_assignments(published, tmp_path):
    path, model, frames = published
    command.main(
        f"--kmeans_path {path} --out_path {tmp_path}/c.npz --features_spec hubert_base/6 "
        "--i_trust_this_file".split()
    )
    centroids = Centroids.load(tmp_path / "c.npz")
    assert np.array_equal(centroids.assign(frames.astype(np.float32)), model.predict(frames))
    assert centroids.tag == "hubert_base_6_3"
    assert (centroids.stride_samples, centroids.offset_samples) == (320, 200)
    assert np.isnan(centroids.inertia)


def test_untrusted_is_not_opened(published, tmp_path):
    path = published[0]
    path.write_bytes(b"never read")
    with pytest.raises(ValueError, match="unpickles, which runs any code.*i_trust_this_file"):
        import_kmeans(path, tmp_path / "c", features_spec="hubert/6", i_trust_this_file=False)
    with pytest.raises(SystemExit, match="import_kmeans: .*unpickles"):
        command.main(f"--kmeans_path {path} --out_path c --features_spec hubert/6".split())


def convert(path, spec="hubert/6"):
    return import_kmeans(path, path.parent / "c", features_spec=spec, i_trust_this_file=True)


def test_what_else_is_refused(published, tmp_path):
    path = published[0]
    with pytest.raises(ValueError, match="'mfcc': name the S3PRL"):
        convert(path, "mfcc")
    with pytest.raises(FileNotFoundError, match="none.bin: no such file"):
        convert(tmp_path / "none.bin")
    (tmp_path / "text.bin").write_text("no pickle")
    with pytest.raises(ValueError, match="text.bin: joblib cannot read it"):
        convert(tmp_path / "text.bin")
    joblib.dump(KMeans(3), path)
    with pytest.raises(ValueError, match="holds a KMeans, not a fitted k-means"):
        convert(path)
    assert not (tmp_path / "c").exists()

"""Every training of an experiment as a list, and the entry point that runs it."""

from dataclasses import replace

import pytest
from reference.tiny_ser import EMOTIONS, FOLDS, LABELS, write_corpus

from espnet2_ext.bin import ser_train_folds
from espnet2_ext.ser.experiment import ProtocolRuns, System, list_runs, read_protocols
from espnet2_ext.ser.folds import fold_hash


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    root = tmp_path_factory.mktemp("ser")
    write_corpus(root)
    return root


@pytest.fixture
def systems(tmp_path):
    paths = tmp_path / "train_ser_p2v.yaml", tmp_path / "other.yaml"
    for path in paths:
        path.write_text("")
    return [System.of_config(path) for path in paths]


def protocols(corpus, *wanted):
    return read_protocols(corpus / "folds", wanted, corpus / "data/utt2emo")


def test_a_system_is_named_by_its_configuration(systems, tmp_path):
    assert [system.tag for system in systems] == ["p2v", "other"]
    with pytest.raises(ValueError, match="train_x.yaml: no such configuration"):
        System.of_config(tmp_path / "train_x.yaml")


def test_protocols_with_seeds(corpus):
    [default, seeded] = protocols(corpus, "tiny", "tiny:2,0,1")
    assert (default.seeds, seeded.seeds) == ((0,), (2, 0, 1))
    assert default.folds.folds == FOLDS
    assert default.tag == "tiny"
    limited = ProtocolRuns(replace(default.folds, max_train=20), (0,))
    assert limited.tag == "tiny_train20"


@pytest.mark.parametrize("wanted", ["tiny:a", "tiny:0,", "tiny:-1"])
def test_seeds_that_are_no_numbers(corpus, wanted):
    with pytest.raises(ValueError, match=f"protocol '{wanted}': expected NAME or NAME:SEED"):
        protocols(corpus, wanted)


def test_runs_in_order_seeds_outermost(corpus, systems, tmp_path):
    runs = list_runs(
        systems, protocols(corpus, "tiny:5,6"), tmp_path, EMOTIONS, balanced=True, extra=["-x"]
    )
    assert [str(run.directory.relative_to(tmp_path)) for run in runs] == [
        f"ser_{tag}/tiny/{fold}/seed_{seed}"
        for seed in (5, 6)
        for fold in ("fold_1", "fold_2")
        for tag in ("p2v", "other")
    ]
    first = runs[0]
    assert (first.system, first.seed, first.fold, first.labels) == ("p2v", 5, FOLDS[0], LABELS)
    assert first.fold_hash == fold_hash(FOLDS[0], LABELS)
    assert (first.balanced, first.extra, first.emotions) == (True, ("-x",), EMOTIONS)


def test_a_protocol_of_fewer_seeds_ends_earlier(corpus, systems, tmp_path):
    [few] = protocols(corpus, "tiny:0")
    other = ProtocolRuns(replace(few.folds, max_train=3), (0, 1))
    runs = list_runs(systems[:1], [few, other], tmp_path, EMOTIONS)
    assert [(run.directory.parts[-3], run.seed) for run in runs] == [
        ("tiny", 0), ("tiny", 0), ("tiny_train3", 0), ("tiny_train3", 0),
        ("tiny_train3", 1), ("tiny_train3", 1),
    ]  # fmt: skip


def test_a_system_of_fewer_seeds(corpus, systems, tmp_path):
    few = System.of_config(f"{systems[0].config}:1")
    assert few == replace(systems[0], max_seeds=1)
    runs = list_runs([few, systems[1]], protocols(corpus, "tiny:5,6"), tmp_path, EMOTIONS)
    assert [(run.system, run.seed) for run in runs] == [
        ("p2v", 5), ("other", 5), ("p2v", 5), ("other", 5), ("other", 6), ("other", 6)
    ]  # fmt: skip


@pytest.mark.parametrize("limit", ["0", "x", "-1"])
def test_a_limit_of_seeds_that_is_none(systems, limit):
    with pytest.raises(ValueError, match="expected FILE or FILE:SEEDS, as .*p2v.yaml:1"):
        System.of_config(f"{systems[0].config}:{limit}")


def test_two_systems_of_one_name(corpus, tmp_path):
    for name in ("train_ser_p2v.yaml", "train_p2v.yaml"):
        (tmp_path / name).write_text("")
    systems = [System.of_config(path) for path in sorted(tmp_path.glob("*.yaml"))]
    with pytest.raises(ValueError, match="two configurations give one name: p2v, p2v"):
        list_runs(systems, protocols(corpus, "tiny"), tmp_path, EMOTIONS)


def test_an_emotion_that_is_no_class(corpus, systems, tmp_path):
    with pytest.raises(ValueError, match="tiny: emotions sad are none of angry, happy"):
        list_runs(systems, protocols(corpus, "tiny"), tmp_path, ["angry", "happy"])


@pytest.fixture
def call(corpus, systems, tmp_path):
    """Return a function that calls the entry point on the corpus."""

    def call(*options, protocols="tiny:0"):
        words = ["--folds_dir", corpus / "folds", "--protocols", protocols, "--emotions", *EMOTIONS]
        words += ["--data_dir", corpus / "data", "--expdir", tmp_path / "exp"]
        words += ["--stats_dir", tmp_path / "stats", "--configs", systems[0].config]
        ser_train_folds.main([str(word) for word in (*words, *options)])

    return call


def test_the_entry_point_hands_on_what_it_is_given(call, corpus, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        ser_train_folds, "train_folds", lambda *given, **options: seen.append((given, options))
    )
    call("--max_epoch", "3", "--nj", "2", "--ngpu", "1", "--balanced")
    feats = tmp_path / "stats/train/collect_feats/feats.scp"
    feats.parent.mkdir(parents=True)
    feats.touch()
    call("--prosody_encoder_dir", "enc", "--share", "2/2")
    [((runs, data), options), ((second, with_mels), _)] = seen
    assert [run.directory for run in second] == [runs[1].directory]
    assert options == {"num_jobs": 2, "num_gpus": 1}
    assert [run.extra for run in runs] == [("--max_epoch", "3")] * 2
    assert all(run.balanced for run in runs)
    assert (data.emotion, data.speech) == (corpus / "data/utt2emo", corpus / "data/wav.scp")
    assert data.shapes == tmp_path / "stats/train/speech_shape"
    assert (data.feats, data.prosody_encoder_dir) == (None, None)
    assert with_mels.feats == feats
    assert str(with_mels.prosody_encoder_dir) == "enc"


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        ("tiny:x", "ser_train_folds: protocol 'tiny:x': expected"),
        ("loso:0", "ser_train_folds: .*folds.json: no such file; run ser_folds first"),
        ("tiny:0", "ser_train_folds: .*speech_shape"),
    ],
)
def test_errors_are_one_line(call, protocol, message):
    with pytest.raises(SystemExit, match=message) as error:
        call(protocols=protocol)
    assert "\n" not in str(error.value)

"""Every training of an experiment as a list, one as a list of options, and its result on disk."""

import json
from dataclasses import replace

import pytest
import yaml
from reference.ser_examples import predictions
from reference.tiny_ser import EMOTIONS, FOLDS, LABELS, write_corpus

from espnet2_ext.bin import ser_train_folds
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.metrics.ser import write_predictions
from espnet2_ext.ser.experiment import (
    FoldRun,
    ProtocolRuns,
    RunResult,
    SerData,
    System,
    choose_epochs,
    list_runs,
    read_protocols,
)
from espnet2_ext.ser.folds import fold_hash
from espnet2_ext.ser.splits import Fold


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
    with pytest.raises(ValueError, match="FILE:SEEDS, as .*p2v.yaml:1"):
        System.of_config(f"{systems[0].config}:0")


def test_protocols_with_seeds(corpus):
    [default, seeded] = protocols(corpus, "tiny", "tiny:2,0,1")
    assert (default.seeds, seeded.seeds) == ((0,), (2, 0, 1))
    assert default.folds.folds == FOLDS
    assert default.tag == "tiny"
    limited = ProtocolRuns(replace(default.folds, max_train=20), (0,))
    assert limited.tag == "tiny_train20"
    with pytest.raises(ValueError, match="protocol 'tiny:0,': expected NAME or NAME:SEED"):
        protocols(corpus, "tiny:0,")


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


def test_a_protocol_or_a_system_of_fewer_seeds_ends_earlier(corpus, systems, tmp_path):
    few = System.of_config(f"{systems[0].config}:1")
    assert few == replace(systems[0], max_seeds=1)
    one, two = protocols(corpus, "tiny:5", "tiny:5,6")
    two = replace(two, folds=replace(two.folds, max_train=3))
    runs = list_runs([few, systems[1]], [one, two], tmp_path, EMOTIONS)
    assert [(run.directory.parts[-3], run.system, run.seed) for run in runs[::2]] == [
        *[("tiny", "p2v", 5)] * 2, *[("tiny_train3", "p2v", 5)] * 2, ("tiny_train3", "other", 6)
    ]  # fmt: skip
    assert len(runs) == 10


def test_runs_that_are_refused(corpus, systems, tmp_path):
    with pytest.raises(ValueError, match="two configurations give one name: p2v, p2v"):
        list_runs(systems[:1] * 2, protocols(corpus, "tiny"), tmp_path, EMOTIONS)
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
        ser_train_folds, "train_folds", lambda *given, **options: seen.append((*given, options))
    )
    feats = tmp_path / "stats/train/collect_feats/feats.scp"
    feats.parent.mkdir(parents=True)
    feats.touch()
    (tmp_path / "e").mkdir()
    (tmp_path / "e/config.yaml").write_text("sha256: a\n")
    command = ["--max_epoch", "3", "--nj", "2", "--ngpu", "1", "--balanced"]
    call(*command, "--prosody_encoder_dir", str(tmp_path / "e"))
    [(runs, data, options)] = seen
    assert options == {"num_jobs": 2, "num_gpus": 1}
    assert [(run.extra, run.balanced) for run in runs] == [(("--max_epoch", "3"), True)] * 2
    names = ("utt2emo", tmp_path / "stats/train/speech_shape", "wav.scp", feats, "e")
    places = (corpus / "data", tmp_path, corpus / "data", tmp_path, tmp_path)
    assert data == SerData(*(place / name for place, name in zip(places, names, strict=True)))
    call("--share", "2/3", protocols="tiny:0,1")
    assert [(run.fold.name, run.seed) for run in seen[-1][0]] == [("fold_2", 0)]


def test_errors_are_one_line(call):
    with pytest.raises(SystemExit, match="ser_train_folds: .*folds.json: no such file") as error:
        call(protocols="loso:0")
    assert "\n" not in str(error.value)


OF_RUN = {"a-1": "sad", "a-2": "sad", "a-3": "sad", "a-4": "happy", "b-1": "sad", "c-1": "happy"}
RUN_FOLD = Fold("fold_1", ("a-1", "a-2", "a-3", "a-4"), ("b-1",), ("c-1",))


@pytest.fixture
def data(tmp_path):
    write_table(tmp_path / "shapes", {name: 4000 + place for place, name in enumerate(OF_RUN)})
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder/config.yaml").write_text("sha256: a\n")
    names = ("utt2emo", "shapes", "wav.scp", "feats.scp", "encoder")
    return SerData(*(tmp_path / name for name in names))


@pytest.fixture
def make_run(tmp_path):
    """Return a factory of runs of a configuration with the given settings."""

    def make(settings=None, **fields):
        (tmp_path / "conf.yaml").write_text(yaml.safe_dump(settings or {}))
        values = {"seed": 3, "fold": RUN_FOLD, "fold_hash": "f00", "labels": OF_RUN, **fields}
        return FoldRun(
            system="p2v",
            config=tmp_path / "conf.yaml",
            directory=tmp_path / "exp",
            emotions=("happy", "sad"),
            **values,
        )

    return make


def values(command, option):
    """Return what follows an option, each time that it is given."""
    return [after for before, after in zip(command, command[1:]) if before == option]


def tables(command, data):
    """Return the data options without folders, the same for training and validation."""
    train, valid = (
        values(command, f"--{part}_data_path_and_name_and_type") for part in ("train", "valid")
    )
    assert train == valid
    return [table.removeprefix(f"{data.emotion.parent}/") for table in train]


@pytest.mark.parametrize(
    ("settings", "has_mels", "expected"),
    [
        ({}, True, ["feats.scp,feats,npy"]),
        ({}, False, ["wav.scp,speech,sound"]),
        ({"upstream": "hubert_base"}, True, ["feats.scp,feats,npy", "wav.scp,speech,sound"]),
        ({"upstream": "hubert_base", "use_prosody": False}, True, ["wav.scp,speech,sound"]),
        ({"upstream": "x/v.json"}, True, ["feats.scp,feats,npy", "x/v.scp,upstream_vector,npy"]),
        ({"upstream": "x/v.json", "use_prosody": False}, False, ["x/v.scp,upstream_vector,npy"]),
    ],
)
def test_a_system_reads_what_it_needs(make_run, data, settings, has_mels, expected):
    data = data if has_mels else replace(data, feats=None)
    command = make_run(settings).command(data, ngpu=0)
    assert tables(command, data) == ["utt2emo,emotion,text", *expected]
    folders = values(command, "--prosody_encoder_dir")
    assert bool(folders) == settings.get("use_prosody", True)


def test_a_fold_that_validates_on_nothing(make_run, data, tmp_path):
    run = make_run(fold=replace(RUN_FOLD, valid=()), extra=("--patience", "3"))
    command = run.command(data, ngpu=1)
    assert values(command, "--valid_shape_file") == []
    # The last one counts; ESPnet would look for a validation measure.
    assert values(command, "--patience") == ["3", "none"]
    assert tables(command, data) == ["utt2emo,emotion,text", "feats.scp,feats,npy"]
    run.write_lists(data)
    assert (tmp_path / "exp/lists/valid_shape").read_text() == ""
    command = make_run(extra=("--patience", "3")).command(data, 1)
    names = ("--patience", "--seed", "--ngpu", "--resume")
    assert [values(command, name) for name in names] == [["3"], ["3"], ["1"], ["true"]]
    no_encoder = make_run().command(replace(data, prosody_encoder_dir=None), ngpu=0)
    assert "--prosody_encoder_dir" not in no_encoder and "--model_conf" not in no_encoder


def test_class_weights_by_hand(make_run, data):
    """Of 4 utterances 1 is happy and 3 are sad: 4 / (2 x 1) and 4 / (2 x 3)."""
    [option] = values(make_run(balanced=True).command(data, ngpu=0), "--model_conf")
    assert option == "class_weights=[2.000000,0.666667]"
    lacking = make_run(fold=replace(RUN_FOLD, train=("a-1", "a-2")))
    assert lacking.class_weights() == [1.0, 0.5]


def test_lists_of_the_fold(make_run, data, tmp_path):
    run = make_run()
    assert run.begun_from() is None
    run.write_lists(data)
    lists = tmp_path / "exp/lists"
    assert tuple(read_table(lists / "train_shape")) == RUN_FOLD.train
    assert read_table(lists / "valid_shape") == {"b-1": "4004"}
    assert read_table(lists / "test") == {"c-1": "4005"}
    assert run.begun_from() == run.fingerprint(data)
    write_table(data.shapes, dict.fromkeys(RUN_FOLD.train, 1))
    with pytest.raises(ValueError, match="shapes: b-1: missing, though fold_1 has it; run the"):
        run.write_lists(data)


def test_the_fingerprint_changes_with_what_the_result_depends_on(make_run, data):
    changes = [{}, {"settings": {"max_epoch": 2}}, {"seed": 4}, {"fold_hash": "f01"}]
    changes += [{"balanced": True}, {"extra": ("--max_epoch", "2")}]
    prints = [make_run(**fields).fingerprint(data) for fields in changes]
    without = make_run({"use_prosody": False}).fingerprint(data)
    (data.prosody_encoder_dir / "config.yaml").write_text("sha256: b\n")
    assert len({*prints, make_run().fingerprint(data)}) == 7
    assert make_run({"use_prosody": False}).fingerprint(data) == without, "it hears none"


def test_a_result_is_read_as_written(tmp_path):
    result = RunResult("0123", "fold_1", "f00", 3, 4, "ua", epoch=2, test_selected_epoch=1)
    assert RunResult.read(tmp_path) is None
    result.write(tmp_path)
    assert RunResult.read(tmp_path) == result
    stored = json.loads((tmp_path / "result.json").read_text())
    del stored["averaged"]  # as written by earlier versions
    (tmp_path / "result.json").write_text(json.dumps(stored))
    assert RunResult.read(tmp_path) == result
    assert (result.weights, result.predictions) == ("valid.ua.best.pth", "predictions/test.2ep.tsv")
    average = replace(result, averaged=3)
    assert average.weights == "valid.ua.ave_3best.pth"
    assert average.predictions == "predictions/test.ave.tsv"
    assert replace(result, criterion="last").weights == "2epoch.pth"


REFERENCE = "aaas"
TEST = {1: "aaaa", 2: "asss", 3: "aaaa", 10: "ssss"}
"""WA 3/4, 1/2, 3/4, 1/4; UA 1/2, 2/3, 1/2, 1/2."""


@pytest.fixture
def make_finished(make_run, tmp_path):
    """Return a factory of finished runs whose validation set chose an epoch by a criterion."""

    def make(criterion="ua", epoch=3, settings=None):
        if settings is None:
            settings = {"best_model_criterion": [["valid", criterion, "max"]]}
        for number, guesses in TEST.items():
            path = tmp_path / f"exp/predictions/test.{number}ep.tsv"
            write_predictions(path, predictions("u", REFERENCE, guesses))
        (tmp_path / f"exp/valid.{criterion}.best.pth").symlink_to(f"{epoch}epoch.pth")
        fold = Fold("fold_1", ("t-1", "t-2"), ("v-1",), ("u-0", "u-1", "u-2", "u-3"))
        return make_run(settings, fold=fold, seed=4)

    return make


@pytest.mark.parametrize(
    ("criterion", "settings", "best"), [("ua", None, 2), ("loss", None, 1), ("acc", {}, 1)]
)
def test_the_same_measure_chooses_on_the_test_set_the_first_of_the_best(
    make_finished, criterion, settings, best
):
    result = choose_epochs(make_finished(criterion, settings=settings), "0123")
    assert result == RunResult("0123", "fold_1", "f00", 4, 2, criterion, 3, best)


def test_the_average_of_several_best_epochs_is_the_result(make_finished):
    run = make_finished()
    link = run.directory / "valid.ua.ave.pth"
    for target, averaged in (("valid.ua.ave_1best.pth", 1), ("valid.ua.ave_10best.pth", 10)):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        result = choose_epochs(run, "")
        assert (result.epoch, result.averaged) == (3, averaged)


def test_a_fold_that_validates_on_nothing_takes_the_last_epoch(make_finished):
    run = make_finished(epoch=1)
    run = replace(run, fold=replace(run.fold, valid=()))
    (run.directory / "latest.pth").symlink_to("10epoch.pth")
    result = choose_epochs(run, "")
    assert (result.criterion, result.epoch) == ("last", 10)
    assert result.test_selected_epoch == 2, "by the measure of the configuration"


def test_no_predictions_of_the_chosen_epoch(make_finished):
    with pytest.raises(ValueError, match="exp: no predictions of epoch 4; train it anew"):
        choose_epochs(make_finished(epoch=4), "")

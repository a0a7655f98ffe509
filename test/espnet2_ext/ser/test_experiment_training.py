"""Folds trained to the end on noise: what is left behind, resuming, and beginning anew."""

import logging
import math
import os
from dataclasses import replace

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import pytest
import torch
from reference.tiny_ser import (
    FOLDS,
    LABELS,
    tiny_data,
    tiny_runs,
    write_config,
    write_corpus,
    write_encoder,
)

from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.metrics.ser import confusion_of, read_predictions, unweighted_accuracy
from espnet2_ext.prosody2vec.mels import HifiGanMel
from espnet2_ext.ser import experiment as fold_training
from espnet2_ext.ser.experiment import RunResult, train_folds
from espnet2_ext.ser.pretrained import cache_upstream_vectors
from espnet2_ext.ser.recogniser import EmotionRecogniser, find_recognisers
from espnet2_ext.ser.task import EmotionTrainer
from espnet2_ext.units.tiny_upstream import make_tiny_hubert

NAME = "hf_hubert_custom"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return a folder with all that trainings need: corpus, encoder, upstream, vectors, mels."""
    root = tmp_path_factory.mktemp("ser")
    data = write_corpus(root)
    write_encoder(root)
    make_tiny_hubert(root / "hubert", width=16, layers=1)
    cache_upstream_vectors(data, root / "vectors", NAME, path_or_url=str(root / "hubert"))
    (root / "mels").mkdir()
    for name, wav in read_table(data / "wav.scp").items():
        speech = torch.from_numpy(read_audio(wav))[None]
        mels, _ = HifiGanMel()(speech, torch.tensor([speech.size(1)]))
        np.save(root / f"mels/{name}.npy", mels[0].numpy())
    write_table(root / "feats.scp", {name: root / f"mels/{name}.npy" for name in LABELS})
    return root


@pytest.fixture(scope="module")
def data(root):
    return tiny_data(root, feats=root / "feats.scp")


@pytest.fixture(scope="module")
def finished(root, data):
    """Return the runs of one system on both folds, trained from precomputed features."""
    runs = tiny_runs(root, write_config(root, "p2v"))
    assert train_folds(runs, data) == 2
    return runs


@pytest.fixture(scope="module")
def others(root, data):
    """Return a run of the first fold for systems with an upstream and without pretraining."""
    specaug = {"apply_time_warp": False, "apply_time_mask": False, "freq_mask_width_range": [0, 9]}
    pooling = {"layer": "weighted", "standardise": True}
    frozen = {"upstream": f"{root}/vectors/vectors.json", "upstream_pooling_conf": pooling}
    tuned = {"upstream": NAME, "upstream_path": f"{root}/hubert"}
    alone = {"use_prosody": False, "normalize": None, "model_conf": {}}
    systems = [
        write_config(root, "fbank", prosody_init="random", specaug="specaug", specaug_conf=specaug),
        write_config(root, "fusion", **frozen),
        write_config(root, "tuned", **tuned, **alone),
    ]
    runs = tiny_runs(root, *systems, balanced=True)[:3]
    assert train_folds(runs, data) == 3
    return {run.system: run for run in runs}


@pytest.fixture
def short(root):
    """Return a function: the run of fold 1 of a system of one epoch in an experiment's folder."""

    def make(expdir, tag="short", **settings):
        system = write_config(root, tag, **{"max_epoch": 1, **settings})
        return tiny_runs(root, system, expdir=expdir)[0]

    return make


def fail_in_the_second(monkeypatch, method, message):
    """Have the trainer fail once, in the second epoch; return the list of epochs to be begun."""
    go_on, epochs = getattr(EmotionTrainer, method), []

    def watched(**options):
        epochs.append(options["reporter"].get_epoch())
        if epochs == [1, 2]:
            raise OSError(message)
        return go_on(**options)

    monkeypatch.setattr(EmotionTrainer, method, watched)
    return epochs


def weights(run, epoch):
    return torch.load(run.directory / f"{epoch}epoch.pth")


def assert_equal_weights(one, other):
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def accuracy(path):
    said = read_predictions(path)
    return unweighted_accuracy(confusion_of(said, list(said[0].posteriors)))


def test_what_a_training_leaves_behind(finished, data):
    for run in finished:
        names = {path.name for path in run.directory.iterdir()}
        assert {"config.yaml", "train.log", "result.json", "valid.ua.best.pth"} <= names
        assert not {"checkpoint.pth", "latest.pth"} & names, "of use for resuming only"
        log = (run.directory / "train.log").read_text()
        assert "ser_train --config" in log and "2epoch results: [train]" in log
        scores = {}
        for part, utterances in (("valid", run.fold.valid), ("test", run.fold.test)):
            files = [run.directory / f"predictions/{part}.{epoch}ep.tsv" for epoch in (1, 2)]
            scores[part] = [accuracy(file) for file in files]
            for file in files:
                said = {each.utterance: each.emotion for each in read_predictions(file)}
                assert said == {name: LABELS[name] for name in utterances}
        assert len(list((run.directory / "predictions").iterdir())) == 4
        assert RunResult.read(run.directory) == RunResult(
            fingerprint=run.fingerprint(data),
            fold=run.fold.name,
            fold_hash=run.fold_hash,
            seed=0,
            num_train=4,
            criterion="ua",
            epoch=1 + int(np.argmax(scores["valid"])),
            test_selected_epoch=1 + int(np.argmax(scores["test"])),
        )


def test_a_training_that_failed_goes_on_where_it_was(root, data, finished, monkeypatch):
    run = tiny_runs(root, write_config(root, "p2v"), expdir="killed")[0]
    epochs = fail_in_the_second(monkeypatch, "validate_one_epoch", "no space\nleft")
    handlers = list(logging.getLogger().handlers)
    place = f"p2v, fold_1, seed 0: OSError: no space left .log: {run.directory}/train.log."
    with pytest.raises(RuntimeError, match=place):
        train_folds([run], data)
    assert logging.getLogger().handlers == handlers
    log = (run.directory / "train.log").read_text()
    assert "training failed" in log and "Traceback" in log
    assert RunResult.read(run.directory) is None
    first = run.directory / "predictions/test.1ep.tsv"
    written = first.stat().st_mtime_ns
    assert train_folds([run], data) == 1
    assert epochs == [1, 2, 2]
    assert first.stat().st_mtime_ns == written
    assert "The training was resumed" in (run.directory / "train.log").read_text()
    assert_equal_weights(weights(run, 2), weights(finished[0], 2))
    assert RunResult.read(run.directory) == RunResult.read(finished[0].directory)


def test_other_settings_begin_anew_with_a_warning(short, data, caplog, monkeypatch):
    run = short("changed")
    run.write_lists(data)
    (run.directory / "lists/fingerprint").write_text("killed under other settings\n")
    (run.directory / "checkpoint.pth").write_bytes(b"of those")
    warning = f"{run.directory}: made from other settings; trained anew"
    assert train_folds([run], data) == 1
    assert caplog.messages.count(warning) == 1
    before, result = weights(run, 1), RunResult.read(run.directory)
    monkeypatch.setattr(fold_training, "parallel_map", None)  # nothing is even loaded
    assert train_folds([run], data) == 0
    monkeypatch.undo()
    run = short("changed", classifier_lr=0.1)
    assert train_folds([run], data) == 1
    assert caplog.messages.count(warning) == 2
    assert RunResult.read(run.directory).fingerprint != result.fingerprint
    assert not torch.equal(weights(run, 1)["classifier.weight"], before["classifier.weight"])


def test_a_failing_training_names_its_log(short, data):
    run = short("failing", tag="bad", no_such_option=1)
    with pytest.raises(
        RuntimeError, match="bad, fold_1, seed 0: SystemExit: 2.*train.log"
    ) as error:
        train_folds([run], data)
    assert "\n" not in str(error.value)
    assert "training failed" in (run.directory / "train.log").read_text()


def test_the_test_set_has_no_part_in_training_and_selection(root, data, finished):
    """Another test list, of another speaker's utterances: everything else is the same."""
    [run, _] = tiny_runs(root, write_config(root, "p2v"), expdir="other_test")
    run = replace(run, fold=replace(run.fold, test=FOLDS[0].valid[:3]), fold_hash="other")
    train_folds([run], data)
    result, before = (RunResult.read(r.directory) for r in (run, finished[0]))
    assert result.epoch == before.epoch
    for epoch in (1, 2):
        valid = f"predictions/valid.{epoch}ep.tsv"
        texts = [(r.directory / valid).read_text() for r in (run, finished[0])]
        assert texts[0] == texts[1]
    assert_equal_weights(weights(run, 2), weights(finished[0], 2))


def test_a_fold_that_validates_on_nothing_trains_to_the_last_epoch(
    root, data, finished, monkeypatch
):
    """Also where it is killed between, and with early stopping in its configuration."""
    system = write_config(root, "none", patience=1)
    [run, _] = tiny_runs(root, system, expdir="no_validation")
    run = replace(run, fold=replace(run.fold, valid=()), fold_hash="other")
    epochs = fail_in_the_second(monkeypatch, "train_one_epoch", "killed")
    with pytest.raises(RuntimeError, match="killed"):
        train_folds([run], data)
    assert train_folds([run], data) == 1
    assert epochs == [1, 2, 2]
    result = RunResult.read(run.directory)
    assert (result.criterion, result.epoch) == ("last", 2)
    assert {path.name for path in (run.directory / "predictions").iterdir()} == {
        "test.1ep.tsv", "test.2ep.tsv",
    }  # fmt: skip
    # Validation has no part in training: the lists to train on are those of the finished run.
    assert_equal_weights(weights(run, 2), weights(finished[0], 2))
    assert not list(run.directory.glob("valid.*"))
    [files] = find_recognisers(run.directory)
    assert files.model_file == run.directory / "2epoch.pth"
    assert files.config["init_param"] == [
        f"{root}/encoder/weights.pth:prosody_encoder:prosody_encoder"
    ], "what pretraining_status takes for no other weights"
    EmotionRecogniser(files.model_file)


@pytest.mark.parametrize(("visible", "expected"), [("", "01010"), ("3,5,7", "35353")])
def test_gpus_are_shared_out_among_those_that_are_visible(
    short, data, monkeypatch, visible, expected
):
    run, taken = short("gpus"), []

    def look(*_, initializer_arguments, **__):
        taken.extend(initializer_arguments[1].get() for _ in range(5))
        return []

    monkeypatch.setattr(fold_training, "parallel_map", look)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    train_folds([run], data, num_jobs=5, num_gpus=2)
    assert taken == list(expected)


def test_kept_epochs_are_averaged_and_the_average_is_the_result(root, data, finished):
    [run, _] = tiny_runs(root, write_config(root, "kept", keep_nbest_models=2), expdir="kept")
    assert train_folds([run], data) == 1
    result, before = (RunResult.read(each.directory) for each in (run, finished[0]))
    assert (result.epoch, result.averaged) == (before.epoch, 2)
    average = torch.load(run.directory / result.weights)
    for name, value in average.items():
        if value.is_floating_point():
            both = weights(run, 1)[name] / 2 + weights(run, 2)[name] / 2
            torch.testing.assert_close(value, both, atol=1e-6, rtol=1e-5)
    [files] = find_recognisers(run.directory)
    assert files.model_file == run.directory / "valid.ua.ave_2best.pth"
    path = run.directory / result.predictions
    assert {each.utterance for each in read_predictions(path)} == set(run.fold.test)
    check_recogniser(root, EmotionRecogniser(files.model_file), path)


@pytest.mark.parametrize("system", ["p2v", "fbank", "fusion", "tuned"])
def test_recogniser_says_of_audio_what_training_wrote_down(root, finished, others, system):
    run = {"p2v": finished[0], **others}[system]
    epoch = RunResult.read(run.directory).epoch
    recogniser = EmotionRecogniser(run.directory / "valid.ua.best.pth")
    check_recogniser(root, recogniser, run.directory / f"predictions/test.{epoch}ep.tsv")


def check_recogniser(root, recogniser, path):
    """Check that it gives the predictions of a file."""
    said = read_predictions(path)
    waves = [read_audio(root / f"data/wav/{each.utterance}.flac") for each in said]
    for each, posteriors in zip(said, recogniser(waves), strict=True):
        assert list(posteriors) == recogniser.emotions == list(each.posteriors)
        assert posteriors == pytest.approx(dict(each.posteriors), abs=1e-4)


def test_recogniser_refuses_nothing_and_no_model(finished, tmp_path):
    recogniser = EmotionRecogniser(finished[0].directory / "valid.ua.best.pth")
    with pytest.raises(ValueError, match="no waveforms"):
        recogniser([])
    torch.nn.init.constant_(recogniser.model.classifier.bias, math.nan)
    with pytest.raises(ValueError, match="values that are not finite; check its weights"):
        recogniser([np.ones(16000, np.float32)])
    with pytest.raises(FileNotFoundError, match="train one first"):
        EmotionRecogniser(tmp_path / "none.pth")

"""The choice of the epoch, from predictions written by hand."""

from dataclasses import replace

import pytest
import yaml
from reference.ser_examples import predictions

from espnet2_ext.metrics.ser import write_predictions
from espnet2_ext.ser.experiment import FoldRun, RunResult, choose_epochs
from espnet2_ext.ser.splits import Fold

LABELS = "aaas"
TEST = {1: "aaaa", 2: "asss", 3: "aaaa", 10: "ssss"}
"""WA 3/4, 1/2, 3/4, 1/4; UA 1/2, 2/3, 1/2, 1/2."""


@pytest.fixture
def make_run(tmp_path):
    """Return a factory of finished runs whose validation set chose an epoch by a criterion."""

    def make(criterion="ua", epoch=3, test=TEST, settings=None):
        if settings is None:
            settings = {"best_model_criterion": [["valid", criterion, "max"]]}
        (tmp_path / "conf.yaml").write_text(yaml.safe_dump(settings))
        folder = tmp_path / "exp/predictions"
        folder.mkdir(parents=True)
        (tmp_path / f"exp/valid.{criterion}.best.pth").symlink_to(f"{epoch}epoch.pth")
        for number, guesses in test.items():
            write_predictions(folder / f"test.{number}ep.tsv", predictions("u", LABELS, guesses))
        fold = Fold("fold_1", ("t-1", "t-2"), ("v-1",), ("u-0", "u-1", "u-2", "u-3"))
        config, directory = tmp_path / "conf.yaml", tmp_path / "exp"
        return FoldRun("p2v", config, directory, fold, "f00", {}, ("angry", "sad"), seed=4)

    return make


def test_everything_is_noted(make_run):
    assert choose_epochs(make_run(), "0123") == RunResult(
        fingerprint="0123",
        fold="fold_1",
        fold_hash="f00",
        seed=4,
        num_train=2,
        criterion="ua",
        epoch=3,
        test_selected_epoch=2,
    )


@pytest.mark.parametrize(("criterion", "best"), [("ua", 2), ("acc", 1), ("loss", 1)])
def test_the_same_measure_chooses_on_the_test_set_the_first_of_the_best(make_run, criterion, best):
    result = choose_epochs(make_run(criterion), "")
    assert (result.criterion, result.epoch, result.test_selected_epoch) == (criterion, 3, best)


@pytest.mark.parametrize("epoch", [1, 2, 3, 10])
def test_the_epoch_is_what_the_validation_set_chose(make_run, epoch):
    assert choose_epochs(make_run(epoch=epoch), "").epoch == epoch


def test_another_test_set_changes_only_the_choice_that_is_called_a_leak(make_run):
    result = choose_epochs(make_run(test={1: "ssss", 3: "aaaa", 10: LABELS}), "")
    assert (result.epoch, result.test_selected_epoch) == (3, 10)


def test_without_a_criterion_it_is_the_accuracy(make_run):
    assert choose_epochs(make_run("acc", settings={}), "").criterion == "acc"


def test_a_fold_that_validates_on_nothing_takes_the_last_epoch(make_run):
    run = make_run(epoch=1)
    run = replace(run, fold=replace(run.fold, valid=()))
    (run.directory / "latest.pth").symlink_to("10epoch.pth")
    result = choose_epochs(run, "")
    assert (result.criterion, result.epoch) == ("last", 10)
    assert result.test_selected_epoch == 2, "by the measure of the configuration"


def test_no_predictions_of_the_chosen_epoch(make_run):
    with pytest.raises(ValueError, match="exp: no predictions of epoch 4; train it anew"):
        choose_epochs(make_run(epoch=4), "")

import hashlib
from dataclasses import replace

from espnet2_ext.data.tables import write_table
from espnet2_ext.ser.folds import FoldSet, fold_hash, list_hash, short_hash
from espnet2_ext.ser.splits import Fold

LABELS = {"a-1": "sad", "a-2": "happy", "b-1": "sad", "b-2": "happy", "c-1": "sad"}
FOLD = Fold("fold_1", ("a-1", "a-2"), ("b-1", "b-2"), ("c-1",), "test c; valid b")
SECOND = Fold("fold_2", ("a-1", "a-2"), ("c-1",), ("b-1", "b-2"), "test b; valid c")
SET = FoldSet("x", "", "", "", 0, None, ("happy", "sad"), (), (), (FOLD, SECOND), LABELS)

# printf 'a-1 sad\na-2 happy\n' | sha256sum
# printf "train $train\nvalid $valid\ntest $test\n" | sha256sum
# printf "fold_1 $first\nfold_2 $second\n" | sha256sum
TRAIN = "e4daea09961514249883b4baaea5a68830f1fedcde03ffacdb2b05eeb3a4c1a0"
FOLD_HASH = "2358cc9f96ef3850268e4d8c64e65c11996e5e3f1b67d8c196e3267005e6b6c5"
SET_HASH = "c24bf0ed47cbeb003fd5ab944137fba9daaeb4a7371fbbbf34895979a2251050"


def test_hashes_by_hand():
    assert list_hash(("a-1", "a-2"), LABELS) == TRAIN
    assert list_hash(["a-2", "a-1"], LABELS) == TRAIN
    assert fold_hash(FOLD, LABELS) == FOLD_HASH
    assert SET.hash == SET_HASH
    assert short_hash(TRAIN) == TRAIN[:8]


def test_a_hash_changes_with_lists_and_labels():
    same = replace(FOLD, name="x", description="y")
    assert fold_hash(same, LABELS) == FOLD_HASH
    others = [
        fold_hash(replace(FOLD, train=("a-1",)), LABELS),
        fold_hash(replace(FOLD, train=FOLD.valid, valid=FOLD.train), LABELS),
        fold_hash(FOLD, LABELS | {"a-1": "happy"}),
        fold_hash(FOLD, LABELS | {"c-1": "happy"}),
    ]
    assert len({FOLD_HASH, *others}) == 5
    assert replace(SET, folds=(SECOND, FOLD)).hash != SET_HASH
    assert replace(SET, protocol="y", seed=1, max_train=9).hash == SET_HASH


def test_a_hash_is_that_of_the_lines_of_utt2emo(tmp_path):
    write_table(tmp_path / "utt2emo", {key: LABELS[key] for key in FOLD.valid})
    digest = hashlib.sha256((tmp_path / "utt2emo").read_bytes()).hexdigest()
    assert digest == list_hash(FOLD.valid, LABELS)

"""From a user's csv to folds, with the two entry points."""

import pytest

from espnet2_ext.bin.prepare import main as prepare_corpus
from espnet2_ext.bin.ser_folds import main

EMOTIONS = ("angry", "happy", "sad")


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Return the lines of a csv of 5 sessions, 2 speakers in each, 6 files of each; make them."""
    monkeypatch.chdir(tmp_path)
    lines = ["file,emotion,speaker,session"]
    for number in range(60):
        speaker = number % 10
        (tmp_path / f"{number}.wav").touch()
        emotion = EMOTIONS[number // 10 % 3]
        lines.append(f"{number}.wav,{emotion},s{speaker},{speaker // 2}")
    return lines


def prepare(lines, out_dir="data/own"):
    with open("own.csv", "w") as stream:
        stream.write("\n".join(lines))
    prepare_corpus(["emotion_csv", "--csv_path", "own.csv", "--out_dir", out_dir])


def test_from_csv_to_folds_with_every_option(own, tmp_path, capsys):
    prepare(own)
    main(["--data_dir", "data/own", "--protocol", "lospko", "--max_train", "12", "--seed", "2"])
    printed = capsys.readouterr().out
    assert "fold_10  12 (4/4/4)  6 (2/2/2)  6 (2/2/2)" in printed
    assert "unchecked: pretraining" in printed
    prepare(own[:1] + own[3:4], "data/seen")
    arguments = ["--data_dir", "data/own", "--protocol", "random", "--num_folds", "3"]
    arguments += ["--out_dir", "folds", "--pretraining_data_dirs", "data/seen"]
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    message = str(caught.value)
    assert message.startswith("ser_folds: data/own: fold_") and "\n" not in message
    assert "utterance 's2-2' is in pretraining (data/seen) (s2-2)" in message
    pairs = ("pretraining/test", "pretraining/valid")
    allow = [f"{pair}:{name}" for pair in pairs for name in ("utterance", "audio", "speaker")]
    main([*arguments, "--allow", *allow])
    assert "utterances shared by pretraining and test: 0.0 to 5.0 %" in capsys.readouterr().out
    assert (tmp_path / "folds/random/folds.json").is_file()

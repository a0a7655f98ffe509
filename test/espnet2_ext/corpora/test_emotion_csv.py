import os

import pytest

from espnet2_ext.corpora.emotion_csv import prepare, read_emotion_csv
from espnet2_ext.data.directory import Utterance, read_data_directory, validate_data_directory


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a csv and an empty file for every name, and returns the csv."""

    def write(text, files=()):
        folder = tmp_path / "own"
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
        folder.mkdir(exist_ok=True)
        (folder / "labels.csv").write_text(text, encoding="utf-8")
        return folder / "labels.csv"

    return write


def ids(utterances):
    return [utterance.utterance_id for utterance in utterances]


def test_every_column(write, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere.flac"
    elsewhere.touch()
    path = write(
        "\ufefffile,emotion,speaker,session,dialogue,text\n"
        "wav/b 1.wav,sad,ann,1,d1,Good day.\n"
        f"{elsewhere},happy,Bob,2,d2,Bye\n",
        ["wav/b 1.wav"],
    )
    folder = str(path.parent)
    monkeypatch.chdir(path.parent)  # a relative csv gives absolute paths all the same
    assert read_emotion_csv("labels.csv") == [
        Utterance("Bob-elsewhere", "Bob", str(elsewhere), "Bye", "happy", "2", "d2"),
        Utterance(
            "ann-b_1", "ann", os.path.join(folder, "wav/b 1.wav"), "Good day.", "sad", "1", "d1"
        ),
    ]


def test_a_data_directory_comes_out(write, tmp_path, caplog):
    caplog.set_level("INFO")
    path = write("file,emotion,speaker\na.wav,sad,s\nb.wav,happy,s\n", ["a.wav", "b.wav"])
    assert ids(prepare(path, tmp_path / "data")) == ["s-a", "s-b"]
    assert validate_data_directory(tmp_path / "data") == 2
    tables = read_data_directory(tmp_path / "data")
    assert set(tables) == {"wav.scp", "utt2spk", "utt2emo"}
    assert tables["utt2emo"] == {"s-a": "sad", "s-b": "happy"}
    assert "2 utterances: 1 happy, 1 sad" in caplog.text
    assert "no column 'speaker'" not in caplog.text


def test_unknown_speakers_are_each_their_own_and_it_is_said(write, caplog):
    path = write("file,emotion\nx/a.wav,sad\nb.c.wav,sad\n", ["x/a.wav", "b.c.wav"])
    utterances = read_emotion_csv(path)
    assert ids(utterances) == ["a-a", "b.c-b.c"]
    assert [utterance.speaker for utterance in utterances] == ["a", "b.c"]
    assert "no column 'speaker'; each of the 2 files is taken for a speaker of" in caplog.text


def test_stems_that_repeat_get_their_folders(write):
    files = ["angry/1.wav", "sad/1.wav", "sad/2.wav"]
    path = write("file,emotion\n" + "".join(f"{file},x\n" for file in files), files)
    assert ids(read_emotion_csv(path)) == ["2-2", "angry_1-angry_1", "sad_1-sad_1"]
    path = write("file,emotion,speaker\n" + "".join(f"{file},x,s\n" for file in files))
    assert ids(read_emotion_csv(path)) == ["s-2", "s-angry_1", "s-sad_1"]
    # Another speaker's stem is no repetition.
    path = write("file,emotion,speaker\nangry/1.wav,x,s\nsad/1.wav,x,t\n")
    assert ids(read_emotion_csv(path)) == ["s-1", "t-1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,emotion\na.wav,x\nn.wav,x\n", r"csv:3: n.wav: no such file; 1 of 2 .*relative to /"),
        ("file,emotion\na.wav,x\n./a.wav,y\n", "labels.csv:3: ./a.wav: stands in line 2 too"),
        (
            "file,emotion,speaker\na.wav,x,s\na.flac,x,s\n",
            "csv:3: a.flac: gives the id s-a, as line 2 does; rename one of the files",
        ),
        ("file,emotion,speaker\na.wav,x,s t\n", "csv:2: speaker 's t' has white space or a slash"),
        ("file,emotion,speaker\na.wav,x,s/t\n", "csv:2: speaker 's/t' has white space or a slash"),
        ("file,emotion\na.wav,very sad\n", "labels.csv:2: emotion 'very sad' has white space"),
        ("file,emotion\na.wav,sad\nb.wav,Sad\n", "csv:3: emotion 'Sad', but 'sad' in line 2"),
        ("file,emotion,gender\na.wav,sad,f\n", "labels.csv:1: unknown column 'gender'"),
        ("file,emotion,speaker\na.wav,sad,\n", "labels.csv:2: speaker is empty"),
    ],
)  # fmt: skip
def test_one_line_for_every_fault(write, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_emotion_csv(write(text, ["a.wav", "a.flac", "b.wav"]))
    assert "\n" not in str(caught.value)


def test_no_such_csv(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.csv: no such file"):
        prepare(tmp_path / "none.csv", tmp_path / "data")

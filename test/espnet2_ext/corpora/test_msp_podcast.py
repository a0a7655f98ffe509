"""MSP-PODCAST on synthetic fixtures, one with the 73,042 names and the counts of release 1.8."""

import logging
from collections import Counter
from pathlib import Path

import pytest
from reference.changes import changed, refused
from reference.msp_podcast_copy import (
    CLASSES_1_8,
    Wav,
    plan_1_8,
    small_plan,
    write_copy,
    write_labels,
    write_speakers,
    write_transcripts,
)

from espnet2_ext.corpora.msp_podcast import COUNTS, EMOTIONS, prepare, release_of
from espnet2_ext.data.directory import Utterance, validate_data_directory
from espnet2_ext.data.tables import read_rejected

SMALL = dict(num_valid=4, num_test=6)
CSV = "Labels/labels_concensus.csv"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of release 1.8; a test that changes it puts it back."""
    root = tmp_path_factory.mktemp("podcast")
    return write_copy(root, plan_1_8(), folder="MSP-PODCAST-Publish-1.8")


def everyone(sets: dict[str, list[Utterance]]) -> list[Utterance]:
    return [utterance for members in sets.values() for utterance in members]


def prepare_small(copy: Path, out: Path, **options: object) -> dict[str, list[Utterance]]:
    return prepare(copy, out, **{**SMALL, **options})


def refuse(copy: Path, message: str, **options: object) -> None:
    refused(prepare_small, copy, copy.parent / "data", message, **options)


def test_whole_release(whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    sets = prepare(whole.parent, tmp_path)
    sizes = {name: len(members) for name, members in sets.items()}
    number = 44879 + 7800
    assert sizes == dict(
        msp_podcast_train=number - 1000, msp_podcast_valid=500, msp_podcast_test=500
    )
    assert len({utterance.wav for utterance in everyone(sets)}) == number
    for name in sets:
        assert validate_data_directory(tmp_path / name) == len(sets[name])
    rejected = Counter(read_rejected(tmp_path / "msp_podcast_train").values())
    assert rejected == {"partition Test1, kept out": 15326, "partition Test2, kept out": 5037}
    assert "tests out: 20363 utterances of Test1 to Test3" in caplog.text
    assert "0.15 h by the sizes of files" in caplog.text
    assert f"unknown speakers alone: {-(-73042 // 9)} utterances of the whole rel" in caplog.text
    by_speaker = Counter(u.speaker for u in sets["msp_podcast_test"])
    assert set(by_speaker) <= {u.speaker for u in sets["msp_podcast_train"]}
    assert min(by_speaker.values()) >= 2
    name = next(wav.name for wav in plan_1_8() if wav.label == "A" and wav.partition == "Test1")
    with changed(whole / "Audios" / name):
        refuse(
            whole,
            "not a whole MSP-PODCAST 1.8: 73041 of 73042 utterances, 15325 of 15326 Test1, "
            "3217 of 3218 angry and 1 more counts; 1 labels or partitions without a wav "
            rf"\(of another release\?\), first {name} \(Test1, no wav in .*1.8\); get the",
        )


def test_what_is_known_of_an_utterance(tmp_path: Path):
    wavs = small_plan()
    copy = write_copy(tmp_path, wavs)
    write_transcripts(copy, wavs)
    # Files of earlier releases inside a release are not read.
    old = [Wav("MSP-PODCAST_0999_0001.wav", "A", "1", "Train")]
    write_copy(copy / "Previous_releases/files_removed_from_prev_versions", old, folder="1.6")
    sets = prepare_small(tmp_path, tmp_path / "data", tests="in")
    by_wav = {Path(utterance.wav).name: utterance for utterance in everyone(sets)}
    assert by_wav.keys() == {wav.name for wav in wavs}
    assert by_wav["MSP-PODCAST_0001_0004_0001.wav"] == Utterance(
        "podcast_s00303-MSP-PODCAST_0001_0004_0001",
        "podcast_s00303",
        f"{copy}/Audios/MSP-PODCAST_0001_0004_0001.wav",
        text="So this is 0001_0004, right?",
        emotion="sad",
        session="podcast0001",
        language="eng",
    )
    assert by_wav["MSP-PODCAST_0002_0010.wav"].speaker == "podcast_u0002_0010"
    words = "angry sad happy surprised fearful disgusted contemptuous neutral other no_agreement"
    expected = dict(zip("ASHUFDCNOX", words.split(), strict=True))
    assert {wav.label: by_wav[wav.name].emotion for wav in wavs} == expected


@pytest.mark.parametrize("tests", ["out", "in"])
@pytest.mark.parametrize(
    ("choice", "speaker", "left"), [("podcast", "podcast_p0001", 60), ("drop", None, 54)]
)
def test_unknown_speakers_and_tests(
    choice: str, speaker: str | None, left: int, tests: str, tmp_path: Path, caplog
):
    caplog.set_level(logging.INFO)
    copy = write_copy(tmp_path, small_plan())
    sets = prepare_small(copy, tmp_path / "data", tests=tests, unknown_speakers=choice)
    names = {Path(u.wav).name: u.speaker for u in everyone(sets)}
    partition = {wav.name: wav.partition for wav in small_plan()}
    assert any("Test" in partition[name] for name in names) == (tests == "in")
    rejected = read_rejected(tmp_path / "data/msp_podcast_train")
    assert len(names) + len(rejected) == 60
    assert tests == "out" or len(names) == left
    assert names.get("MSP-PODCAST_0001_0010.wav") == speaker  # a Validation utterance
    assert ("speaker unknown, dropped" in rejected.values()) == (choice == "drop")
    assert f"tests {tests}: 20 utterances" in caplog.text
    assert f"unknown speakers {choice}: 6 utterances" in caplog.text


@pytest.mark.parametrize(
    ("audio", "labels", "partitions"),
    [
        ("Audio", "label/labels_concensus.json", None),
        ("Audios", "Labels/labels_consensus.csv", "Partitions.txt"),
        ("audios", "Labels/LABELS_consensus.json", "Partition.txt"),
        ("Audios", "Labels/labels.txt", "Partitions.txt"),
    ],
)
def test_every_layout(audio: str, labels: str, partitions: str | None, tmp_path: Path):
    reference = everyone(prepare_small(write_copy(tmp_path, small_plan()), tmp_path / "a"))
    wavs = small_plan(validation="Development" if partitions else "Validation")
    names = dict(audio=audio, labels=labels, partitions=partitions)
    copy = write_copy(tmp_path / "deep/er", wavs, **names)
    if labels.endswith("csv"):  # as spreadsheets write it
        content = (copy / labels).read_bytes().replace(b"\n", b"\r\n")
        (copy / labels).write_bytes(b"\xef\xbb\xbf" + content)
    write_speakers(copy, small_plan())
    found = everyone(prepare_small(tmp_path / "deep", tmp_path / "b"))
    assert [(u.utterance_id, u.emotion) for u in found] == [
        (u.utterance_id, u.emotion) for u in reference
    ]


@pytest.mark.parametrize(
    ("release", "listed", "message"),
    [
        ("1.12", True, "65 of 207136 utterances, 30 of 112712 Train, 10 of 31961 Development and"),
        ("1.11", False, "65 of 151654 utterances"),
        ("odyssey", False, "65 of 119421 utterances"),
    ],
)
def test_the_unlabelled_test(release: str, listed: bool, message: str, tmp_path: Path):
    third = [Wav(f"MSP-PODCAST_0900_{n:04d}.wav", "X", "Unknown", "Test3") for n in range(5)]
    wavs = small_plan(validation="Development")
    copy = write_copy(
        tmp_path,
        [*wavs, *third],
        folder=f"MSP-PODCAST-Publish-{release}",
        labels="Labels/labels_consensus.csv",
        partitions="Partitions.txt" if listed else None,
    )
    write_labels(copy / "Labels/labels_consensus.csv", wavs)
    write_transcripts(copy, wavs)
    refuse(copy, f"MSP-PODCAST {release}: {message}")
    sets = prepare_small(copy, tmp_path / "data", tests="in", allow_incomplete=True)
    assert Counter(u.emotion for u in everyone(sets))["unlabelled"] == 5
    assert {u.text for u in everyone(sets)} == {None}, "Test3 has no transcripts"
    words = (tmp_path / "data/msp_podcast_train/words.tsv").read_text().splitlines()
    train = [u for u in sets["msp_podcast_train"] if u.emotion != "unlabelled"]
    assert [line.split("\t")[0] for line in words] == [u.utterance_id for u in train]
    sets = prepare_small(copy, tmp_path / "data", allow_incomplete=True)
    assert None not in {u.text for u in everyone(sets)}
    assert not (tmp_path / "data/msp_podcast_train/words.tsv").exists()
    assert Counter(read_rejected(tmp_path / "data/msp_podcast_train").values()) == {
        f"partition Test{number}, kept out": size for number, size in ((1, 10), (2, 10), (3, 5))
    }


def test_lists_of_another_release(tmp_path: Path):
    wavs = small_plan()
    copy = write_copy(tmp_path, wavs)
    first = wavs[0].name
    write_labels(copy / CSV, wavs[1:])
    refuse(copy, rf"1 wavs without a label or partition, first {first} \(neither a label nor")
    assert len(everyone(prepare_small(copy, tmp_path / "out", allow_incomplete=True))) == 39
    rejected = read_rejected(tmp_path / "out/msp_podcast_train")
    assert rejected[first] == "neither a label nor a partition"
    (copy / "Partitions.txt").write_text(f"Train; {first}\n")
    refuse(copy, rf"1 wavs outside Test3 without a label, first {first} \(Train\)")
    write_labels(copy / CSV, wavs)
    (copy / "Partitions.txt").write_text(f"Test2; {first}\n")
    message = r"1 contradictions between the lists, first .*_0001.wav \(partition Train by its l"
    refuse(copy, rf"{message}abel, Test2 by the list\)")
    write_speakers(copy, [wavs[0]._replace(speaker="7"), *wavs[1:]])
    (copy / "Partitions.txt").unlink()
    refuse(copy, r"first .*0001.wav \(speaker 300 by its label, 7 by the list\)")
    write_labels(copy / "Labels/labels_consensus.csv", wavs)
    refuse(copy, "holds labels_consensus.csv and labels_concensus.csv, of different releases; k")


def test_files_that_are_no_wav_of_the_corpus(tmp_path: Path, caplog):
    caplog.set_level(logging.INFO)
    copy = write_copy(tmp_path, small_plan())
    (copy / "Audios/notes.txt").touch()
    (copy / "Audios/MSP-PODCAST_0001_0001 (1).wav").touch()
    empty = copy / "Audios" / small_plan()[1].name
    empty.unlink()  # else all links would change
    empty.touch()
    refuse(
        copy,
        r"1 wavs without samples, first MSP-PODCAST_0001_0002.wav \(0 bytes\); 1 wavs of another "
        r"name, first MSP-PODCAST_0001_0001 \(1\).wav \(no name of",
    )
    assert "passed over: 1 files and folders among the wavs that are no wav" in caplog.text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("EmoClass", "Emotion", "labels_concensus.csv:2: lacks EmoClass; get the label file again"),
        (",A,", ",Q,", "labels_concensus.csv:2: emotion 'Q' is none of A S H U F D C N O X"),
        (",300,", ",3OO,", "csv:2: speaker '3OO' is neither a number nor Unknown"),
        (",Train", ",Training", "csv:2: partition 'Training' is none of Train Development Test1"),
        ("_0001.wav", ".wav", "csv:2: 'MSP-PODCAST_0001.wav' is no name of a wav of MSP-PODCAST"),
        ("_0002.wav", "_0001.wav", "csv:3: MSP-PODCAST_0001_0001.wav stands twice"),
    ],
)
def test_malformed_csv(old: str, new: str, message: str, tmp_path: Path):
    copy = write_copy(tmp_path, small_plan())
    text = (copy / CSV).read_text()
    assert old in text
    (copy / CSV).write_text(text.replace(old, new, 1))
    refuse(copy, message)


JSON = "Labels/labels_concensus.json"
WAV = "MSP-PODCAST_0001_0001"


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (JSON, "{", "labels_concensus.json: is no json with an entry for each wav"),
        (JSON, f'{{"{WAV}.wav": {{"EmoClass": "A"}}}}', f"{WAV}.wav: lacks SpkrID Split_Set"),
        (JSON, "{}", "labels_concensus.json: holds no labels"),
        ("Labels/labels.txt", f"{WAV}.wav; A; A:1;", "txt: does not say the partitions; Partit"),
        ("Partitions.txt", f"Trainer; {WAV}.wav\n", "txt:1: partition 'Trainer' is none of"),
        ("Speaker_ids.txt", f"\n{WAV}.wav\n", "txt:2: speaker '' is neither a number nor"),
        (f"Transcripts/{WAV}.txt", "\0", "0001.txt: is not text in utf-8"),
    ],
)
def test_malformed_lists(file: str, content: str, message: str, tmp_path: Path):
    copy = write_copy(tmp_path, small_plan())
    write_transcripts(copy, small_plan())
    if file.startswith("Labels"):
        (copy / CSV).unlink()
    (copy / file).write_text(content)
    refuse(copy, message)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("tests", "tests is 'x'; give out, in"),
        ("unknown_speakers", "unknown_speakers is 'x'; give alone, podcast, drop"),
        ("release", "release is 'x'; give a number such as 1.7, or odyssey"),
    ],
)
def test_options_that_cannot_be_served(option: str, message: str, tmp_path: Path):
    refuse(tmp_path / "copy", message, **{option: "x"})


@pytest.mark.parametrize(
    ("folder", "wavs", "rows", "release"),
    [
        ("/data/MSP_Podcast_v1.7/data", 1, 1, "1.7"),
        ("/data/Emo-challenge-odyssey", 1, 1, "odyssey"),
        ("/data/podcast", 73042, 73042, "1.8"),
        ("/data/podcast", 1, 264705, "2.0"),
        ("/data/1.8 or 1.11", 207136, 203936, "1.12"),
        ("/data/podcast-10.8.2024", 119421, 116221, "odyssey"),
    ],
)
def test_release_by_name_and_by_counts(folder: str, wavs: int, rows: int, release: str):
    assert release_of(Path(folder), wavs, rows) == release
    with pytest.raises(ValueError, match="/podcast: neither the folder's name nor 3 wavs and 2 l"):
        release_of(Path("/data/podcast"), 3, 2)


def test_published_counts_add_up():
    for release in ("1.11", "1.12", "odyssey"):
        counts = dict(COUNTS[release])
        assert counts.pop("utterances") == sum(counts.values()), release
    classes = {EMOTIONS[label]: number for label, number in CLASSES_1_8.items()}
    assert classes == {name: COUNTS["1.8"][name] for name in EMOTIONS.values()}
    assert sum(classes.values()) == COUNTS["1.8"]["utterances"]
    assert COUNTS["2.0"]["utterances"] - COUNTS["2.0"]["with labels"] == 3200

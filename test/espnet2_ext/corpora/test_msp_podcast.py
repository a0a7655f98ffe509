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

from espnet2_ext.corpora.copies import self_check
from espnet2_ext.corpora.msp_podcast import (
    COUNTS,
    EMOTIONS,
    PARTITIONS,
    Release,
    Row,
    has_unlabelled_test,
    prepare,
    release_of,
    select,
)
from espnet2_ext.data.directory import Utterance, read_data_directory, validate_data_directory
from espnet2_ext.data.tables import read_rejected

SMALL = dict(num_valid=4, num_test=6)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of release 1.8; a test that changes it puts it back."""
    return write_copy(
        tmp_path_factory.mktemp("podcast"), plan_1_8(), folder="MSP-PODCAST-Publish-1.8"
    )


def everyone(sets: dict[str, list[Utterance]]) -> list[Utterance]:
    """Return the utterances of all sets."""
    return [utterance for members in sets.values() for utterance in members]


def prepare_small(copy: Path, out: Path, **options: object) -> dict[str, list[Utterance]]:
    return prepare(copy, out, **{**SMALL, **options})


def refuse(copy: Path, message: str, **options: object) -> None:
    refused(prepare_small, copy, copy.parent / "data", message, **options)


def test_whole_release(whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    sets = prepare(whole.parent, tmp_path)
    assert {name: len(members) for name, members in sets.items()} == {
        "msp_podcast_train": 44879 + 7800 - 1000,
        "msp_podcast_valid": 500,
        "msp_podcast_test": 500,
    }
    assert len({utterance.wav for utterance in everyone(sets)}) == 44879 + 7800
    for name in sets:
        assert validate_data_directory(tmp_path / name) == len(sets[name])
    rejected = Counter(read_rejected(tmp_path / "msp_podcast_train").values())
    assert rejected == {
        "partition Test1, kept out": 15326,
        "partition Test2, kept out": 5037,
    }
    assert "tests out: 20363 utterances of Test1 to Test3" in caplog.text
    assert f"unknown speakers alone: {-(-73042 // 9)} utterances of the whole rel" in caplog.text
    assert "self-check passed" in caplog.text
    trained = {u.speaker for u in sets["msp_podcast_train"]}
    by_speaker = Counter(u.speaker for u in sets["msp_podcast_test"])
    assert set(by_speaker) <= trained and min(by_speaker.values()) >= 2


def test_whole_release_lacking_one_wav(whole: Path):
    name = next(wav.name for wav in plan_1_8() if wav.label == "A" and wav.partition == "Test1")
    with changed(whole / "Audios" / name):
        refuse(
            whole,
            "not a whole MSP-PODCAST 1.8: 73041 of 73042 utterances, 15325 of 15326 Test1, "
            "3217 of 3218 angry and 1 more counts; 1 labels or partitions without a wav "
            rf"\(of another release\?\), first {name} \(Test1, no wav in .*Audios\); get the",
        )


def test_what_is_known_of_an_utterance(tmp_path: Path):
    wavs = small_plan()
    copy = write_copy(tmp_path, wavs)
    write_transcripts(copy, wavs)
    sets = prepare_small(copy, tmp_path / "data", tests="in")
    by_wav = {Path(utterance.wav).name: utterance for utterance in everyone(sets)}
    assert by_wav.keys() == {wav.name for wav in wavs}
    assert by_wav["MSP-PODCAST_0001_0004_0001.wav"] == Utterance(
        utterance_id="podcast_s00303-MSP-PODCAST_0001_0004_0001",
        speaker="podcast_s00303",
        wav=f"{copy}/Audios/MSP-PODCAST_0001_0004_0001.wav",
        text="So this is 0001_0004, right?",
        emotion="sad",
        session="podcast0001",
        language="eng",
    )
    assert by_wav["MSP-PODCAST_0002_0010.wav"].speaker == "podcast_u0002_0010"
    assert {Counter(u.emotion for u in by_wav.values())["contemptuous"]} == {6}
    assert set(Counter(u.emotion for u in by_wav.values())) == {
        *("angry", "sad", "happy", "surprised", "fearful", "disgusted", "contemptuous"),
        *("neutral", "other", "no_agreement"),
    }
    for name in sets:
        tables = read_data_directory(tmp_path / "data" / name)
        assert {"wav.scp", "utt2spk", "text", "utt2emo", "utt2session", "utt2lang"} == set(tables)
        assert not (tmp_path / "data" / name / "words.tsv").exists()


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
    in_tests = [name for name in names if partition[name].startswith("Test")]
    assert bool(in_tests) == (tests == "in")
    rejected = read_rejected(tmp_path / "data/msp_podcast_train")
    assert len(names) + len(rejected) == 60
    assert tests == "out" or len(names) == left
    assert names.get("MSP-PODCAST_0001_0010.wav") == speaker  # a Validation utterance
    dropped = [why for why in rejected.values() if why == "speaker unknown, dropped"]
    assert bool(dropped) == (choice == "drop")
    assert f"tests {tests}: 20 utterances" in caplog.text
    assert f"unknown speakers {choice}: 6 utterances" in caplog.text


@pytest.mark.parametrize(
    ("audio", "labels", "partitions"),
    [
        ("Audio", "label/labels_concensus.json", None),
        ("Audios", "Labels/labels_consensus.csv", "Partitions.txt"),
        ("audios", "Labels/labels_consensus.json", "Partition.txt"),
        ("Audios", "Labels/labels.txt", "Partitions.txt"),
        ("Audios", "Labels/Labels.txt", "Partition.txt"),
    ],
)
def test_every_layout(audio: str, labels: str, partitions: str | None, tmp_path: Path):
    reference = everyone(prepare_small(write_copy(tmp_path, small_plan()), tmp_path / "a"))
    copy = write_copy(
        tmp_path / "deep/er",
        small_plan(validation="Development" if partitions else "Validation"),
        audio=audio,
        labels=labels,
        partitions=partitions,
    )
    write_speakers(copy, small_plan())
    found = everyone(prepare_small(tmp_path / "deep", tmp_path / "b"))
    assert [(u.utterance_id, u.emotion) for u in found] == [
        (u.utterance_id, u.emotion) for u in reference
    ]


def test_a_label_list_with_a_byte_order_mark(tmp_path: Path):
    copy = write_copy(tmp_path, small_plan())
    path = copy / "Labels/labels_concensus.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert len(everyone(prepare_small(copy, tmp_path / "data", tests="in"))) == 60


@pytest.mark.parametrize("listed", [True, False])
def test_the_unlabelled_test(listed: bool, tmp_path: Path):
    third = [Wav(f"MSP-PODCAST_0900_{n:04d}.wav", "X", "Unknown", "Test3") for n in range(5)]
    wavs = small_plan(validation="Development")
    copy = write_copy(
        tmp_path,
        [*wavs, *third],
        folder="MSP-PODCAST-Publish-1.12",
        labels="Labels/labels_consensus.csv",
        partitions="Partitions.txt" if listed else None,
    )
    write_labels(copy / "Labels/labels_consensus.csv", wavs)
    write_transcripts(copy, wavs)
    refuse(
        copy,
        "MSP-PODCAST 1.12: 65 of 207136 utterances, 30 of 112712 Train, 10 of 31961 Development "
        "and 3 more counts; get",
    )
    sets = prepare_small(copy, tmp_path / "data", tests="in", allow_incomplete=True)
    assert Counter(u.emotion for u in everyone(sets))["unlabelled"] == 5
    assert {u.text for u in everyone(sets)} == {None}, "Test3 has no transcripts"
    words = (tmp_path / "data/msp_podcast_train/words.tsv").read_text().splitlines()
    train = [u for u in sets["msp_podcast_train"] if u.emotion != "unlabelled"]
    assert [line.split("\t")[0] for line in words] == [u.utterance_id for u in train]
    sets = prepare_small(copy, tmp_path / "data", allow_incomplete=True)
    assert "unlabelled" not in {u.emotion for u in everyone(sets)}
    assert None not in {u.text for u in everyone(sets)}
    assert not (tmp_path / "data/msp_podcast_train/words.tsv").exists()
    assert Counter(read_rejected(tmp_path / "data/msp_podcast_train").values()) == {
        "partition Test1, kept out": 10,
        "partition Test2, kept out": 10,
        "partition Test3, kept out": 5,
    }


def test_labels_of_another_release(tmp_path: Path):
    copy = write_copy(tmp_path, small_plan())
    write_labels(copy / "Labels/labels_concensus.csv", small_plan()[1:])
    wav = small_plan()[0].name
    refuse(copy, rf"1 wavs without a label or partition, first {wav} \(neither a label nor")
    sets = prepare_small(copy, tmp_path / "out", allow_incomplete=True, tests="in")
    assert len(everyone(sets)) == 59
    assert read_rejected(tmp_path / "out/msp_podcast_train") == {
        wav: "neither a label nor a partition"
    }
    write_labels(copy / "Labels/labels_consensus.csv", small_plan())
    refuse(copy, "holds labels_consensus.csv and labels_concensus.csv, of different releases; k")


def test_lists_that_contradict_each_other(tmp_path: Path):
    wavs = small_plan()
    other = [wavs[0]._replace(partition="Test2"), *wavs[1:]]
    copy = write_copy(tmp_path, other, partitions="Partitions.txt")
    write_labels(copy / "Labels/labels_concensus.csv", wavs)
    refuse(
        copy,
        rf"1 contradictions between the lists, first {wavs[0].name} \(Train by its label, Test2 "
        r"by the list\)",
    )
    write_labels(copy / "Labels/labels_concensus.csv", other)
    write_speakers(copy, [wavs[0]._replace(speaker="7"), *wavs[1:]])
    refuse(copy, r"first .*0001.wav \(speaker 300 by its label, 7 by the list\)")


def test_partition_without_label(tmp_path: Path):
    copy = write_copy(tmp_path, small_plan(), partitions="Partitions.txt")
    write_labels(copy / "Labels/labels_concensus.csv", small_plan()[1:])
    refuse(copy, r"1 wavs outside Test3 without a label, first .*_0001.wav \(Train\)")


def test_files_that_are_no_wav_of_the_corpus(tmp_path: Path, caplog):
    caplog.set_level(logging.INFO)
    copy = write_copy(tmp_path, small_plan())
    (copy / "Audios/notes.txt").touch()
    (copy / "Audios/MSP-PODCAST_0001_0001 (1).wav").touch()
    empty = copy / "Audios" / small_plan()[1].name
    empty.unlink()
    empty.touch()
    refuse(
        copy,
        r"1 wavs without samples, first MSP-PODCAST_0001_0002.wav \(0 bytes\); 1 wavs of another "
        r"name, first MSP-PODCAST_0001_0001 \(1\).wav \(no name of",
    )
    assert "passed over: 2 hidden files and folders" in caplog.text
    assert "passed over: 1 files and folders among the wavs that are no wav" in caplog.text


def test_earlier_releases_inside_a_release_are_not_read(tmp_path: Path):
    copy = write_copy(tmp_path, small_plan())
    write_copy(
        copy / "Previous_releases_information/files_removed_from_prev_versions",
        [Wav("MSP-PODCAST_0999_0001.wav", "A", "1", "Train")],
        folder="1.6",
    )
    assert len(everyone(prepare_small(tmp_path, tmp_path / "data", tests="in"))) == 60


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("EmoClass", "Emotion", "labels_concensus.csv: lacks the columns EmoClass; get it again"),
        (",A,", ",Q,", "labels_concensus.csv:2: emotion 'Q' is none of A S H U F D C N O X"),
        (",300,", ",3OO,", "csv:2: speaker '3OO' is neither a number nor Unknown"),
        (",Train", ",Training", "csv:2: partition 'Training' is none of Train Development Test1"),
        ("_0001.wav", ".wav", "csv:2: 'MSP-PODCAST_0001.wav' is no name of a wav of MSP-PODCAST"),
        ("_0002.wav", "_0001.wav", "csv:3: MSP-PODCAST_0001_0001.wav stands twice"),
    ],
)
def test_malformed_csv(old: str, new: str, message: str, tmp_path: Path):
    copy = write_copy(tmp_path, small_plan())
    path = copy / "Labels/labels_concensus.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    refuse(copy, message)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("Labels/labels_concensus.json", "{", "labels_concensus.json: is not json"),
        ("Labels/labels_concensus.json", "[]", "expected an object with an entry for each wav"),
        (
            "Labels/labels_concensus.json",
            '{"MSP-PODCAST_0001_0001.wav": {"EmoClass": "A"}}',
            "MSP-PODCAST_0001_0001.wav: lacks some of EmoClass SpkrID Split_Set",
        ),
        ("Labels/labels_concensus.json", "{}", "labels_concensus.json: holds no labels"),
        ("Labels/labels.txt", "", "labels.txt: holds no labels"),
        (
            "Labels/labels.txt",
            "MSP-PODCAST_0001_0001.wav; A; A:1; V:1; D:1;",
            "labels.txt: does not say the partitions; Partitions.txt is needed in",
        ),
        ("Partitions.txt", "Train\n", "Partitions.txt:1: '' is no name of a wav"),
        ("Speaker_ids.txt", "\nMSP-PODCAST_0001_0001.wav\n", "txt:2: expected '<file name>;<spe"),
        ("Transcripts/MSP-PODCAST_0001_0001.txt", "\0", "0001.txt: is not text in utf-8"),
    ],
)
def test_malformed_lists(file: str, content: str, message: str, tmp_path: Path):
    copy = write_copy(tmp_path, small_plan())
    write_transcripts(copy, small_plan())
    if file.startswith("Labels"):
        (copy / "Labels/labels_concensus.csv").unlink()
    (copy / file).write_text(content)
    refuse(copy, message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(tests="yes"), "tests is 'yes'; give out or in"),
        (dict(unknown_speakers="x"), "unknown_speakers is 'x'; give alone, podcast, drop"),
        (dict(release="v1"), "release is 'v1'; give a number such as 1.7, or odyssey"),
        (dict(num_valid=60), "40 utterances, of which 60 for validation and 6 for the test"),
    ],
)
def test_options_that_cannot_be_served(options: dict, message: str, tmp_path: Path):
    refuse(write_copy(tmp_path, small_plan()), message, **options)


def test_wrong_root(tmp_path: Path):
    copy = write_copy(tmp_path / "a", small_plan())
    expected = r"a release of MSP-PODCAST, that is a folder with Audios \(or Audio\) and, in Label"
    refuse(copy / "Audios", f"Audios: no MSP-PODCAST here .*expected {expected}")


@pytest.mark.parametrize(
    ("folder", "wavs", "rows", "release"),
    [
        ("/data/MSP-PODCAST-Publish-1.12", 1, 1, "1.12"),
        ("/data/MSP_Podcast_v1.7/data", 1, 1, "1.7"),
        ("/data/Emo-challenge-odyssey", 1, 1, "odyssey"),
        ("/data/podcast", 73042, 73042, "1.8"),
        ("/data/podcast", 151654, 149307, "1.11"),
        ("/data/podcast", 1, 264705, "2.0"),
        ("/data/1.8 or 1.11", 207136, 203936, "1.12"),
        ("/data/podcast-10.8.2024", 119421, 116221, "odyssey"),
    ],
)
def test_release_by_name_and_by_counts(folder: str, wavs: int, rows: int, release: str):
    assert release_of(Path(folder), wavs, rows) == release
    with pytest.raises(ValueError, match="/podcast: neither the folder's name nor 3 wavs and 2 l"):
        release_of(Path("/data/podcast"), 3, 2)


def test_unlabelled_test_since_1_11():
    assert [has_unlabelled_test(r) for r in ("1.8", "1.10", "1.11", "2.0", "odyssey")] == [
        *(False, False, True, True, True)
    ]


def test_published_counts_add_up():
    for release in ("1.11", "1.12", "odyssey"):
        counts = dict(COUNTS[release])
        assert counts.pop("utterances") == sum(counts.values()), release
    classes = {EMOTIONS[label]: number for label, number in CLASSES_1_8.items()}
    assert classes == {name: COUNTS["1.8"][name] for name in EMOTIONS.values()}
    assert sum(classes.values()) == COUNTS["1.8"]["utterances"]
    assert COUNTS["2.0"]["utterances"] - COUNTS["2.0"]["with labels"] == 3200


@pytest.mark.parametrize("lacking", ["", "Development", "Test3"])
def test_whole_1_11_and_one_utterance_less(lacking: str):
    release = Release(Path("/db"), Path("/db/Audios"))
    number = 0
    for partition in PARTITIONS:
        for _ in range(COUNTS["1.11"][partition] - (partition == lacking)):
            name = f"MSP-PODCAST_{number // 100:04d}_{number % 100:04d}.wav"
            number += 1
            release.sizes[name] = 32044
            if partition != "Test3":
                release.rows[name] = Row("N", number % 1409, partition)
    selection = select(release, "1.11", tests="out", unknown_speakers="alone")
    arguments = ("/db", "MSP-PODCAST 1.11", COUNTS["1.11"], selection.found, selection.faults)
    if not lacking:
        self_check(*arguments)
        assert len(selection.kept) == 84030 + 19815
        assert selection.hours == pytest.approx((84030 + 19815) / 3600)
        return
    wanted = COUNTS["1.11"][lacking]
    message = f"151653 of 151654 utterances, {wanted - 1} of {wanted} {lacking}; get the missing"
    with pytest.raises(ValueError, match=message):
        self_check(*arguments)

"""ESD on made-up copies with all 35,000 utterances, whole and broken in every way."""

from collections import Counter
from pathlib import Path

import pytest
from reference.changes import added, changed
from reference.esd_copy import UTF16, change_transcript, words_of, write_copy

from espnet2_ext.corpora.copies import self_check
from espnet2_ext.corpora.esd import (
    SPEAKERS,
    EsdId,
    choose_speakers,
    expected_ids,
    gender_of,
    language_of,
    parse_id,
    prepare,
    tally,
)
from espnet2_ext.data.directory import Utterance, read_data_directory, validate_data_directory
from espnet2_ext.data.tables import read_rejected, read_table

Sets = dict[str, list[Utterance]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of all speakers; a test that changes it puts it back."""
    return write_copy(tmp_path_factory.mktemp("esd"))


@pytest.fixture(scope="module")
def prepared(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Sets, Path]:
    """Return the sets of the whole copy and where their directories are."""
    folder = tmp_path_factory.mktemp("data")
    return prepare(whole.parent, folder), folder


def refused(whole: Path, tmp_path: Path, message: str) -> None:
    """Check that 0013 is refused with this message and that nothing is written."""
    with pytest.raises(ValueError, match=message) as caught:
        prepare(whole, tmp_path / "data", speakers=["0013"])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "data").exists()


def test_whole_corpus(prepared: tuple[Sets, Path]):
    sets, folder = prepared
    assert {name: len(utterances) for name, utterances in sets.items()} == {
        "esd_train": 30000,
        "esd_valid": 2000,
        "esd_test": 3000,
    }
    english = 0
    for name, utterances in sets.items():
        assert validate_data_directory(folder / name) == len(utterances)
        assert set(read_data_directory(folder / name).tables) == {
            *("wav.scp", "utt2spk", "text", "utt2emo", "utt2lang")
        }
        assert not read_rejected(folder / name)
        genders = read_table(folder / name / "spk2gender")
        assert len(genders) == 20 and (genders["0012"], genders["0019"]) == ("m", "f")
        english += sum(utterance.language == "eng" for utterance in utterances)
        for emotion, number in Counter(u.emotion for u in utterances).items():
            assert (emotion, number * 5) == (emotion, len(utterances))
    assert english == 17500


def test_every_utterance_is_what_its_path_says(prepared: tuple[Sets, Path]):
    sets, _ = prepared
    sentences = {"esd_valid": (1, 20), "esd_test": (21, 50), "esd_train": (51, 350)}
    emotions = dict(
        Neutral="neutral", Angry="angry", Happy="happy", Sad="sad", Surprise="surprised"
    )
    for name, utterances in sets.items():
        first, last = sentences[name]
        for utterance in utterances:
            *_, speaker, folder, file = utterance.wav.split("/")
            sentence = (int(file[5:11]) - 1) % 350 + 1
            assert first <= sentence <= last and utterance.wav.startswith("/")
            assert utterance.utterance_id == f"{speaker}-{file[:-4]}"
            assert (utterance.speaker, utterance.emotion) == (speaker, emotions[folder])
            assert utterance.text == words_of(speaker, sentence)
            assert utterance.language == ("cmn" if int(speaker) <= 10 else "eng")


def test_pairs_directories(prepared: tuple[Sets, Path]):
    _, folder = prepared
    for name, number in (("esd_valid", 20 * 20 * 3), ("esd_test", 20 * 30 * 3)):
        present = read_table(folder / name / "wav.scp").keys()
        for rule in ("same_voice", "parallel"):
            directory = folder / name / "pairs" / rule
            pairs = read_table(directory / "pairs")
            assert len(pairs) == number
            assert {utt for value in pairs.values() for utt in value.split()} <= present
            assert set(read_table(directory / "targets").values()) <= present
            assert len(read_table(directory / "wrong_sentence")) == number // 3
            assert set(Counter(read_table(directory / "conditions").values())) == {
                *("neutral-angry", "neutral-happy", "neutral-sad")
            }
    assert not (folder / "esd_train/pairs").exists()


def test_rerun_touches_nothing_but_lists(whole: Path, tmp_path: Path):
    prepare(whole, tmp_path, speakers=["0013"])
    tables = [path for name in ("train", "valid") for path in (tmp_path / f"esd_{name}").iterdir()]
    tables = [path for path in tables if path.name in ("wav.scp", "text", "utt2emo", "utt2spk")]
    times = {path: path.stat().st_mtime_ns for path in tables}
    prepare(whole, tmp_path, speakers=["0013"])
    assert len(times) == 8 and {path: path.stat().st_mtime_ns for path in tables} == times


@pytest.mark.parametrize("speaker", ["0001", "0003", "0011", "0016", "0012"])
@pytest.mark.parametrize("encoding", [None, "utf-8"])
def test_other_layout_in_every_encoding(speaker: str, encoding: str | None, tmp_path: Path):
    copy = write_copy(
        tmp_path,
        [speaker],
        split_folders=True,
        encoding=encoding,
        sentences=(18, 19, 20, 21, 22, 23, 51),
    )
    head = (copy / speaker / f"{speaker}.txt").read_bytes()[:2]
    assert (head == b"\xff\xfe") == (encoding is None and speaker in UTF16)
    sets = prepare(copy, tmp_path / "data", speakers=[speaker], allow_incomplete=True)
    texts = {u.utterance_id: u.text for u in sets["esd_test"]}
    assert len(texts) == 15
    assert texts[f"{speaker}-{speaker}_000722"] == words_of(speaker, 22)
    assert validate_data_directory(tmp_path / "data/esd_test") == 15


def test_one_speaker_has_the_pairs_it_has_among_all(
    prepared: tuple[Sets, Path], whole: Path, tmp_path: Path
):
    prepare(whole, tmp_path, speakers=["0013"])
    _, folder = prepared
    for table in ("pairs", "targets", "conditions", "wrong_sentence"):
        among_all = read_table(folder / "esd_valid/pairs/same_voice" / table)
        assert read_table(tmp_path / "esd_valid/pairs/same_voice" / table) == {
            key: value for key, value in among_all.items() if key.startswith("0013")
        }


def test_missing_wav(whole: Path, tmp_path: Path):
    with changed(whole / "0013/Angry/0013_000401.wav"):
        refused(
            whole,
            tmp_path,
            "ESD: 1749 of 1750 utterances, 299 of 300 0013/angry/train, .*; 1 wavs missing, first "
            "0013_000401; get the missing part again",
        )
        prepare(whole, tmp_path, speakers=["0014"])  # who is not asked for is not looked at


def test_unreadable_wav(whole: Path, tmp_path: Path):
    with changed(whole / "0013/Sad/0013_001060.wav", b"<html>404</html>"):
        refused(
            whole,
            tmp_path,
            "1749 of 1750 utterances, 19 of 20 0013/sad/evaluation, .*; 1 wavs unreadable, first "
            r"0013/Sad/0013_001060.wav \(not readable as audio: Error opening",
        )


def test_wav_without_samples(whole: Path, tmp_path: Path):
    content = (whole / "0013/Sad/0013_001060.wav").read_bytes()
    with changed(
        whole / "0013/Sad/0013_001060.wav", content[: content.index(b"data") + 4] + bytes(4)
    ):
        refused(whole, tmp_path, r"1 wavs unreadable, .*0013_001060.wav \(holds no samples\)")


def test_wav_too_many(whole: Path, tmp_path: Path):
    with added(whole / "0013/Surprise/0013_001751.wav"):
        refused(
            whole, tmp_path, r"ESD: 1 wavs too many, first 0013/Surprise/0013_001751.wav \(no u"
        )


def test_folder_against_id(whole: Path, tmp_path: Path):
    (whole / "0013/Sad/0013_001060.wav").rename(whole / "0013/Happy/0013_001060.wav")
    try:
        refused(
            whole,
            tmp_path,
            "1749 of 1750 utterances, 19 of 20 0013/sad/evaluation, .*; 1 wavs missing, first "
            "0013_001060; 1 wavs whose folder contradicts their id, first "
            r"0013/Happy/0013_001060.wav \(sad by its id, happy by its folder\)",
        )
    finally:
        (whole / "0013/Happy/0013_001060.wav").rename(whole / "0013/Sad/0013_001060.wav")


def test_missing_emotion_and_missing_speaker(whole: Path, tmp_path: Path):
    with changed(whole / "0013/Happy"):
        refused(
            whole,
            tmp_path,
            "1400 of 1750 utterances, 0 of 20 0013/happy/eval",
        )
    with changed(whole / "0013"):
        refused(
            whole,
            tmp_path,
            "0 of 1750 utterances, .*; 1 folders or transcripts not there, first 0013/; 1750",
        )


def test_missing_transcript(whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    with changed(whole / "0013/0013.txt"):
        refused(
            whole,
            tmp_path,
            "1 folders or transcripts not there, first 0013/0013.txt; 1750 utterances without "
            "words in the transcripts, first 0013-0013_000001",
        )
        sets = prepare(whole, tmp_path, speakers=["0013"], allow_incomplete=True)
    assert {utterance.text for utterance in sets["esd_test"]} == {None}
    assert "the table text is left out" in caplog.text
    assert not (tmp_path / "esd_test/text").exists()


def test_undecodable_transcript(whole: Path, tmp_path: Path):
    with changed(whole / "0013/0013.txt", b"0013_000001\tA\x81\tNeutral"):
        refused(whole, tmp_path, "0013/0013.txt: is not text in utf-8-sig or cp1252; save it as UT")


def test_lines_without_tabs_and_without_words(whole: Path, tmp_path: Path, caplog):
    caplog.set_level("INFO")
    path = whole / "0013/0013.txt"
    with changed(path):
        path.write_bytes(path.with_name(".0013.txt.aside").read_bytes())
        for old, new in (
            ("0013_000371\tThe clock stopped at 21.\tAngry", "0013_000371 THE clock, 21. Angry"),
            ("0013_000022\tThe clock stopped at 22.\tNeutral", ""),
            ("0013_000023\tThe clock stopped at 23.\tNeutral", "0013_000023\tReally 23.\tSad"),
        ):
            change_transcript(whole, "0013", old, new)
        sets = prepare(whole, tmp_path, speakers=["0013"])
    texts = {utterance.utterance_id: utterance.text for utterance in sets["esd_test"]}
    assert texts["0013-0013_000371"] == "THE clock, 21."
    assert texts["0013-0013_000022"] == "The clock stopped at 22."
    assert texts["0013-0013_000023"] == "Really 23."
    assert {u.utterance_id: u.emotion for u in sets["esd_test"]}["0013-0013_000023"] == "neutral"
    assert (tmp_path / "esd_test/text_repairs.tsv").read_text().splitlines() == [
        "0013-0013_000022\tno line of its own; the words of 0013_000372, the same sentence",
        "0013-0013_000371\tthe line is not id, words and label with tabs (not a known defect)",
    ]
    assert (tmp_path / "esd_train/text_repairs.tsv").read_text() == ""
    assert "2 texts repaired" in caplog.text
    assert "passed over: 1 labels of transcripts that contradict the id" in caplog.text


def test_what_cannot_be_used_is_listed_where_the_incomplete_is_allowed(tmp_path: Path, caplog):
    copy = write_copy(tmp_path, ["0013"], sentences=range(18, 53))
    (copy / "0013/Angry/0013_000371.wav").unlink()
    (copy / "0013/Sad/0013_001072.wav").unlink()
    (copy / "0013/Sad/0013_001072.wav").write_bytes(b"")
    (copy / "0013/Sad/0013_001101.wav").rename(copy / "0013/Happy/0013_001101.wav")
    (copy / "0013/Happy/copy.wav").touch()
    prepare(copy, tmp_path / "data", allow_incomplete=True, speakers=["0013"])
    test, train = (read_rejected(tmp_path / "data" / name) for name in ("esd_test", "esd_train"))
    unreadable = test.pop("0013-0013_001072")
    assert unreadable.startswith("0013/Sad/0013_001072.wav: not readable as audio: Error opening")
    assert test == {"0013-0013_000371": f"no wav in {copy}"}
    assert train["0013/Happy/0013_001101.wav"] == "sad by its id, happy by its folder"
    assert train["0013/Happy/copy.wav"] == "no utterance of ESD has this name"
    assert train["0013-0013_001101"] == f"no wav in {copy}"
    assert len(read_table(tmp_path / "data/esd_test/pairs/same_voice/pairs")) == 88
    assert (
        "esd_test: 2 pairs left out, utterances are missing; first 0013-0013_000021" in caplog.text
    )
    assert "going on with what is there" in caplog.text


def test_sets_that_cannot_be_made_are_an_error_even_where_the_incomplete_is_allowed(tmp_path: Path):
    options = dict(speakers=["0013"], allow_incomplete=True)
    for sentences, message in (
        ((1, 2, 3, 51), "no utterance of esd_test is there; unpack it again"),
        ((1, 2, 3, 21, 51), "esd_test: no neutral utterance has a partner in angry happy sad; unp"),
    ):
        copy = write_copy(tmp_path / str(len(sentences)), ["0013"], sentences=sentences)
        with pytest.raises(ValueError, match=message):
            prepare(copy, tmp_path / "data", **options)
        assert not (tmp_path / "data").exists()


ROOT = Path("/corpora/ESD")


def test_tally_of_the_whole_corpus():
    counts = tally(expected_ids(SPEAKERS))
    assert (counts["utterances"], counts["english"], counts["mandarin"]) == (35000, 17500, 17500)
    assert (counts["evaluation"], counts["test"], counts["train"]) == (2000, 3000, 30000)
    assert {counts[speaker] for speaker in SPEAKERS} == {1750}
    assert counts["0013/angry/train"] == 300 and counts["0013/angry/test"] == 30
    assert counts["0013/angry/evaluation"] == 20 and counts["surprised"] == 7000
    assert len(counts) == 1 + 2 + 20 + 5 + 3 + 20 * 5 * 3


def test_counts_that_differ(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    expected = tally(expected_ids(["0013"]))
    self_check(ROOT, "ESD", expected, expected)
    assert "self-check passed" in caplog.text and "/angry/" not in caplog.text
    kept = [key for key in expected_ids(["0013"]) if key.number not in (1, 371, 372, 401, 1750)]
    with pytest.raises(ValueError, match=r": 1745 of 1750 utterances, 19 of 20 0013/neutral/eval"):
        self_check(ROOT, "ESD", expected, tally(kept))
    rows = [" ".join(message.split()) for message in caplog.messages]
    assert "0013 1750 1745 differs" in rows and "happy 350 350" in rows
    assert "0013/angry/test 30 28 differs" in rows and "0013/happy/test 30 30" not in rows


@pytest.mark.parametrize(
    ("name", "emotion", "sentence", "split"),
    [
        ("0011_000001", "neutral", 1, "evaluation"),
        ("0011_000020", "neutral", 20, "evaluation"),
        ("0011_000021", "neutral", 21, "test"),
        ("0011_000350", "neutral", 350, "train"),
        # As in the published lists of speaker 0013: evaluation, test, train of angry.
        ("0013_000351", "angry", 1, "evaluation"),
        ("0013_000370", "angry", 20, "evaluation"),
        ("0013_000371", "angry", 21, "test"),
        ("0013_000400", "angry", 50, "test"),
        ("0013_000401", "angry", 51, "train"),
        ("0013_000700", "angry", 350, "train"),
        ("0001_000701", "happy", 1, "evaluation"),
        ("0001_001400", "sad", 350, "train"),
        ("0020_001401", "surprised", 1, "evaluation"),
        ("0020_001750", "surprised", 350, "train"),
    ],
)
def test_everything_is_in_the_id(name: str, emotion: str, sentence: int, split: str):
    key = parse_id(name)
    assert key is not None and (key.emotion, key.sentence, key.split) == (emotion, sentence, split)
    assert str(key) == name and key.utterance_id == f"{name[:4]}-{name}"


@pytest.mark.parametrize(
    "name",
    [
        *("0011_000000", "0011_001751", "0000_000001", "0021_000001", "0011_1", "0011_0000010"),
        *("x0011_000001", "0011-000001", "００１１_000001", ""),
    ],
)
def test_what_is_no_id(name: str):
    assert parse_id(name) is None


def test_partners_are_350_apart():
    key = EsdId("0013", 371)
    assert [str(key.in_emotion(e)) for e in ("neutral", "angry", "happy", "sad", "surprised")] == [
        *("0013_000021", "0013_000371", "0013_000721", "0013_001071", "0013_001421")
    ]


def test_all_ids():
    ids = expected_ids(SPEAKERS)
    assert len(set(ids)) == 35000 and ids == sorted(ids)
    assert Counter(key.split for key in ids) == {"train": 30000, "evaluation": 2000, "test": 3000}
    assert Counter(language_of(key.speaker) for key in ids) == {"mandarin": 17500, "english": 17500}
    assert set(Counter((key.speaker, key.emotion) for key in ids).values()) == {350}


def test_women_and_men_of_the_readme():
    women = [speaker for speaker in SPEAKERS if gender_of(speaker) == "f"]
    assert women == [
        *("0001", "0002", "0003", "0007", "0009", "0015", "0016", "0017", "0018", "0019")
    ]
    assert {gender_of(speaker) for speaker in SPEAKERS} == {"f", "m"}


def test_choice_of_speakers():
    assert choose_speakers("both", None) == SPEAKERS and len(SPEAKERS) == 20
    assert choose_speakers("mandarin", []) == SPEAKERS[:10]
    assert choose_speakers("english", None) == SPEAKERS[10:]
    assert choose_speakers("english", ["0020", "0013", "0013"]) == ("0013", "0020")
    assert choose_speakers("both", ["0013", "0001"]) == ("0001", "0013")


@pytest.mark.parametrize(
    ("language", "speakers", "message"),
    [
        ("French", None, "language is 'French'; give english, mandarin or both"),
        ("both", ["13"], "speaker '13': ESD has 0001 to 0020; give four digits"),
        ("english", ["0001"], "speaker 0001 speaks mandarin, not english; give language mandarin"),
    ],
)
def test_wrong_choice_is_one_line(language: str, speakers: list[str] | None, message: str):
    with pytest.raises(ValueError, match=message):
        choose_speakers(language, speakers)

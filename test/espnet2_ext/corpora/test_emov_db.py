"""EmoV-DB on synthetic copies; see also test_acted.py."""

from collections import Counter
from pathlib import Path

import pytest
from reference.acted_copies import NUM_SENTENCES, stem_of, write_emov_db, write_prompts, write_tiny

from espnet2_ext.corpora.emov_db import parse_folder, parse_name, prepare
from espnet2_ext.data.directory import Utterance, read_data_directory, validate_data_directory
from espnet2_ext.data.tables import read_rejected, read_table

Sets = dict[str, list[Utterance]]
TARGETS = ("amused", "angry", "disgusted", "sleepy")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a whole copy; a test that changes it puts it back."""
    return write_emov_db(tmp_path_factory.mktemp("emov") / "corpora")


@pytest.fixture(scope="module")
def prepared(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Sets, Path]:
    """Return the sets of the whole copy and where their directories are."""
    folder = tmp_path_factory.mktemp("data")
    prompts = write_prompts(folder / "arctic.data")
    return prepare(whole.parent.parent, folder, prompts=prompts), folder


def number_of(utterance_id: str) -> int:
    return int(utterance_id[-4:])


def test_whole_corpus(prepared: tuple[Sets, Path]):
    sets, folder = prepared
    utterances = [utterance for members in sets.values() for utterance in members]
    left_out = [key for name in sets for key in read_rejected(folder / name)]
    # Three of the six sentences that are said twice are in sets with pairs.
    twice = {"bea-neutral_1-30_0020", "sam-amused_1-30_0010", "sam-sleepiness_1-30_0005"}
    assert set(left_out) == twice
    assert len(utterances) == 6893 - 3
    assert Counter(u.emotion for u in utterances) == {
        **dict(amused=1317 - 1, angry=1268, disgusted=1019),
        **dict(neutral=1568 - 1, sleepy=1721 - 1),
    }
    for name, members in sets.items():
        assert validate_data_directory(folder / name) == len(members)
        tables = {"wav.scp", "utt2spk", "text", "utt2emo", "utt2lang"}
        assert set(read_data_directory(folder / name)) == tables
        genders = read_table(folder / name / "spk2gender")
        assert genders == dict(bea="f", jenie="f", josh="m", sam="m")
    sentences = {name: {number_of(u.utterance_id) for u in sets[name]} for name in sets}
    assert not sentences["emov_db_train"] & (sentences["emov_db_test"] | sentences["emov_db_valid"])
    assert sentences["emov_db_test"] == set(range(10, 502, 10))
    assert sentences["emov_db_valid"] == set(range(5, 502, 20))
    for utterance in utterances:
        *_, place, file = utterance.wav.split("/")
        speaker, emotion = place.split("_")
        assert utterance.wav.startswith("/") and utterance.language == "eng"
        assert utterance.utterance_id == f"{speaker}-{file[:-4]}"
        assert (utterance.speaker, utterance.emotion) == (speaker, emotion.lower())
        assert utterance.text == f'Sentence {int(file[-8:-4])}, a "Café".'


def test_pairs_are_all_that_the_corpus_allows(prepared: tuple[Sets, Path]):
    sets, folder = prepared
    for name in ("emov_db_valid", "emov_db_test"):
        said = {(u.speaker, u.emotion, number_of(u.utterance_id)) for u in sets[name]}
        possible = Counter(
            f"neutral-{emotion}"
            for speaker, kind, number in said
            for emotion in TARGETS
            if kind == "neutral" and (speaker, emotion, number) in said
        )
        for rule in ("same_voice", "parallel"):  # test_pairs.py has the rules
            directory = folder / name / "pairs" / rule
            assert Counter(read_table(directory / "conditions").values()) == possible
            for pair, value in read_table(directory / "pairs").items():
                source, prosody, _ = map(number_of, value.split())
                assert (source == prosody) == (rule == "parallel"), pair
    assert not (folder / "emov_db_train/pairs").exists()


def test_sorted_layout_folders_in_between_and_options(tmp_path: Path, caplog):
    caplog.set_level("INFO")
    copy = write_emov_db(tmp_path, is_sorted=True, last=50)
    (copy / "bea/Amused").rename(tmp_path / "aside")
    (copy / "bea/Amused/bea_Amused").mkdir(parents=True)
    (tmp_path / "aside").rename(copy / "bea/Amused/bea_Amused/wavs")
    sets = prepare(tmp_path, tmp_path / "data", allow_incomplete=True)
    assert sum(map(len, sets.values())) == 18 * 50 + 6 - 3
    assert {u.speaker for u in sets["emov_db_test"]} == set(NUM_SENTENCES)
    assert "no cmuarctic.data: the table text is left out; say --prompts" in caplog.text
    assert "another rate" not in caplog.text
    assert not (tmp_path / "data/emov_db_test/text").exists()
    assert "15 neutral-disgusted, 20 neutral-sleepy; 10 others" in caplog.text
    drawn = []
    for seed in (0, 1):
        prepare(copy, tmp_path / "data", targets=["sleepy"], seed=seed, allow_incomplete=True)
        directory = tmp_path / "data/emov_db_test/pairs/same_voice"
        assert Counter(read_table(directory / "conditions").values()) == {"neutral-sleepy": 20}
        drawn.append(read_table(directory / "pairs"))
    assert drawn[0].keys() == drawn[1].keys() and drawn[0] != drawn[1]


def test_prompts_in_the_folder_and_prompts_that_are_wrong(tmp_path: Path):
    copy = write_emov_db(tmp_path, last=50)
    options = dict(allow_incomplete=True)
    write_prompts(copy / "cmuarctic.data", last=50)
    sets = prepare(copy, tmp_path / "data", **options)
    assert sets["emov_db_test"][0].text == 'Sentence 10, a "Café".'
    write_prompts(copy / "cmuarctic.data", last=48)
    with pytest.raises(ValueError, match="2 prompts are not there, first arctic_a0049; get cmuarc"):
        prepare(copy, tmp_path / "data", **options)
    with pytest.raises(ValueError, match="nowhere: no such file; get cmuarctic.data of CMU ARCTIC"):
        prepare(copy, tmp_path / "data", prompts=tmp_path / "nowhere", **options)


def test_sets_that_cannot_be_made_are_an_error(tmp_path: Path):
    for last, message in (
        (4, "no utterance of emov_db_valid"),
        (10, "valid: no neutral utterance"),
    ):
        copy = write_emov_db(tmp_path / f"{last}", last=last)
        with pytest.raises(ValueError, match=message):
            prepare(copy, tmp_path / "data", allow_incomplete=True)
    with pytest.raises(ValueError, match="targets are happy; give some of amused angry"):
        prepare(copy, tmp_path / "data", targets=["happy"])
    assert not (tmp_path / "data").exists()


SAM_7 = f"sam_Angry/{stem_of('sam', 'Angry', 7)}.wav"
JENIE_3 = f"jenie_Angry/{stem_of('jenie', 'Angry', 3, again=True)}.wav"


@pytest.mark.parametrize(
    ("path", "to", "message"),
    [
        (SAM_7, f"{SAM_7}.lost", "1267 of 1268 angry, 467 of 468 sentences of sam angry; get"),
        (JENIE_3, "lost", "EmoV-DB: 6892 of 6893 utterances, 1267 of 1268 angry; get"),
        (
            "josh_Sleepy",
            ".josh_Sleepy",
            "0 of 263 sentences of josh sleepy; 1 folders not there, first josh_Sleepy",
        ),
        (
            SAM_7,
            SAM_7.replace("Angry", "Amused"),
            r"first sam_Amused/anger_.*_0007.wav \(angry by its name, amused by its folder\)",
        ),
    ],
)
def test_what_is_not_where_it_should_be(whole: Path, tmp_path: Path, path, to, message):
    (whole / path).rename(whole / to)
    try:
        with pytest.raises(ValueError, match=message):
            prepare(whole, tmp_path / "data")
    finally:
        (whole / to).rename(whole / path)


def test_what_is_left_out_is_listed_with_its_set(tmp_path: Path):
    copy = write_emov_db(tmp_path, last=50)
    stem = stem_of("sam", "Sleepy", 10)
    broken = copy / f"sam_Sleepy/{stem}.wav"
    broken.unlink()
    broken.write_bytes(b"<html>404</html>")
    for place in ("sam_Sleepy/again", "sam_Amused"):
        write_tiny(copy / place / f"{stem_of('sam', 'Sleepy', 9)}.wav")
    prepare(copy, tmp_path / "data", allow_incomplete=True)
    test, train = (read_rejected(tmp_path / f"data/emov_db_{name}") for name in ("test", "train"))
    reason = "sam_Sleepy/sleepiness_1-28_0010.wav: not readable as audio"
    assert test[f"sam-{stem}"].startswith(reason)
    assert train == {
        "sam_Amused/sleepiness_1-28_0009.wav": "sleepy by its name, amused by its folder",
        "sam_Sleepy/again/sleepiness_1-28_0009.wav": "a second wav of sam-sleepiness_1-28_0009 "
        "beside sam_Sleepy/sleepiness_1-28_0009.wav",
    }


def test_names():
    for stem, emotion in (("Neutral_57_84_0057", "neutral"), ("Disgust_561-593_0593", "disgusted")):
        assert parse_name("bea", stem) == ("bea", stem, emotion, stem[-4:])
    none = ["happy_1-28_0001", "amused_1_0001", "amused_1-28_001", "amused_1-28_0000"]
    none += ["amused_589-616_0594", "._amused_1-28_0001", "angry_1-28_0001"]
    assert [stem for stem in none if parse_name("bea", stem)] == []
    assert parse_folder("Sam_angry") == ("sam", "angry")
    folders = ["josh_Angry", "sam", "sam_Happy", "tom_Neutral", "sam_Angry_2"]
    assert [name for name in folders if parse_folder(name)] == []

"""What the parsers of acted corpora have in common, on synthetic copies broken in every way."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from reference.acted_copies import (
    emodb_names,
    stem_of,
    wav_bytes,
    write_crema_d,
    write_emodb,
    write_emov_db,
    write_ravdess,
)
from reference.changes import added, changed

from espnet2_ext.corpora import crema_d, emodb, emov_db, ravdess
from espnet2_ext.data.tables import read_rejected

EMODB_FIRST = emodb_names()[0]
SAM_7 = stem_of("sam", "Angry", 7)


class Case(NamedTuple):
    """A corpus: parser, copy, one of its wavs, where this is entered, and a name that is none."""

    prepare: Callable
    write: Callable[[Path], Path]
    wav: str
    utterance_id: str
    directory: str
    rate_hz: int
    odd: str
    number: int


CASES = {
    "CREMA-D": Case(
        crema_d.prepare,
        write_crema_d,
        *("1001_DFA_ANG_XX.wav", "1001-1001_DFA_ANG_XX", "crema_d", 16000),
        *("1008_WSI_ANG_XX.wav", 7442),
    ),
    "RAVDESS": Case(
        ravdess.prepare,
        write_ravdess,
        *("Actor_01/03-01-01-01-01-01-01.wav", "Actor_01-03-01-01-01-01-01-01", "ravdess", 48000),
        *("Actor_01/03-01-01-02-01-01-01.wav", 1440),
    ),
    "EmoDB": Case(
        emodb.prepare,
        lambda root: write_emodb(root) / "wav",
        *(f"{EMODB_FIRST}.wav", f"{EMODB_FIRST[:2]}-{EMODB_FIRST}", "emodb", 16000),
        *("17a01Wa.wav", 535),
    ),
    "EmoV-DB": Case(
        emov_db.prepare,
        write_emov_db,
        *(f"sam_Angry/{SAM_7}.wav", f"sam-{SAM_7}", "emov_db_train", 16000),
        *("sam_Angry/anger_589-616_0594.wav", 6893),
    ),
}


@pytest.fixture(scope="module", params=CASES)
def corpus(request, tmp_path_factory) -> tuple[str, Case, Path]:
    """Return name, case and a whole copy; a test that changes it puts it back."""
    case = CASES[request.param]
    return request.param, case, case.write(tmp_path_factory.mktemp("corpus") / "unpacked")


def refusal(case: Case, copy: Path, tmp_path: Path) -> str:
    """Return the one line by which a copy is refused, after which nothing is written."""
    with pytest.raises(ValueError) as caught:
        case.prepare(copy, tmp_path / "data")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "data").exists()
    return str(caught.value)


def allowed(case: Case, copy: Path, tmp_path: Path) -> tuple[set[str], dict[str, str]]:
    """Return the ids that are written where the incomplete is allowed, and what is left out."""
    written = case.prepare(copy, tmp_path, allow_incomplete=True)
    members = sum(written.values(), []) if isinstance(written, dict) else written
    return {each.utterance_id for each in members}, read_rejected(tmp_path / case.directory)


def test_missing_wav(corpus, tmp_path: Path):
    name, case, copy = corpus
    with changed(copy / case.wav):
        line = refusal(case, copy, tmp_path)
        assert f"not a whole {name}: {case.number - 1} of {case.number} utterances, " in line
        ids, rejected = allowed(case, copy, tmp_path)
    assert case.utterance_id not in ids
    if name in ("CREMA-D", "RAVDESS"):  # their names are known
        assert f"1 wavs missing, first {Path(case.wav).stem}" in line
        assert rejected[case.utterance_id] == f"no wav in {copy}"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>404</html>", "not readable as audio: Error"),
        (wav_bytes(16000, num_samples=0), "holds no samples"),
    ],
)
def test_unreadable_wav(corpus, tmp_path: Path, content: bytes, reason: str):
    _, case, copy = corpus
    with changed(copy / case.wav, content):
        assert f"1 wavs unreadable, first {case.wav} ({reason}" in refusal(case, copy, tmp_path)
        ids, rejected = allowed(case, copy, tmp_path)
    assert case.utterance_id not in ids
    assert rejected[case.utterance_id].startswith(f"{case.wav}: {reason}")


def test_wavs_too_many(corpus, tmp_path: Path):
    _, case, copy = corpus
    second = Path(case.wav).with_suffix(".WAV")
    with added(copy / case.odd, wav_bytes(case.rate_hz)):
        with added(copy / second, wav_bytes(case.rate_hz)):
            assert "2 wavs too many, first " in refusal(case, copy, tmp_path)
            ids, rejected = allowed(case, copy, tmp_path)
    assert case.utterance_id in ids
    assert rejected[case.odd] == "no utterance of the corpus has this name"
    assert rejected[case.wav] == f"a second wav of {case.utterance_id} beside {second}"


def test_other_formats_and_folders_above(corpus, tmp_path: Path, caplog):
    """Another format is only logged, and a folder above the copy may be given."""
    _, case, copy = corpus
    with changed(copy / case.wav, wav_bytes(22050, 2)):
        case.prepare(copy.parent.parent, tmp_path)
    assert "(22050 Hz, 2 channels)" in caplog.text
    assert (tmp_path / case.directory / "wav.scp").is_file()


def test_wrong_root(corpus, tmp_path: Path):
    name, case, _ = corpus
    (tmp_path / "flat.wav").touch()
    for root, message in (
        ("nowhere", "nowhere: is not there; expected "),
        ("flat.wav", "flat.wav: is not a folder; unpack it; expected "),
        (".", f"no {name} here or up to 3 folders below; expected "),
    ):
        assert message in refusal(case, tmp_path / root, tmp_path)


@pytest.mark.parametrize(
    ("name", "more", "rare"),
    [
        ("CREMA-D", 6, "1001_DFA_FEA_XX.wav"),
        ("RAVDESS", 8, "Actor_01/03-01-08-01-01-01-01.wav"),
    ],
)
def test_classes_that_there_are_not(tmp_path: Path, name: str, more: int, rare: str):
    with pytest.raises(ValueError, match=rf"classes is 5; give 4 or {more}"):
        CASES[name].prepare(tmp_path, tmp_path, classes=5)
    with added(tmp_path / rare, wav_bytes(16000)):
        with pytest.raises(ValueError, match="of neutral, angry, happy, sad; get it again"):
            CASES[name].prepare(tmp_path, tmp_path / "data", allow_incomplete=True)

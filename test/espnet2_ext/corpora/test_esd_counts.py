"""The self-check of ESD names every difference, in one line."""

from pathlib import Path

import pytest

from espnet2_ext.corpora.esd import SPEAKERS, EsdId, Faults, expected_ids, self_check, tally

ROOT = Path("/corpora/ESD")
NONE = dict(absent=[], missing=[], extra={}, unreadable={}, misplaced={}, without_words=[])


def check(kept: list[EsdId], speakers=("0013",), *, allow_incomplete: bool = False, **faults):
    """Run the self-check with these faults and no others."""
    given = Faults(**{**NONE, **faults})
    self_check(ROOT, speakers, kept, given, allow_incomplete=allow_incomplete)


def test_tally_of_the_whole_corpus():
    counts = tally(expected_ids(SPEAKERS))
    assert (counts["all"], counts["english"], counts["mandarin"]) == (35000, 17500, 17500)
    assert (counts["evaluation"], counts["test"], counts["train"]) == (2000, 3000, 30000)
    assert {counts[speaker] for speaker in SPEAKERS} == {1750}
    assert counts["0013 angry train"] == 300 and counts["0013 angry test"] == 30
    assert counts["0013 angry evaluation"] == 20 and counts["surprised"] == 7000
    assert len(counts) == 1 + 2 + 20 + 5 + 3 + 20 * 5 * 3


def test_whole(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    check(expected_ids(["0013"]))
    assert "self-check passed: 1750 utterances" in caplog.text and "differs" not in caplog.text


def test_counts_that_differ(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    kept = [key for key in expected_ids(["0013"]) if key.number not in (1, 371, 372, 401, 1750)]
    with pytest.raises(ValueError) as caught:
        check(kept)
    assert str(caught.value) == (
        "/corpora/ESD: not a whole ESD: 1745 of 1750 utterances (0013 angry test 28 of 30, 0013 "
        "angry train 299 of 300, 0013 neutral evaluation 19 of 20 and 1 more); remove the folder "
        "and unpack the archive again, or allow_incomplete to go on"
    )
    rows = [" ".join(message.split()) for message in caplog.messages]
    assert "0013 1750 1745 differs" in rows and "happy 350 350" in rows


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ({"absent": ["0013/0013.txt"]}, "1 folders or transcripts not there, first 0013/0013.txt"),
        ({"missing": ["0013_000001", "0013_000002"]}, "2 wavs missing, first 0013_000001"),
        ({"extra": {"a.wav": "why"}}, "1 wavs too many, first a.wav (why)"),
        ({"unreadable": {"a.wav": "why"}}, "1 wavs unreadable, first a.wav (why)"),
        ({"misplaced": {"a": "b"}}, "1 wavs whose folder contradicts their id, first a (b)"),
        (
            {"without_words": ["0013-0013_000001"]},
            "1 utterances without words in the transcripts, first 0013-0013_000001",
        ),
    ],
)
def test_each_fault_alone_is_an_error_or_a_warning(faults, message: str, caplog):
    kept = expected_ids(["0013"])
    with pytest.raises(ValueError) as caught:
        check(kept, **faults)
    assert str(caught.value).startswith(f"/corpora/ESD: not a whole ESD: {message}; remove the")
    check(kept, allow_incomplete=True, **faults)
    assert f"{message}; going on with what is there" in caplog.text


def test_faults_come_after_the_counts():
    with pytest.raises(ValueError, match=r"0 of 1750 utt.*and 12 more\); 1 wavs missing, first a;"):
        check([], missing=["a"])

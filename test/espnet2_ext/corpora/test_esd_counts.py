"""The counts of ESD, and what its self-check makes of them."""

from pathlib import Path

import pytest

from espnet2_ext.corpora.copies import self_check
from espnet2_ext.corpora.esd import SPEAKERS, expected_ids, tally

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

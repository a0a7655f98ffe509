"""Names of EmoDB."""

import pytest

from espnet2_ext.corpora.emodb import EXPECTED, parse_name


def test_a_name_says_everything():
    name = parse_name("16b10Td")
    assert name is not None and str(name) == "16b10Td"
    assert (name.speaker, name.sentence, name.emotion) == ("16", "b10", "sad")
    assert name.utterance_id == "16-16b10Td"


@pytest.mark.parametrize(
    "stem", ["3a01Wa", "03a03Wa", "03a01Xa", "03a01Wg", "03a01wa", "07a01Wa", "._03a01Wa", ""]
)
def test_names_that_are_none(stem: str):
    assert parse_name(stem) is None


def test_expected_counts_add_up_in_every_way():
    kinds = [("speaker", 10), ("sentence", 10)]
    for kind, number in kinds:
        counts = [value for name, value in EXPECTED.items() if name.startswith(kind)]
        assert (len(counts), sum(counts)) == (number, 535)
    emotions = [value for name, value in EXPECTED.items() if " " not in name]
    assert emotions[0] == sum(emotions[1:]) == 535 and len(emotions) == 8

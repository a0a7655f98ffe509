import pytest

from espnet2_ext.ser.splits import read_given

IDS = ["a-1", "a-2", "b-1"]


@pytest.fixture
def write_csv(tmp_path):
    def write(text):
        (tmp_path / "given.csv").write_text(text)
        return tmp_path / "given.csv"

    return write


def test_folds_and_parts(write_csv):
    path = write_csv("utterance,fold\na-1,1\na-2,2\nb-1,1\n")
    assert read_given(path, IDS) == ("fold", {"a-1": "1", "a-2": "2", "b-1": "1"})
    path = write_csv("part,utterance\ntrain,a-1\nunused,a-2\ntest,b-1\n")
    assert read_given(path, IDS) == ("part", {"a-1": "train", "a-2": "unused", "b-1": "test"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("utterance\na-1\n", "give one of the columns 'fold' and 'part', not 0"),
        ("utterance,fold,part\na-1,1,test\n", "give one of the columns 'fold' and 'part', not 2"),
        ("utterance,fold\na-1,1\nc-1,1\n", "given.csv:3: c-1: not in the data directory"),
        ("utterance,fold\na-1,1\na-1,2\n", "given.csv:3: a-1: stands twice; remove one"),
        ("utterance,part\na-1,dev\n", "given.csv:2: part 'dev': unknown; write train, valid"),
        ("utterance,fold\na-1,1\n", r"2 utterances have no line, such as a-2; add them$"),
        ("utterance,part\na-1,test\n", "such as a-2; add them, with part unused where"),
        ("utterance,voice\na-1,1\n", "given.csv:1: unknown column 'voice'"),
    ],
)
def test_read_given_refuses(write_csv, text, message):
    with pytest.raises(ValueError, match=message):
        read_given(write_csv(text), IDS)

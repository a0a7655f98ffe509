"""What scoring knows of conversions before it starts."""

from pathlib import Path

import pytest

from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.metrics.conversion import ConversionSet, read_conversion_set


def read(files) -> ConversionSet:
    return read_conversion_set(files.inference_dir, files.data_dir, files.pairs_dir, "tiny")


def without(path: Path, key: str) -> None:
    """Take a line out of a table."""
    write_table(path, {k: v for k, v in read_table(path).items() if k != key})


def test_gathers_everything_of_a_pair(conversion_files) -> None:
    conversions = read(conversion_files)
    assert [pair.pair_id for pair in conversions.pairs] == ["a", "b"]
    pair = conversions.pairs[1]
    assert (pair.condition, pair.source, pair.target) == ("neutral-sad", "spk-s2", "spk-t2")
    assert pair.wrong == "spk-s1"
    assert pair.converted_wav.endswith("inference/wav/b.wav")
    expected = {"forward_share": 0.9, "consumed_share": 0.75, "stopped": 0.0, "looped": 1.0}
    assert pair.attention == expected
    assert conversions.units["spk-s1"] == [1, 2, 3, 4]
    assert conversions.wavs["spk-t1"].endswith("spk-t1.wav")


def test_wrong_sentences_are_optional(conversion_files) -> None:
    (conversion_files.pairs_dir / "wrong_sentence").unlink()
    assert read(conversion_files).pairs[0].wrong is None


@pytest.mark.parametrize(
    ("folder", "name", "key"),
    [
        ("pairs_dir", "targets", "a"),
        ("pairs_dir", "conditions", "b"),
        ("inference_dir", "wav.scp", "b"),
        ("pairs_dir", "wrong_sentence", "spk-s1"),
        ("data_dir", "units_tiny", "spk-t2"),
        ("data_dir", "wav.scp", "spk-s2"),
    ],
)
def test_names_what_is_lacking(conversion_files, folder: str, name: str, key: str) -> None:
    without(getattr(conversion_files, folder) / name, key)
    with pytest.raises(ValueError, match=rf"{name}: lacks 1 .*for example {key};"):
        read(conversion_files)


def test_a_conversion_that_is_not_on_the_list_is_an_error_too(conversion_files) -> None:
    table = conversion_files.inference_dir / "wav.scp"
    write_table(table, {**read_table(table), "c": "c.wav"})
    with pytest.raises(ValueError, match=r"pairs: lacks 1 pairs of .*wav.scp, for example c"):
        read(conversion_files)


def test_refuses_conversions_of_another_list(conversion_files) -> None:
    pairs = conversion_files.pairs_dir / "pairs"
    write_table(pairs, {**read_table(pairs), "a": "spk-s2 spk-t2 spk-s2"})
    with pytest.raises(ValueError, match="a was made from spk-s1, the list says spk-s2"):
        read(conversion_files)


def test_refuses_an_empty_list(conversion_files) -> None:
    write_table(conversion_files.pairs_dir / "pairs", {})
    with pytest.raises(ValueError, match="holds no pairs"):
        read(conversion_files)


@pytest.mark.parametrize("text", ["pair_id\tsource\na\tspk-s1\n", None])
def test_refuses_a_generation_table_without_its_columns(conversion_files, text) -> None:
    path = conversion_files.inference_dir / "generation.tsv"
    path.write_text(text or path.read_text().replace("\t0\nb", "\nb"))
    with pytest.raises(ValueError, match="generation.tsv: lacks"):
        read(conversion_files)


def test_a_missing_table_is_named(conversion_files) -> None:
    (conversion_files.inference_dir / "generation.tsv").unlink()
    with pytest.raises(FileNotFoundError, match="generation.tsv"):
        read(conversion_files)

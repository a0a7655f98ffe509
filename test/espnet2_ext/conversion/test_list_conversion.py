"""A list is converted once, with a model loaded once, and goes on where it was ended."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from reference.tiny_trained import write_trained_model

from espnet2_ext.bin import convert_list as convert_list_bin
from espnet2_ext.conversion.batch import (
    CONVERSIONS,
    ModelChoice,
    convert_list,
    read_conversions,
)
from espnet2_ext.conversion.recordings import AnyConversion, AnyConverter, Segment
from espnet2_ext.data.conversion_list import ListedConversion, write_conversion_list


class FakeConverter:
    """Vectors are file names; speech whose source is loud finds no end."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.fails_on = ""

    def prosody(self, files: list[Path]) -> str:
        return Path(files[0]).stem

    def speaker(self, file: Path) -> str:
        return Path(file).stem

    def convert(self, source: np.ndarray, prosody: str, voice: str) -> AnyConversion:
        if prosody == self.fails_on:
            raise KeyboardInterrupt
        self.heard.append((prosody, voice))
        speech = Segment(0, len(source), False)
        return AnyConversion(np.zeros(800), [speech], [speech] if prosody == "sad" else [])


@pytest.fixture
def model(tmp_path: Path) -> ModelChoice:
    return ModelChoice(str(write_trained_model(tmp_path / "recipe")))


@pytest.fixture
def converter(monkeypatch: pytest.MonkeyPatch) -> FakeConverter:
    """Return the converter that every model is loaded as; ``loads`` counts them."""
    fake = FakeConverter()
    fake.loads = 0

    def load(*arguments: object, **options: object) -> FakeConverter:
        fake.loads += 1
        return fake

    monkeypatch.setattr(AnyConverter, "from_file", load)
    return fake


@pytest.fixture
def listed(make_wav: Callable[..., Path], tmp_path: Path) -> list[ListedConversion]:
    """Return two conversions; the list stands in ``list.tsv``."""
    wavs = {
        name: str(make_wav(f"{name}.wav", seed=seed))
        for seed, name in enumerate(("source", "angry", "sad", "voice"))
    }
    conversions = [
        ListedConversion("one", "x", wavs["source"], wavs["angry"], wavs["voice"]),
        ListedConversion("two", "x", wavs["source"], wavs["sad"]),
    ]
    write_conversion_list(tmp_path / "list.tsv", conversions)
    return conversions


def test_every_line_becomes_a_file_once(
    tmp_path: Path, model, converter, listed, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING):
        lines = convert_list(tmp_path / "list.tsv", tmp_path / "out", model)
    assert "1 of 2 found no end, as two" in caplog.text
    assert converter.heard == [("angry", "voice"), ("sad", "source")]
    assert [(line.name, line.not_stopped) for line in lines] == [("one", 0), ("two", 1)]
    assert [Path(line.wav) for line in lines] == [
        tmp_path / f"out/wav/{name}.wav" for name in ("one", "two")
    ]
    assert list(read_conversions(tmp_path / "out").values()) == lines
    assert convert_list(tmp_path / "list.tsv", tmp_path / "out", model) == lines
    assert (converter.loads, len(converter.heard)) == (1, 2), "nothing was to be done"


def test_only_what_changed_is_done_again(tmp_path: Path, make_wav, model, converter, listed):
    convert_list(tmp_path / "list.tsv", tmp_path / "out", model)
    make_wav("angry.wav", seed=9)
    convert_list(tmp_path / "list.tsv", tmp_path / "out", model)
    assert converter.heard[2:] == [("angry", "voice")]
    (tmp_path / "out/wav/two.wav").unlink()
    convert_list(tmp_path / "list.tsv", tmp_path / "out", model)
    assert converter.heard[3:] == [("sad", "source")]
    write_conversion_list(tmp_path / "list.tsv", listed[:1])
    assert list(convert_list(tmp_path / "list.tsv", tmp_path / "out", model)) == [
        read_conversions(tmp_path / "out")["one"]
    ]
    assert len(converter.heard) == 4


@pytest.mark.parametrize("change", ["vocoder", "weights", "contrast"])
def test_another_model_or_setting_starts_anew(tmp_path: Path, model, converter, listed, change):
    convert_list(tmp_path / "list.tsv", tmp_path / "out", model)
    weights = Path(model.model_file)
    if change == "vocoder":
        model = ModelChoice(model.model_file, vocoder="other")
    elif change == "weights":
        weights.write_bytes(weights.read_bytes() + b"x")
    else:
        weights.with_suffix(".contrast.json").write_text("{}")
    convert_list(tmp_path / "list.tsv", tmp_path / "out", model)
    assert len(converter.heard) == 4


def test_contrast_that_is_not_restored_changes_nothing(tmp_path: Path, model, converter, listed):
    model = replace(model, restore_contrast=False)
    convert_list(tmp_path / "list.tsv", tmp_path / "out", model)
    Path(model.model_file).with_suffix(".contrast.json").write_text("{}")
    convert_list(tmp_path / "list.tsv", tmp_path / "out", model)
    assert len(converter.heard) == 2
    convert_list(tmp_path / "list.tsv", tmp_path / "out", replace(model, restore_contrast=True))
    assert len(converter.heard) == 4


def test_a_killed_run_keeps_what_it_has(tmp_path: Path, model, converter, listed):
    converter.fails_on = "sad"
    with pytest.raises(KeyboardInterrupt):
        convert_list(tmp_path / "list.tsv", tmp_path / "out", model)
    converter.fails_on = ""
    convert_list(tmp_path / "list.tsv", tmp_path / "out", model)
    assert converter.heard == [("angry", "voice"), ("sad", "source")]


def test_a_strange_or_missing_table_is_refused(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"conversions\.tsv: missing; run the conversion"):
        read_conversions(tmp_path)
    (tmp_path / CONVERSIONS).write_text("a\tb\n")
    with pytest.raises(ValueError, match=r"conversions\.tsv: not a table of conversions"):
        read_conversions(tmp_path)


def test_the_command_on_a_model_of_random_weights(tmp_path: Path, model, listed):
    """What the list's command writes is what bin/convert's function gives for each line."""
    command = f"--list {tmp_path}/list.tsv --out_dir {tmp_path}/out"
    convert_list_bin.main(f"{command} --model_file {model.model_file}".split())
    converter = model.load("cpu")
    from espnet2_ext.conversion.recordings import convert_file

    for each in listed:
        alone = convert_file(
            converter,
            source=each.source,
            prosody=[each.prosody],
            speaker=each.speaker or None,
            out=tmp_path / "alone.wav",
        )
        assert len(alone.converted) > 0
        expected = (tmp_path / "alone.wav").read_bytes()
        assert (tmp_path / f"out/wav/{each.name}.wav").read_bytes() == expected
    with pytest.raises(SystemExit, match=r"^convert_list: .*none\.tsv: no such list"):
        convert_list_bin.main(
            f"--list none.tsv --out_dir x --model_file {model.model_file}".split()
        )

"""A vocoder from a text."""

import pytest

from espnet2_ext.vocoder import build_vocoder


def test_griffin_lim_is_built_once() -> None:
    vocoder = build_vocoder("griffin_lim")
    assert vocoder.name == "griffin_lim"
    assert build_vocoder("griffin_lim") is vocoder


def test_refuses_a_word_that_is_no_vocoder() -> None:
    with pytest.raises(ValueError, match="expected 'griffin_lim'"):
        build_vocoder("griffinlim")


@pytest.mark.parametrize("spec", ["owner/name", "./folder"])
def test_anything_with_a_slash_is_a_hifigan(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    monkeypatch.setattr(
        "espnet2_ext.vocoder.hifigan.HifiGan", lambda *arguments: built.append(arguments)
    )
    build_vocoder(spec, "cuda")
    assert built == [(spec, "cuda")]

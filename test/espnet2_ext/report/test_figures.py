"""The figure of mels with F0."""

from collections.abc import Callable

import numpy as np
import pytest

from espnet2_ext.report.figures import MelPanel, mel_figure


def test_panels_share_time_colour_and_f0(make_pulses: Callable[..., np.ndarray]) -> None:
    panels = [
        MelPanel("source", make_pulses(150.0, 1.0)),
        MelPanel("converted", make_pulses(300.0, 0.5, amplitude=0.1)),
        MelPanel("silence", np.zeros(4000, dtype=np.float32)),
    ]
    figure = mel_figure(panels, "a sentence")
    mels = [axes for axes in figure.axes if axes.images]
    pitches = [axes for axes in figure.axes if axes.lines]
    assert len(mels) == len(pitches) == 3
    assert {axes.get_xlim() for axes in mels} == {(0.0, 1.0)}
    assert len({axes.images[0].get_clim() for axes in mels}) == 1
    assert len({axes.get_ylim() for axes in pitches}) == 1
    assert [axes.get_title(loc="left") for axes in mels] == ["source", "converted", "silence"]
    assert [axes.get_title(loc="right") for axes in mels] == [
        "1.00 s, mean F0 150 Hz", "0.50 s, mean F0 300 Hz", "0.25 s, nothing voiced"
    ]  # fmt: skip
    drawn = pitches[1].lines[0].get_ydata()
    assert np.nanmean(drawn) == pytest.approx(300.0, rel=0.01)
    # 0.5 s are 32 frames of 16 ms, the first centred on 0.
    assert mels[1].images[0].get_extent()[:2] == pytest.approx([-0.008, 31.5 * 0.016])


def test_refuses_nothing_to_draw_and_what_has_no_mel() -> None:
    with pytest.raises(ValueError, match="at least one utterance"):
        mel_figure([])
    with pytest.raises(ValueError, match="more than 512 samples"):
        mel_figure([MelPanel("short", np.zeros(100))])

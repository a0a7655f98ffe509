"""A small data directory of coloured noise."""

import numpy as np
import pytest
import soundfile

from espnet2_ext.data.tables import write_table


@pytest.fixture
def data_dir(tmp_path):
    """Return a directory of 12 good utterances of 0.2 s or more, one too short, one missing."""
    generator = np.random.default_rng(0)
    path = tmp_path / "data"
    (path / "wav").mkdir(parents=True)
    wavs = {}
    for number in range(13):
        num_samples = 3200 + 500 * number if number != 5 else 320
        white = generator.standard_normal(num_samples + 1)
        colour = np.repeat(generator.uniform(-0.9, 0.9, num_samples // 800 + 1), 800)[:num_samples]
        wav = path / "wav" / f"{number:02d}.wav"
        soundfile.write(wav, 0.1 * (white[1:] + colour * white[:-1]), 16000)
        wavs[f"s-{number:02d}"] = str(wav)
    wavs["s-99"] = str(path / "wav" / "missing.wav")
    write_table(path / "wav.scp", wavs)
    return path

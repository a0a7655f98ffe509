"""A tiny random speaker encoder on disk, and a data directory of tones."""

from pathlib import Path

import pytest
import torch

from espnet2_ext.data.tables import write_table
from espnet2_ext.speaker.train import build_mini_speaker_model, save_mini_speaker_model


@pytest.fixture(scope="session")
def encoder_directory(tmp_path_factory):
    """Return a SpeechBrain directory with random weights; do not write to it."""
    path = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(0)
    model = build_mini_speaker_model(["a", "b"], channels=8)
    save_mini_speaker_model(model, path, torch.randn(4, 192))
    return path


@pytest.fixture
def make_data(tmp_path, make_wav):
    """Return a factory: ``make_data(speakers=2, utterances=3) -> data directory``."""

    def make(speakers: int = 2, utterances: int = 3, duration_s: float = 0.3) -> Path:
        wavs, utt2spk = {}, {}
        for speaker in range(speakers):
            for number in range(utterances):
                key = f"s{speaker}-{number}"
                seed = 10 * speaker + number
                wavs[key] = make_wav(f"wav/{key}.wav", seed=seed, duration_s=duration_s)
                utt2spk[key] = f"s{speaker}"
        write_table(tmp_path / "data" / "wav.scp", wavs)
        write_table(tmp_path / "data" / "utt2spk", utt2spk)
        return tmp_path / "data"

    return make

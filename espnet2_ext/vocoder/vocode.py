"""Build a vocoder from a short text, and turn a table of mels into a table of audio files."""

import json
import logging
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import soundfile

from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.data.parallel import atomic_open, atomic_path, spawn_map
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.vocoder.griffin_lim import GriffinLim
from espnet2_ext.vocoder.mel import HOP_SAMPLES, Vocoder
from espnet2_ext.vocoder.settings import find_vocoder_files, vocoder_fingerprint

logger = logging.getLogger(__name__)


@lru_cache(maxsize=2)
def build_vocoder(spec: str, device: str = "cpu") -> Vocoder:
    """Return the vocoder that a text names; asked again, the same object.

    ``griffin_lim``; a SpeechBrain HiFi-GAN by hub name (``speechbrain/tts-hifigan-libritts-16kHz``)
    or local directory; or a HiFi-GAN trained here (``exp/voc_<tag>``, or one of its weights).
    """
    if spec == GriffinLim.name:
        return GriffinLim()
    if "/" not in spec:
        raise ValueError(
            f"vocoder {spec!r}: expected 'griffin_lim', a hub name 'owner/name' or a directory "
            "(write './name' for one in the current directory)"
        )
    # Its import takes seconds, which users of Griffin-Lim need not wait.
    from espnet2_ext.vocoder import hifigan

    if find_vocoder_files(spec) is not None:
        return hifigan.TrainedHifiGan(spec, device)
    return hifigan.HifiGan(spec, device)


def vocode_mels(
    mel_scp: str | Path,
    output_dir: str | Path,
    *,
    vocoder: str = "griffin_lim",
    num_workers: int = 1,
    device: str = "cpu",
) -> None:
    """Write ``wav/<key>.wav`` (16 kHz, 16 bit) for every ``key file.npy``, and ``wav.scp``.

    A rerun keeps files that are complete, younger than their mel and of the same vocoder. Use one
    worker with a GPU. ValueError names a file that is no mel.
    """
    output_dir = Path(output_dir)
    mels = read_table(mel_scp)
    wavs = {key: output_dir / "wav" / f"{key}.wav" for key in mels}
    marker = output_dir / "vocoder.json"
    # The weights tell a vocoder trained here from what it was earlier in its training.
    fingerprint = vocoder_fingerprint(vocoder)
    settings = json.dumps({"vocoder": vocoder, **({"weights": fingerprint} if fingerprint else {})})
    is_same = marker.is_file() and marker.read_text(encoding="utf-8") == settings
    jobs = [
        (Path(mels[key]), wav)
        for key, wav in wavs.items()
        if not (is_same and _is_complete(Path(mels[key]), wav))
    ]
    if not is_same:
        for wav in wavs.values():
            wav.unlink(missing_ok=True)
        with atomic_open(marker) as stream:
            stream.write(settings)
    vocode = partial(vocode_file, vocoder=vocoder, device=device)
    clipped = sum(spawn_map(vocode, jobs, description=vocoder, num_workers=num_workers))
    if clipped:
        logger.warning("%s: %d of %d files were clipped", output_dir, clipped, len(jobs))
    write_table(output_dir / "wav.scp", wavs)


def write_waveform(path: str | Path, waveform: np.ndarray) -> bool:
    """Write a waveform (N,) as 16 kHz 16-bit audio; return whether samples were clipped."""
    with atomic_path(path) as temporary:
        soundfile.write(temporary, np.clip(waveform, -1.0, 1.0), SAMPLE_RATE_HZ, "PCM_16")
    return bool(np.abs(waveform).max(initial=0.0) > 1.0)


def vocode_file(job: tuple[Path, Path], vocoder: str, device: str = "cpu") -> bool:
    """Write the audio of one mel, of a file each; return whether it was clipped."""
    mel_path, wav_path = job
    try:
        waveform = build_vocoder(vocoder, device)(np.load(mel_path, allow_pickle=False))
    except (ValueError, OSError) as error:
        raise ValueError(f"{mel_path}: {error}; run the inference stage again") from error
    return write_waveform(wav_path, waveform)


def _is_complete(mel_path: Path, wav_path: Path) -> bool:
    """Return whether the audio exists, is younger than its mel and as long as it."""
    if not wav_path.is_file() or wav_path.stat().st_mtime < mel_path.stat().st_mtime:
        return False
    num_frames = len(np.load(mel_path, mmap_mode="r", allow_pickle=False))
    return soundfile.info(wav_path).frames == HOP_SAMPLES * num_frames

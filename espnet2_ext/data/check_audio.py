"""What is wrong with audio files: by their headers, or by decoding, which finds the rest."""

from pathlib import Path

import soundfile

from espnet2_ext.data.audio import AudioError, read_audio
from espnet2_ext.data.parallel import parallel_map
from espnet2_ext.data.table import read_table


def read_header(path: str | Path) -> tuple[float, str | None]:
    """Return the seconds that a file's header promises, and what is wrong with it if anything.

    The fault is None for a good header; it does not name the file.
    """
    try:
        with soundfile.SoundFile(path) as stream:  # half the time of soundfile.info
            num_samples, rate_hz = stream.frames, stream.samplerate
    except RuntimeError as error:
        return 0.0, f"not readable as audio: {' '.join(str(error).split())}"
    return num_samples / rate_hz, None if num_samples else "holds no samples"


def find_audio_faults(path: Path, wav_scp: dict[str, str], num_workers: int) -> dict[str, str]:
    """Return ``{utterance: what is wrong}`` for every file that is not good audio.

    Where the directory has ``utt2num_samples``, the lengths must agree with it.
    """
    recorded: dict[str, str] = {}
    if (path / "utt2num_samples").is_file():
        recorded = read_table(path / "utt2num_samples")
    faults = parallel_map(
        _audio_fault,
        [(wav, recorded.get(utterance_id)) for utterance_id, wav in wav_scp.items()],
        description=f"reading audio of {path}",
        num_workers=num_workers,
        chunk_size=16,
        start_method="spawn",
    )
    pairs = zip(wav_scp, faults, strict=True)
    return {utterance_id: fault for utterance_id, fault in pairs if fault is not None}


def _audio_fault(item: tuple[str, str | None]) -> str | None:
    """Return what is wrong with one file, None for a good one."""
    wav, recorded = item
    try:
        read_audio(wav)
    except AudioError as error:
        return str(error)
    num_samples = soundfile.info(wav).frames
    if recorded is not None and recorded != str(num_samples):
        return f"{wav}: holds {num_samples} samples, utt2num_samples says {recorded}"
    return None

"""What the prosody encoder of the explicit prosody path reads in recognition; not in paper.

``prosody_input/<utterance>.npy`` (T, 3), contours relative to the speaker, and
``prosody_input.scp``; last of all ``prosody_input.json``, which says what made them.
"""

import hashlib
import json
import logging
from pathlib import Path

import numpy as np
import torch

from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.data.weights import read_training_config
from espnet2_ext.prosody2vec.contour_tables import (
    ContourSettings,
    SpeakerStatisticsTable,
    check_contours,
)
from espnet2_ext.prosody2vec.contours import contour_input, relative_contours, summarise

logger = logging.getLogger(__name__)

TABLE = "prosody_input.scp"
OTHERS, OWN = "others", "own"
SPEAKER_STATISTICS = {
    OTHERS: "explicit prosody path, pitch and level relative to the speaker's other utterances, "
    "which of test speakers are test utterances without their labels (transductive)",
    OWN: "explicit prosody path, pitch and level relative to the utterance itself",
}
"""What the protocol of a result row says."""


def encoder_input(contours: np.ndarray, statistics: np.ndarray) -> np.ndarray:
    """Return what the encoder reads (T, 3) of contours (T, 3) and statistics (2 or more,)."""
    batch = torch.from_numpy(contours)[None]
    mask = torch.ones(batch.shape[:2])
    return contour_input(relative_contours(batch, torch.from_numpy(statistics)[None], mask))[
        0
    ].numpy()


def own_encoder_input(contours: np.ndarray) -> np.ndarray:
    """Return the same relative to the utterance itself; without a mean F0 all is unvoiced."""
    prosody = summarise(contours)
    if np.isnan(prosody.log_f0):
        contours = contours * np.array([0, 0, 1], dtype=np.float32)
        prosody = prosody._replace(log_f0=0.0)
    return encoder_input(contours, np.array(prosody[:2], dtype=np.float32))


def write_prosody_input(
    data_dir: str | Path,
    prosody_encoder_dir: str | Path,
    out_dir: str | Path,
    *,
    speaker_statistics: str = OTHERS,
) -> None:
    """Write the input of every utterance of ``data_dir``, unless it is there.

    Args:
        data_dir: with ``contours.scp`` and ``utt2prosody`` of ``extract_contours``.
        prosody_encoder_dir: of ``export_prosody_encoder``.
        speaker_statistics: ``others`` or ``own``, see `SPEAKER_STATISTICS`.

    Raises:
        FileNotFoundError: a table is missing.
        ValueError: the contours are not the encoder's, or no utterance has a pitch.
    """
    data_dir, out_dir = Path(data_dir), Path(out_dir)
    config = read_training_config(Path(prosody_encoder_dir) / "config.yaml")
    check_contours(data_dir, ContourSettings.of_config(config))
    record = json.loads((data_dir / "contours.json").read_text(encoding="utf-8"))
    speakers = hashlib.sha256((data_dir / "utt2spk").read_bytes()).hexdigest()[:16]
    made_by = {"speaker_statistics": speaker_statistics, "speakers": speakers}
    made_by |= {"contours": record["made_by"]}
    table = out_dir / TABLE
    description = table.with_suffix(".json")
    if description.is_file() and json.loads(description.read_text(encoding="utf-8")) == made_by:
        logger.info("%s: complete", description)
        return
    description.unlink(missing_ok=True)
    others = (
        SpeakerStatisticsTable.from_directory(data_dir) if speaker_statistics == OTHERS else None
    )
    paths = {}
    for name, path in read_table(data_dir / "contours.scp").items():
        contours = np.load(path)
        paths[name] = out_dir / "prosody_input" / f"{name}.npy"
        with atomic_open(paths[name], "wb") as stream:
            if others is None:
                np.save(stream, own_encoder_input(contours))
            else:
                np.save(stream, encoder_input(contours, others.of_others(name)))
    write_table(table, paths)
    with atomic_open(description) as stream:
        json.dump(made_by, stream, indent=2)

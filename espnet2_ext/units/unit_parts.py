"""Parts of a half-done extraction, so that a kill loses little."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from espnet2_ext.data.atomic import atomic_open


@dataclass(frozen=True)
class EncodedUtterance:
    """One utterance's units, or the reason why it has none."""

    utterance_id: str
    units: list[int]
    run_lengths: list[int]
    squared_distance: float
    num_samples: int
    reason: str = ""


class UnitParts:
    """A hidden folder of numbered files, each the utterances of one part, in order.

    Its name holds a hash of what the parts depend on, so that several processes may open it
    at once; folders of parts made otherwise are removed.

    Args:
        data_dir: the data directory.
        tag: of the units.
        made_by: what the parts depend on.
    """

    def __init__(self, data_dir: Path, tag: str, made_by: dict[str, str | int]) -> None:
        digest = hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()[:16]
        self.folder = data_dir / f".units_{tag}.parts_{digest}"
        for other in data_dir.glob(f".units_{tag}.parts*"):
            if other != self.folder:
                shutil.rmtree(other, ignore_errors=True)
        self.folder.mkdir(exist_ok=True)

    def path(self, number: int) -> Path:
        """Return the file of a part; that it exists says that it is whole."""
        return self.folder / f"part_{number:06d}.json"

    def read(self, num_parts: int) -> Iterator[EncodedUtterance]:
        """Yield all utterances in the order of the parts."""
        for number in range(num_parts):
            for row in json.loads(self.path(number).read_text(encoding="utf-8")):
                yield EncodedUtterance(**row)

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder)


def write_part(path: Path, utterances: list[EncodedUtterance]) -> None:
    """Write one part at once."""
    with atomic_open(path) as stream:
        json.dump([vars(utterance) for utterance in utterances], stream)

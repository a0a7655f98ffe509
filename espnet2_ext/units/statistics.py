"""Numbers that say how a set of units is used."""

from collections.abc import Sequence

import numpy as np

DEFINITIONS = {
    "usage_entropy_bits": "entropy of the share of frames that each unit has",
    "perplexity": "2 to that power: as many equally used units have the same entropy",
    "unused_codes": "units that no frame has",
    "units_per_second": "units left after removing repeats, a second of audio",
    "inertia": "mean squared distance of a frame to its centre",
}


class UnitStatistics:
    """Adds utterances up; every number is a sum over the whole set, none a mean of means.

    Args:
        num_clusters: k.
        sample_rate_hz: rate of the sample counts given to ``add``.
    """

    def __init__(self, num_clusters: int, sample_rate_hz: int) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.frames_of_unit = np.zeros(num_clusters, np.int64)
        self.num_utterances = 0
        self.num_units = 0
        self.num_samples = 0
        self.squared_distance = 0.0

    def add(
        self,
        units: Sequence[int] | np.ndarray,
        run_lengths: Sequence[int] | np.ndarray,
        squared_distance: float,
        num_samples: int,
    ) -> None:
        """Add an utterance: units (U,), frames of each (U,), summed distance, samples."""
        np.add.at(self.frames_of_unit, units, run_lengths)
        self.num_utterances += 1
        self.num_units += len(units)
        self.num_samples += num_samples
        self.squared_distance += squared_distance

    def summary(self) -> dict[str, float | int]:
        """Return the numbers by name; units of measure are in the names.

        Raises:
            ValueError: no utterance was added.
        """
        num_frames = int(self.frames_of_unit.sum())
        if num_frames == 0:
            raise ValueError("no frames, so no statistics")
        used = self.frames_of_unit[self.frames_of_unit > 0] / num_frames
        entropy_bits = float(-(used * np.log2(used)).sum()) + 0.0  # no minus zero
        audio_s = self.num_samples / self.sample_rate_hz
        return {
            "utterances": self.num_utterances,
            "audio_s": round(audio_s, 3),
            "frames": num_frames,
            "units": self.num_units,
            "units_per_second": round(self.num_units / audio_s, 4),
            "usage_entropy_bits": round(entropy_bits, 4),
            "perplexity": round(2.0**entropy_bits, 3),
            "unused_codes": int((self.frames_of_unit == 0).sum()),
            "inertia": round(self.squared_distance / num_frames, 5),
        }

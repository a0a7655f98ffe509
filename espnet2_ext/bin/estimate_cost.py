"""Say what a pretraining will cost before it is begun: audio, disk, GPU hours."""

from collections.abc import Sequence

from espnet2_ext.bin.entry import Command
from espnet2_ext.corpora.catalogue import (
    CALCULATED_SPEED,
    CALCULATED_SPEED_NOTE,
    estimate,
    speech_of_catalogue,
    speech_of_directories,
)
from espnet2_ext.data.weights import read_training_config


def estimate_cost(
    corpora: Sequence[str],
    data_dirs: Sequence[str],
    speeds: Sequence[float],
    precomputed_features: bool,
    mel_frames_per_s: float | None,
    train_config: str | None,
) -> None:
    """Print four lines."""
    published = speech_of_catalogue(corpora)
    speech = speech_of_directories(data_dirs, published.video_hours) or published
    speed = CALCULATED_SPEED if mel_frames_per_s is None else mel_frames_per_s
    cost = estimate(
        speech, speeds=speeds, precomputed_features=precomputed_features, mel_frames_per_s=speed
    )
    epochs = read_training_config(train_config).get("max_epoch") if train_config else None

    kept = (
        f"mels {cost.mels_gb:.1f}"
        if cost.mels_gb
        else "no mels (--precomputed_features true keeps them)"
    )
    total_gb = cost.audio_gb + cost.mels_gb + cost.units_gb + cost.vectors_gb
    where = CALCULATED_SPEED_NOTE if mel_frames_per_s is None else "as given"
    gpu = f"{rounded(cost.gpu_hours)} GPU hours an epoch"
    if epochs is not None:
        gpu += f", {rounded(cost.gpu_hours * epochs)} for {epochs} ({train_config}, at most)"
    print(
        f"Estimate of speech: {speech.hours:.1f} h, {speech.utterances:,} utterances, "
        f"{cost.hours:.1f} h with all speeds; {speech.source}",
        f"Estimate of disk: {total_gb:.1f} GB without the originals: flac {cost.audio_gb:.1f}, "
        f"{kept}, units {cost.units_gb:.2f}, speaker vectors {cost.vectors_gb:.2f}",
        f"Estimate of training: {gpu}, at {speed:,.0f} mel frames/s ({where})",
        "Not estimated: the networks of units and speaker vectors, validation, conversion, models",
        sep="\n",
    )


def rounded(hours: float) -> str:
    """Return hours with two digits, or in whole hours."""
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"


main = Command("estimate_cost", __doc__, estimate_cost, is_quiet=True)
add = main.add_argument
add("--corpora", nargs="+", required=True, help="names of parsers, such as lrs3 omg")
add("--data_dirs", nargs="+", default=[], help="count these instead, if all were formatted")
add("--speeds", nargs="+", type=float, default=[1.0], help="of the training data")
add("--precomputed_features", action="store_true", help="mels are kept on disk")
add("--mel_frames_per_s", type=float, help=f"of training; none: {CALCULATED_SPEED:.0f}")
add("--train_config", help="configuration whose max_epoch is counted, none: one epoch")

if __name__ == "__main__":
    main()

"""Say what a pretraining will cost before it is begun: audio, disk, GPU hours."""

import argparse

import yaml

from espnet2_ext.corpora.catalogue import (
    CALCULATED_SPEED,
    CALCULATED_SPEED_NOTE,
    Cost,
    Speech,
    estimate,
    speech_of_catalogue,
    speech_of_directories,
)


def get_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--corpora", nargs="+", required=True, help="names of parsers, such as lrs3 omg")
    add("--data_dirs", nargs="+", default=[], help="count these instead, if all were formatted")
    add("--speeds", nargs="+", type=float, default=[1.0], help="of the training data")
    add("--cached_mels", action="store_true", help="mels are kept on disk")
    add("--mel_frames_per_s", type=float, help=f"of training; none: {CALCULATED_SPEED:.0f}")
    add("--train_config", help="configuration whose max_epoch is counted, none: one epoch")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Print four lines."""
    options = get_parser().parse_args(cmd)
    try:
        published = speech_of_catalogue(options.corpora)
        counted = speech_of_directories(options.data_dirs, published.video_hours)
        speech = counted or published
        cost = estimate(
            speech,
            speeds=options.speeds,
            cached_mels=options.cached_mels,
            mel_frames_per_s=(
                CALCULATED_SPEED if options.mel_frames_per_s is None else options.mel_frames_per_s
            ),
        )
        epochs = read_max_epoch(options.train_config) if options.train_config else None
    except (OSError, ValueError) as error:
        raise SystemExit(f"estimate_cost: {error}") from error
    print("\n".join(describe(speech, cost, options.mel_frames_per_s, epochs, options.train_config)))


def read_max_epoch(path: str) -> int | None:
    """Return ``max_epoch`` of a training configuration, None where it has none."""
    with open(path, encoding="utf-8") as stream:
        try:
            settings = yaml.safe_load(stream)
        except yaml.YAMLError as error:
            raise ValueError(f"{path}: not a configuration in YAML") from error
    value = settings.get("max_epoch") if isinstance(settings, dict) else None
    return value if isinstance(value, int) else None


def describe(
    speech: Speech, cost: Cost, speed: float | None, epochs: int | None, config: str | None
) -> list[str]:
    """Return the lines that are printed.

    Args:
        speech: at its own speed.
        cost: of it.
        speed: mel frames a second as the user gave it; None for the calculated one.
        epochs: at most so many; None where unknown.
        config: where these stand.
    """
    kept = f"mels {cost.mels_gb:.1f}" if cost.mels_gb else "no mels (--cached_mels true keeps them)"
    total_gb = cost.audio_gb + cost.mels_gb + cost.units_gb + cost.vectors_gb
    where = "as given" if speed is not None else CALCULATED_SPEED_NOTE
    gpu = f"{rounded(cost.gpu_hours)} GPU hours an epoch"
    if epochs is not None:
        gpu += f", {rounded(cost.gpu_hours * epochs)} for {epochs} ({config}, at most)"
    return [
        f"Estimate of speech: {speech.hours:.1f} h, {speech.utterances:,} utterances, "
        f"{cost.hours:.1f} h with all speeds; {speech.source}",
        f"Estimate of disk: {total_gb:.1f} GB without the originals: flac {cost.audio_gb:.1f}, "
        f"{kept}, units {cost.units_gb:.2f}, speaker vectors {cost.vectors_gb:.2f}",
        f"Estimate of training: {gpu}, at {speed or CALCULATED_SPEED:,.0f} mel frames/s ({where})",
        "Not estimated: the networks of units and speaker vectors, validation, conversion, models",
    ]


def rounded(hours: float) -> str:
    """Return hours with two digits, or in whole hours."""
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"


if __name__ == "__main__":
    main()

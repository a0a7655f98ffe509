"""What a reader of a table must know of how the model was trained."""

from pathlib import Path

import yaml

from espnet2_ext.prosody2vec.scheduled_sampling import SamplingSchedule


def scheduled_sampling_text(train_config: str | Path) -> str:
    """Return in words which scheduled sampling a model was trained with.

    Args:
        train_config: ``config.yaml`` of the experiment.
    """
    with open(train_config, encoding="utf-8") as stream:
        configuration = yaml.safe_load(stream)
    fields = configuration.get("model_conf", {}).get("scheduled_sampling") or {}
    schedule = SamplingSchedule(**fields)
    if schedule.probability == 0.0:
        return "scheduled sampling off"
    return (
        f"scheduled sampling {schedule.mode}, to {schedule.probability:g} from update "
        f"{schedule.start_updates} to {schedule.end_updates}"
    )

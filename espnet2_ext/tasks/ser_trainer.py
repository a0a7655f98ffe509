"""Training that writes down, after each epoch, what the model says of every utterance."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar

import torch
from espnet2.torch_utils.device_funcs import to_device

from espnet2_ext.metrics.ser import score_emotions
from espnet2_ext.metrics.ser_predictions import Prediction, write_predictions
from espnet2_ext.tasks.safe_trainer import SafeTrainer

Batches = Iterable[tuple[list[str], dict[str, torch.Tensor]]]


# Its methods name what they use of the trainer's arguments: hence "type: ignore".
class EmotionTrainer(SafeTrainer):
    """Trainer with ``predictions/<set>.<epoch>ep.tsv`` and the unweighted accuracy.

    The test set is predicted after each epoch too. No epoch is selected by it; it is there
    so that the gap to a selection that cheats can be shown (``test-selected``).

    Attributes:
        emotions: names in the order of the classes.
        test_batches: gives the test set anew; None for no test set.
    """

    emotions: ClassVar[list[str]] = []
    test_batches: ClassVar[Callable[[], Batches] | None] = None

    @classmethod
    @torch.no_grad()
    def validate_one_epoch(  # type: ignore[override]
        cls, model, iterator, reporter, options, distributed_option
    ) -> None:
        """Report loss, accuracy and unweighted accuracy of the validation set, if there is one.

        Raises:
            ValueError: several processes share one training, whose parts of the
                validation set would make no unweighted accuracy.
        """
        if distributed_option.distributed or options.ngpu > 1:
            raise ValueError(
                "one training of a fold uses one GPU; give further GPUs to further folds"
            )
        model.eval()
        predictions: list[Prediction] = []
        pending = None  # of the last batch: the whole set's accuracy is registered with it
        for utterance_ids, batch in iterator:
            if pending is not None:
                reporter.register(*pending)
                reporter.next()
            logits, emotion = cls._classify(model, batch, options)
            predictions += cls._predictions(utterance_ids, logits, emotion)
            pending = model.loss(logits, emotion)[1], torch.tensor(float(len(utterance_ids)))
        if pending is not None:
            accuracy = _scores(predictions, cls.emotions).unweighted_accuracy
            pending[0]["ua"] = torch.tensor(accuracy)
            reporter.register(*pending)
            reporter.next()
            cls._write("valid", predictions, reporter, options)
        if cls.test_batches is not None:
            tested: list[Prediction] = []
            for utterance_ids, batch in cls.test_batches():
                logits, emotion = cls._classify(model, batch, options)
                tested += cls._predictions(utterance_ids, logits, emotion)
            cls._write("test", tested, reporter, options)

    @classmethod
    def _classify(cls, model, batch, options) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (B, K) and emotions (B, 1) of a batch."""
        device = "cuda" if options.ngpu > 0 else "cpu"
        batch = to_device(dict(batch), device)
        emotion = batch.pop("emotion")
        with torch.autocast(device, enabled=options.use_amp and device == "cuda"):
            return model.logits(**batch), emotion

    @classmethod
    def _predictions(
        cls, utterance_ids: list[str], logits: torch.Tensor, emotion: torch.Tensor
    ) -> list[Prediction]:
        """Return a prediction for each item of a batch."""
        posteriors = logits.double().softmax(dim=1).cpu()
        return [
            Prediction(
                utterance_id,
                cls.emotions[label],
                cls.emotions[int(row.argmax())],
                dict(zip(cls.emotions, row.tolist(), strict=True)),
            )
            for utterance_id, label, row in zip(
                utterance_ids, emotion[:, 0].tolist(), posteriors, strict=True
            )
        ]

    @classmethod
    def _write(cls, name: str, predictions: list[Prediction], reporter, options) -> None:
        """Write the predictions of one set after one epoch."""
        path = predictions_path(options.output_dir, name, reporter.get_epoch())
        path.parent.mkdir(parents=True, exist_ok=True)
        write_predictions(path, predictions)


def predictions_path(output_dir: str | Path, name: str, epoch: int) -> Path:
    """Return where the predictions of a set (``valid`` or ``test``) after an epoch stand."""
    return Path(output_dir) / "predictions" / f"{name}.{epoch}ep.tsv"


def _scores(predictions: list[Prediction], emotions: list[str]):
    """Return the EmotionScores of predictions."""
    return score_emotions(
        [each.emotion for each in predictions], [each.predicted for each in predictions], emotions
    )

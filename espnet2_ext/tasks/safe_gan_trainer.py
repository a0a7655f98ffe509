"""ESPnet's trainer of two optimizers, made safe to kill at any moment."""

from espnet2.train.gan_trainer import GANTrainer

from espnet2_ext.tasks.safe_trainer import SafeTrainer


# Both take what ESPnet's trainer gives them and hand it on: hence "type: ignore".
class SafeGANTrainer(SafeTrainer, GANTrainer):  # type: ignore[misc]
    """Checkpoints as SafeTrainer writes and resumes them, turns as GANTrainer takes them."""

"""Classes that a configuration chooses for what happens to mels."""

from espnet2.asr.specaug.abs_specaug import AbsSpecAug
from espnet2.asr.specaug.specaug import SpecAug
from espnet2.layers.abs_normalize import AbsNormalize
from espnet2.layers.global_mvn import GlobalMVN
from espnet2.train.class_choices import ClassChoices

from espnet2_ext.prosody2vec.specaugment import SpecAugment

normalize_choices = ClassChoices(
    "normalize",
    classes=dict(global_mvn=GlobalMVN),
    type_check=AbsNormalize,
    default="global_mvn",
    optional=True,
)
specaug_choices = ClassChoices(
    "specaug",
    classes=dict(specaug=SpecAugment, espnet_specaug=SpecAug),
    type_check=AbsSpecAug,
    default=None,
    optional=True,
)
"""``espnet_specaug`` is ESPnet's own, with the same options; see SpecAugment for the difference."""

"""The columns of a table of conversions that models answer."""

from espnet2_ext.report.conversion_metrics import Metric

HEARING_METRICS = (
    Metric(
        "emotion accuracy",
        lambda score: score.emotion_right,
        "share",
        "higher",
        "share of utterances in which the recogniser that the protocol names hears the target's "
        "emotion rather than another; of several recognisers their mean probabilities.",
    ),
    Metric(
        "emotion probability",
        lambda score: score.emotion_probability,
        "share",
        "higher",
        "probability that the same recogniser gives the target's emotion, mean over utterances.",
    ),
    Metric(
        "speaker cosine",
        lambda score: score.speaker_cosine,
        "",
        "higher",
        "cosine of the vectors that the frozen speaker encoder named in the protocol gives the "
        "speech and the true target; where that encoder also conditions the model, not "
        "independent of it. What other voices have: table of speaker vectors.",
    ),
)

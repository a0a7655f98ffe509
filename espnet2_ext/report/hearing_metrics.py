"""The columns of a table of conversions that models answer."""

from espnet2_ext.report.conversion_metrics import Metric

DNSMOS = (
    "by the networks of the package speechmos, 1 (bad) to 5 (excellent), mean over utterances; "
    "trained on noisy calls, so compare within this table and with resynthesis."
)
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
    Metric(
        "word error rate",
        lambda score: score.word_error_rate,
        "",
        "lower",
        "edits between the words that the speech recogniser named in the protocol hears and those "
        "of the text, per word of the text, without case and punctuation, Chinese and Japanese "
        "by character; all utterances together. Its own errors are in the row of the true target.",
        weight=lambda score: score.num_words or 0.0,
    ),
    Metric(
        "DNSMOS",
        lambda score: score.dnsmos,
        "",
        "higher",
        f"opinion of listeners on everything (P.835), guessed {DNSMOS}",
    ),
    Metric(
        "DNSMOS, speech",
        lambda score: score.dnsmos_signal,
        "",
        "higher",
        f"the same of the speech signal alone, {DNSMOS}",
    ),
    Metric(
        "DNSMOS, background",
        lambda score: score.dnsmos_background,
        "",
        "higher",
        f"the same of the background noise alone, {DNSMOS}",
    ),
    Metric(
        "DNSMOS, P.808",
        lambda score: score.dnsmos_p808,
        "",
        "higher",
        f"opinion of listeners on everything by the older recommendation P.808, {DNSMOS}",
    ),
)

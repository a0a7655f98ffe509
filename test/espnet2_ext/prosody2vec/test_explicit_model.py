"""The model of the explicit path: losses, padding, generation."""

import math

import pytest
import torch

from espnet2_ext.prosody2vec.aligned_decoder import AlignedDecoder
from espnet2_ext.prosody2vec.bottleneck import AdversarialSpeakerClassifier, FiniteScalarQuantizer
from espnet2_ext.prosody2vec.encoders import ProsodyEncoder, UnitEncoder
from espnet2_ext.prosody2vec.explicit_model import ExplicitProsody2VecModel
from espnet2_ext.prosody2vec.mels import HifiGanMel
from espnet2_ext.prosody2vec.predictor import (
    ProsodyControl,
    ProsodyPredictor,
    UnitProsodyEmbedding,
)

FRAMES = (12, 9)


def make_model(prosody_input: str = "contour", **options) -> ExplicitProsody2VecModel:
    torch.manual_seed(0)
    mel_dim = {"contour": 3, "mel": 8, "both": 11}[prosody_input]
    embedding = UnitProsodyEmbedding(4, bins=5)
    return ExplicitProsody2VecModel(
        features=HifiGanMel(mel_dim=8),
        normalize=None,
        prosody_augmentation=None,
        unit_encoder=UnitEncoder(5, channels=6, kernel_size=3, num_convolutions=1, lstm_units=3),
        prosody_encoder=ProsodyEncoder(
            mel_dim=mel_dim,
            channels=8,
            aggregation_channels=12,
            attention_channels=4,
            bottleneck_channels=4,
            res2net_scale=4,
            output_dim=4,
            input_normalization="none",
        ),
        bottleneck=FiniteScalarQuantizer(5),
        predictor=ProsodyPredictor(6, 4, channels=6, kernel_size=3),
        unit_embedding=embedding,
        decoder=AlignedDecoder(
            6 + 4,
            3 + embedding.speaker_dim + 4,
            mel_dim=8,
            prenet_dim=5,
            first_lstm_units=6,
            second_lstm_units=7,
            reduction_factor=2,
        ),
        prosody_input=prosody_input,
        **{"speaker_classifier": None, **options},
    )


def make_batch(items: tuple[int, ...] = (0, 1)) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    feats = torch.randn(2, 12, 8, generator=generator) - 3
    f0_hz = 120 + 30 * torch.rand(2, 12, generator=generator)
    f0_hz[:, 4:6] = 0
    batch = {
        "units": torch.tensor([[0, 1, 2], [3, 4, 0]]),
        "units_lengths": torch.tensor([3, 2]),
        "unit_durations": torch.tensor([[4, 3, 3], [3, 4, 0]]),
        "unit_durations_lengths": torch.tensor([3, 2]),
        "speaker_embedding": torch.randn(2, 3, generator=generator),
        "speaker_statistics": torch.tensor(
            [[math.log(130.0), -2.0, -2.0], [math.log(140.0), -2.5, -2.0]]
        ),
        "relative_log_rate": torch.tensor([[0.2], [-0.3]]),
        "contours": torch.stack([f0_hz.clamp(min=1).log(), f0_hz > 0, feats.mean(2)], dim=2),
        "contours_lengths": torch.tensor(FRAMES),
        "feats": feats,
        "feats_lengths": torch.tensor(FRAMES),
    }
    chosen = {name: value[list(items)] for name, value in batch.items()}
    frames, units = int(chosen["feats_lengths"].max()), int(chosen["units_lengths"].max())
    widths = {"contours": frames, "feats": frames, "units": units, "unit_durations": units}
    return {
        name: value[:, : widths[name]] if name in widths else value
        for name, value in chosen.items()
    }


@pytest.mark.parametrize("prosody_input", ["contour", "mel", "both"])
def test_every_weight_is_trained(prosody_input) -> None:
    model = make_model(
        prosody_input,
        tempo_stretch=1.3,
        prosody_crop_frames=6,
        speaker_classifier=AdversarialSpeakerClassifier(4, 2),
        classifier_weight=1.0,
    ).train()
    loss, stats, weight = model(**make_batch(), speaker_index=torch.tensor([[0], [1]]))
    loss.backward()
    assert math.isfinite(float(loss)) and float(weight) == 2
    assert {"mel_loss", "pitch_loss", "duration_loss", "speaker_loss"} <= stats.keys()
    without = [name for name, value in model.named_parameters() if value.grad is None]
    assert without == []


def test_loss_is_the_weighted_sum_of_its_parts() -> None:
    options = {"predictor_weight": 0.5, "pitch_weight": 2.0, "level_weight": 0.1}
    loss, stats, _ = make_model(**options, tempo_weight=0.3).eval()(**make_batch())
    expected = (
        stats["mel_loss"]
        + 0.3 * stats["tempo_loss"]
        + 0.5
        * (
            2.0 * stats["pitch_loss"]
            + stats["voicing_loss"]
            + 0.1 * stats["level_loss"]
            + stats["duration_loss"]
        )
    )
    torch.testing.assert_close(loss, expected)


def read(model: ExplicitProsody2VecModel, batch: dict) -> torch.Tensor:
    names = ("contours", "speaker_statistics", "feats", "feats_lengths")
    return model.prosody(*model.read(**{name: batch[name] for name in names}))


def speak(model: ExplicitProsody2VecModel, batch: dict, vector: torch.Tensor, **options) -> list:
    names = ("units", "units_lengths", "speaker_embedding", "speaker_statistics")
    return model.generate(**{name: batch[name] for name in names}, vector=vector, **options)


def test_a_batch_equals_each_alone() -> None:
    model = make_model("both").eval()
    both = make_batch()
    vectors = read(model, both)
    lengths = {"source_frames": torch.tensor([14.0, math.nan]), "source_vector": vectors.flip(0)}
    spoken = speak(model, both, vectors, **lengths)
    for item in range(2):
        one = make_batch((item,))
        vector = read(model, one)
        torch.testing.assert_close(vector, vectors[item : item + 1])
        given = {name: value[item : item + 1] for name, value in lengths.items()}
        [alone] = speak(model, one, vector, **given)
        torch.testing.assert_close(alone.mel, spoken[item].mel, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(alone.attention, spoken[item].attention)
        torch.testing.assert_close(alone.unit_prosody, spoken[item].unit_prosody)


def test_contours_do_not_carry_the_mel_nor_the_level() -> None:
    model = make_model("contour").eval()
    batch = make_batch()
    louder = {
        "speaker_statistics": batch["speaker_statistics"] + torch.tensor([0.0, 1.0, 0.0]),
        "contours": batch["contours"] + torch.tensor([0.0, 0.0, 1.0]),
        "feats": batch["feats"] + 1.0,
    }
    torch.testing.assert_close(read(model, batch), read(model, {**batch, **louder}))


def test_length_is_that_of_the_source_times_the_ratio_of_tempos() -> None:
    model = make_model().eval()
    batch = make_batch()
    vectors = read(model, batch)
    tempo = model.predictor.log_tempo(vectors)
    spoken = speak(
        model,
        batch,
        vectors,
        source_frames=torch.tensor([40.0, 50.0]),
        source_vector=vectors.flip(0),
        control=ProsodyControl(tempo=2.0),
    )
    for item, frames in enumerate((40, 50)):
        ratio = float((tempo[1 - item] - tempo[item]).exp()) / 2
        expected = pytest.approx(frames * ratio, rel=1e-4)
        assert float(spoken[item].unit_prosody[:, 3].sum()) == expected
        assert len(spoken[item].mel) == pytest.approx(frames * ratio, abs=1)
        assert spoken[item].attention.sum(dim=1).eq(1).all()


def test_tempo_loss_by_hand() -> None:
    model = make_model(tempo_slope=2.0).eval()
    batch = make_batch()
    predicted = model.predictor.log_tempo(read(model, batch))
    _, stats, _ = model(**batch)
    expected = (25 * (predicted - 2.0 * batch["relative_log_rate"][:, 0]).square()).mean()
    torch.testing.assert_close(stats["tempo_loss"], expected.detach()[None])


def test_alignment_figures_are_of_true_length() -> None:
    model = make_model().eval()
    alignments, true = model.attention_maps(**make_batch())
    for alignment, units, frames in zip(alignments, true, FRAMES, strict=True):
        assert len(alignment) == len(units) <= -(-frames // 2)
        assert (units >= 0).all()


def test_contours_of_another_hop_are_refused() -> None:
    batch = make_batch()
    batch["contours"] = batch["contours"][:, :7]
    with pytest.raises(ValueError, match="hop"):
        make_model().eval()(**batch)


def test_a_speaker_classifier_needs_speakers() -> None:
    model = make_model(speaker_classifier=AdversarialSpeakerClassifier(4, 2)).train()
    with pytest.raises(ValueError, match="speaker_index"):
        model(**make_batch())


@pytest.mark.parametrize(
    "options", [{"prosody_input": "pitch"}, {"tempo_stretch": 0.9}, {"prosody_crop_frames": 0}]
)
def test_impossible_options(options) -> None:
    name, value = next(iter(options.items()))
    if name == "prosody_input":
        model = make_model()
        parts = ("features", "normalize", "prosody_augmentation", "unit_encoder", "prosody_encoder")
        parts += ("bottleneck", "predictor", "unit_embedding", "decoder", "speaker_classifier")
        with pytest.raises(ValueError, match="pitch"):
            ExplicitProsody2VecModel(**{part: getattr(model, part) for part in parts}, **options)
    else:
        with pytest.raises(ValueError, match=name):
            make_model(**options)


def test_frozen_batch_normalisation_keeps_its_statistics() -> None:
    model = make_model(frozen_batch_norm=True).train()
    before = {name: value.clone() for name, value in model.named_buffers()}
    model(**make_batch())[0].backward()
    assert model.prosody_encoder.training
    for name, value in model.named_buffers():
        torch.testing.assert_close(value, before[name])

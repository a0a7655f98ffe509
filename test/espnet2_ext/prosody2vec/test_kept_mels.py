"""Training from kept mels instead of audio, and the count of updates that a checkpoint brings."""

import pytest
import torch


@pytest.fixture
def kept(make_model, batch):
    """The batch with what collect_feats gave in place of its audio."""
    without = {name: value for name, value in batch.items() if not name.startswith("speech")}
    return {**without, **make_model().collect_feats(**batch)}


def negative_in_place(mels, lengths):
    """Change the input, as ESPnet's GlobalMVN does."""
    return mels.neg_(), lengths


@pytest.mark.parametrize("is_training", [False, True])
def test_kept_mels_do_what_audio_does(make_model, batch, kept, is_training):
    for given in (batch, kept):
        assert make_model().mel_frames(**given).tolist() == [20, 14]
    results = []
    for given in (batch, kept, kept):
        model = make_model(tempo_stretch=1.2, guided_attention_weight=0.1).train(is_training)
        model.normalize = negative_in_place
        torch.manual_seed(4)
        results.append(model(**given)[1])
    for name, value in results[0].items():
        torch.testing.assert_close(results[1][name], value)
        assert torch.equal(results[1][name], results[2][name]), "the data were changed in place"


def test_attention_maps_of_kept_mels(make_model, batch, kept):
    model = make_model(2).eval()
    for of_audio, of_mels in zip(
        model.attention_maps(**batch), model.attention_maps(**kept), strict=True
    ):
        for one, other in zip(of_audio, of_mels, strict=True):
            torch.testing.assert_close(one, other)


def test_audio_and_mels_or_neither_is_an_error(make_model, batch, kept):
    neither = {name: value for name, value in kept.items() if not name.startswith("feats")}
    for wrong in ({**batch, **kept}, neither):
        with pytest.raises(ValueError, match="of speech and feats exactly one"):
            make_model()(**wrong)
    with pytest.raises(ValueError, match="without speech and without feats"):
        make_model().mel_frames(**neither)


def test_frames_follow_each_other_every_16_ms(make_model):
    assert make_model().frame_s == 0.016


@pytest.mark.parametrize("is_replica", [False, True])
def test_loaded_updates_decide_the_phase(make_model, batch, monkeypatch, is_replica):
    model = make_model(forced_alignment_updates=3).train()
    model._is_replica = is_replica  # as DataParallel marks its copies
    model.load_state_dict({**model.state_dict(), "updates": torch.tensor(2)})
    passes = []
    for name in ("forced", "free"):
        original = getattr(model.decoder, name)

        def noted(*arguments, name=name, original=original):
            passes.append(name)
            return original(*arguments)

        monkeypatch.setattr(model.decoder, name, noted)
    for _ in range(2):
        model(**batch)
    assert passes == ["forced", "free"]
    assert int(model.updates) == 4

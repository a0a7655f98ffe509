import pytest
import torch

from espnet2_ext.prosody2vec import model as module

# ---------------------------------------------------------------- model


@pytest.mark.parametrize("reduction_factor", [1, 2])
def test_forced_then_free_then_validation(make_model, batch, reduction_factor):
    model = make_model(
        reduction_factor, forced_alignment_updates=1, guided_attention_weight=0.5
    ).train()
    forced_loss, forced_stats, weight = model(**batch)
    free_loss, free_stats, _ = model(**batch)
    assert int(model.updates) == 2
    assert weight.item() == 2
    for stats in (forced_stats, free_stats):
        assert set(stats) == {"loss", "mel_loss", "stop_loss", "attention_loss", "attention_near"}
        assert all(torch.isfinite(value).all() for value in stats.values())
    expected = (
        free_stats["mel_loss"] + 0.2 * free_stats["stop_loss"] + 0.5 * free_stats["attention_loss"]
    )
    torch.testing.assert_close(free_loss, expected)
    (forced_loss + free_loss).sum().backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []
    model.eval()
    model(**batch)
    assert int(model.updates) == 2, "validation is not training"
    forced, free = make_model(forced_alignment_updates=99), make_model()
    assert forced.eval()(**batch)[1]["mel_loss"] == free.eval()(**batch)[1]["mel_loss"]


def item_of(batch, item):
    """Return a batch of one item, as long as that is."""
    lengths = {k: v[item : item + 1] for k, v in batch.items() if k.endswith("_lengths")}
    alone = {k: v[item : item + 1] for k, v in batch.items()} | lengths
    for name in ("speech", "units", "unit_durations"):
        alone[name] = alone[name][:, : int(lengths[f"{name}_lengths"])]
    return alone


@pytest.mark.parametrize("is_training", [False, True])
@pytest.mark.parametrize("forced_alignment_updates", [0, 9])
def test_a_batch_is_the_mean_over_frames_of_its_items(
    make_model, batch, is_training, forced_alignment_updates
):
    """Loss and gradients; of batch normalisation, which sees the batch, the statistics are kept."""
    model = make_model(
        guided_attention_weight=0.5,
        forced_alignment_updates=forced_alignment_updates,
        energy_share=1.0,  # at all steps, not at some that are drawn
        frozen_batch_norm=True,
    ).train(is_training)

    def loss_and_gradients(of_batch):
        model.zero_grad()
        loss, stats, _ = model(**of_batch)
        loss.backward()
        gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        return {"loss": loss.detach(), **stats, **gradients}

    frames = batch["speech_lengths"] // 256 + 1
    whole = loss_and_gradients(batch)
    items = [loss_and_gradients(item_of(batch, item)) for item in range(2)]
    for name, value in whole.items():
        expected = sum(share * item[name] for share, item in zip(frames, items, strict=True))
        torch.testing.assert_close(
            value,
            expected / frames.sum(),
            atol=2e-5,
            rtol=1e-3,
            msg=lambda text, n=name: f"{n}: {text}",
        )


def test_scheduled_sampling_changes_training_only(make_model, batch):
    options = {"scheduled_sampling": {"start_updates": -1, "end_updates": 0, "probability": 1.0}}
    sampled, plain = make_model(**options), make_model()
    assert sampled.eval()(**batch)[0] == plain.eval()(**batch)[0]
    assert sampled.train()(**batch)[0] != plain.train()(**batch)[0]


def test_prosody_augmentation_masks_the_prosody_input_only(make_model, batch):
    model = make_model().train()
    seen = []
    model.prosody_augmentation = lambda mels, lengths: (mels.fill_(7.0), lengths)
    model.prosody_encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    mels, _ = model.mels(batch["speech"], batch["speech_lengths"])
    loss, stats, _ = model(**batch)
    assert (seen[0] == 7.0).all()
    model.eval()(**batch)
    torch.testing.assert_close(seen[1], mels)


def test_attention_maps_are_cut_to_size(make_model, batch, kept):
    model = make_model(2).eval()
    weights, paths = model.attention_maps(**batch)
    torch.testing.assert_close(model.attention_maps(**kept), (weights, paths))
    assert [tuple(w.shape) for w in weights] == [(10, 4), (7, 1)]
    assert [len(p) for p in paths] == [10, 7]
    assert paths[1].tolist() == [0] * 7


def test_stretching_changes_training_only_and_keeps_the_alignment(make_model, batch, monkeypatch):
    stretched, plain = make_model(tempo_stretch=1.5), make_model()
    assert stretched.eval()(**batch)[0] == plain.eval()(**batch)[0]
    torch.manual_seed(0)
    assert stretched.train()(**batch)[0] != plain.train()(**batch)[0]
    *_, whole = plain.inputs(**batch)
    monkeypatch.setattr(module, "draw_factors", lambda *_: torch.full((2,), 2.0))
    *_, double = stretched.inputs(**batch)
    assert double[0, ::2].tolist() == whole[0].tolist()
    assert (double[1, :28] == 0).all() and (double[1, 28:] == -1).all()


def test_crop_shortens_what_the_prosody_encoder_hears_while_training_only(make_model, batch):
    model = make_model(prosody_crop_frames=6)
    heard = []
    model.prosody_encoder.register_forward_pre_hook(
        lambda module, inputs: heard.append((inputs[0].size(1), inputs[1].tolist()))
    )
    model.train()(**batch)
    model.eval()(**batch)
    # 5000 and 3400 samples, a frame every 256 and one more.
    assert heard == [(6, [6, 6]), (20, [20, 14])]


def test_frozen_batch_norm_keeps_its_statistics_and_learns(make_model, batch):
    def statistics(model):
        return {k: v.clone() for k, v in model.named_buffers() if "running_" in k}

    for frozen in (True, False):
        model = make_model(frozen_batch_norm=frozen, forced_alignment_updates=9).train()
        before = statistics(model)
        assert before and model.training and model.decoder.training
        loss, _, _ = model(**batch)
        loss.backward()
        changed = [k for k, v in statistics(model).items() if not torch.equal(v, before[k])]
        assert bool(changed) != frozen
        assert model.prosody_encoder.pooling_norm.weight.grad.abs().sum() > 0
        assert model.prosody_encoder.pooling_norm.training != frozen
        assert not model.eval().prosody_encoder.pooling_norm.training


# ---------------------------------------------------------------- precomputed features


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
    assert kept["feats"].shape == (2, 20, 80) and make_model().frame_s == 0.016
    results = []
    for given in (batch, kept, kept):
        model = make_model(tempo_stretch=1.2, guided_attention_weight=0.1).train(is_training)
        model.normalize = negative_in_place
        torch.manual_seed(4)
        results.append(model(**given)[1])
    for name, value in results[0].items():
        torch.testing.assert_close(results[1][name], value)
        assert torch.equal(results[1][name], results[2][name]), "the data were changed in place"


def test_options_out_of_range_and_audio_and_mels_or_neither_are_errors(make_model, batch, kept):
    for option in ({"tempo_stretch": 0.9}, {"prosody_crop_frames": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(option))} must be at least 1"):
            make_model(**option)
    neither = {name: value for name, value in kept.items() if not name.startswith("feats")}
    for wrong in ({**batch, **kept}, neither):
        with pytest.raises(ValueError, match="of speech and feats exactly one"):
            make_model()(**wrong)


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

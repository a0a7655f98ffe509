"""The decoder written down plainly: one step after the other, nothing moved, plain autograd."""

import torch

from espnet2_ext.prosody2vec.memory import DecoderOutput


def naive_free(decoder, memory, inputs, given_units=None):
    """Return the teacher-forced pass; with given_units (B, S) the attention is overwritten.

    ``log_attention`` (B, S, U) is what the attention chose before it was overwritten.
    """
    whole, location = memory.expanded(), decoder.attention
    batch, units, _ = whole.shape
    weights = torch.eye(units, dtype=whole.dtype, device=whole.device)[:1].expand(batch, -1)
    accumulated, context = weights, whole[:, 0]
    attention_state, decoder_state = (
        (whole.new_zeros(batch, lstm.hidden_size),) * 2
        for lstm in (decoder.attention_lstm, decoder.decoder_lstm)
    )
    mels, stops, attention, chosen = [], [], [], []
    for step, frame in enumerate(decoder.prenet(inputs).unbind(1)):
        attention_state = torch.lstm_cell(
            torch.cat([frame, context], 1), attention_state, *decoder.attention_lstm.all_weights[0]
        )
        history = torch.stack([weights, accumulated], 1)
        places = location.location(location.location_convolution(history).transpose(1, 2))
        query = location.query(attention_state[0])[:, None]
        energies = location.weight(torch.tanh(query + location.memory(whole) + places)).squeeze(2)
        energies = energies.masked_fill(~memory.mask, float("-inf"))
        weights = energies.softmax(1)
        chosen.append(energies.log_softmax(1))
        if given_units is not None:
            weights = torch.eye(units, dtype=whole.dtype)[given_units[:, step].clamp(min=0)]
        accumulated = accumulated + weights
        context = (weights[:, :, None] * whole).sum(1)
        decoder_state = torch.lstm_cell(
            torch.cat([attention_state[0], context], 1),
            decoder_state,
            *decoder.decoder_lstm.all_weights[0],
        )
        features = torch.cat([decoder_state[0], context], 1)
        mels.append(decoder.projection(features).view(batch, decoder.reduction_factor, -1))
        stops.append(decoder.stop(features).squeeze(1))
        attention.append(weights)
    return DecoderOutput(
        torch.cat(mels, 1), torch.stack(stops, 1), torch.stack(attention, 1), torch.stack(chosen, 1)
    )

import copy
import logging

import pytest
import torch

from espnet2_ext.prosody2vec.fast import cuda_graph as graph_steps
from espnet2_ext.prosody2vec.fast.cuda_graph import GraphSteps


def passes(decoder, memory, steps=5):
    inputs = torch.randn(2, steps, 4, generator=torch.Generator().manual_seed(1)).double()
    return decoder.free(memory, inputs).mels


def call(function):
    return function


def test_without_a_gpu_the_steps_run_one_by_one(make_decoder, make_memory, caplog):
    decoder, memory = make_decoder(1, "cuda_graph").double(), make_memory(2, 3)
    with caplog.at_level(logging.WARNING):
        found = passes(decoder, memory)
        passes(decoder, memory)
    decoder.implementation = "fast"
    torch.testing.assert_close(found, passes(decoder, memory), atol=0, rtol=0)
    assert [record.message for record in caplog.records] == [
        "no CUDA graph of the attention loop, going step by step: the tensors are not on a GPU"
    ]


def test_a_failed_capture_is_said_once_and_steps_run_one_by_one(make_decoder, make_memory, caplog):
    def fail(function):
        raise RuntimeError("operation not permitted\nwhen stream is capturing")

    decoder, memory = make_decoder(1, "cuda_graph").double(), make_memory(2, 3)
    decoder.graphs = GraphSteps(4, capture=fail)
    with caplog.at_level(logging.WARNING):
        passes(decoder, memory).sum().backward()
    assert len(caplog.records) == 1
    assert "operation not permitted when stream is capturing" in caplog.text


def test_one_capture_serves_every_length_and_the_units_of_a_bucket(make_decoder, make_memory):
    captured = []

    def count(function):
        captured.append(function)
        return function

    decoder = make_decoder(1, "cuda_graph").double()
    decoder.graphs = GraphSteps(4, capture=count)
    for units, steps in ((3, 5), (7, 9), (2, 1)):
        passes(decoder, make_memory(2, units), steps)
    assert len(captured) == 2, "one forward, one backward"
    passes(decoder, make_memory(2, 33))
    assert len(captured) == 4
    one, other = decoder.graphs._graphs.values()
    assert one.loop.recurrent is other.loop.recurrent and one.sums.query is other.sums.query
    assert one.loop.encoded is not other.loop.encoded


def test_the_least_recently_used_shape_is_dropped_and_too_many_end_it(
    make_decoder, make_memory, monkeypatch, caplog
):
    monkeypatch.setattr(graph_steps, "MAX_SHAPES", 1)
    decoder = make_decoder(1, "cuda_graph").double()
    decoder.graphs = GraphSteps(4, capture=call)
    first = passes(decoder, make_memory(2, 3))
    passes(decoder, make_memory(2, 40))
    assert len(decoder.graphs._graphs) == 1 and not decoder.graphs.is_broken
    torch.testing.assert_close(passes(decoder, make_memory(2, 3)), first, atol=1e-12, rtol=0)
    assert decoder.graphs.is_broken and "too many shapes" in caplog.text


def test_a_copy_starts_without_graphs(make_decoder, make_memory):
    decoder = make_decoder(1, "cuda_graph").double()
    decoder.graphs = GraphSteps(4, capture=call)
    passes(decoder, make_memory(2, 3))
    twin = copy.deepcopy(decoder)
    assert twin.graphs.count == 4 and not twin.graphs._graphs


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_captured_graphs_equal_the_fast_loop(make_decoder, make_memory):
    decoder, gradients = make_decoder(1, "cuda_graph").double().cuda(), []
    memory = make_memory(2, 5)
    memory = type(memory)(*(part.detach().cuda() for part in vars(memory).values()))
    inputs = torch.randn(2, 70, 4).double().cuda()
    for implementation in ("cuda_graph", "fast"):
        decoder.implementation = implementation
        decoder.zero_grad()
        decoder.free(memory, inputs).mels.square().sum().backward()
        gradients.append([parameter.grad.clone() for parameter in decoder.parameters()])
    assert not decoder.graphs.is_broken
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9)

"""Training of the base classifiers: it can be stopped at any time and goes on to the same weights."""

import numpy as np
import pytest
import torch
from fit import RECIPE, Sampler, fit, predict

from catsplit.stage.network import StageNet, _Shift


def clips(count: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 20, 48, 48, 3), np.uint8)


def test_an_interrupted_training_ends_with_the_same_weights(tmp_path):
    data, rows, state = clips(), [i % 3 for i in range(40)], tmp_path / "state.pt"
    whole, _ = fit(data, rows, 3, seed=5, epochs=3, progress=False)

    def stop(epoch: int, loss: float) -> None:
        assert np.isfinite(loss)
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(data, rows, 3, seed=5, epochs=3, state=state, after_epoch=stop, progress=False)
    epochs = []
    again, seconds = fit(data, rows, 3, seed=5, epochs=3, state=state, after_epoch=lambda e, _: epochs.append(e),
                         progress=False)  # fmt: skip
    assert epochs == [2], "epochs that were finished were trained again"
    assert seconds > 0
    for name, tensor in whole.state_dict().items():
        assert torch.allclose(tensor.float(), again.state_dict()[name].float(), atol=1e-5), name


def test_views_are_cut_from_the_clips_in_time_order():
    marked = np.zeros((4, 20, 48, 48, 3), np.uint8) + np.arange(20, dtype=np.uint8)[None, :, None, None, None] * 10
    sampler = Sampler(marked, seed=1)
    [indices] = sampler.batches(0, 4)
    views = sampler.views(indices)
    assert views.shape == (4, 16, 40, 40, 3)
    times = views[:, :, 0, 0].mean(-1)
    assert (times.diff(dim=1) > 0).all()


def test_the_shift_goes_back_in_the_gradient():
    assert torch.autograd.gradcheck(lambda x: _Shift.apply(x, 3), torch.randn(6, 8, 2, 2).double().requires_grad_())


def test_the_network_sees_the_order_of_frames():
    torch.manual_seed(0)
    network, data = StageNet(5).eval(), clips(3)
    forwards, backwards = predict(network, data, range(16)), predict(network, data, range(15, -1, -1))
    assert forwards.shape == (3, 5)
    assert not torch.allclose(forwards, backwards, atol=1e-3)
    assert sum(p.numel() for p in network.parameters()) <= 1_000_000
    assert RECIPE["flips"].startswith("none")

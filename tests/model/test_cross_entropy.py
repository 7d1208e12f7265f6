import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from model.batches import IGNORE
from model.cross_entropy import ROWS_ON_CPU, cross_entropy

ROWS, WIDTH, VOCABULARY = 3 * ROWS_ON_CPU + 5, 16, 97


def rows_head_targets() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x_nd = torch.randn(ROWS, WIDTH, generator=generator, requires_grad=True)
    head_vd = torch.randn(VOCABULARY, WIDTH, generator=generator, requires_grad=True)
    targets_n = torch.randint(VOCABULARY, (ROWS,), generator=generator)
    targets_n[::7] = IGNORE
    return x_nd, head_vd, targets_n


def test_loss_and_both_gradients_equal_those_of_all_logits_at_once():
    x_nd, head_vd, targets_n = rows_head_targets()
    count = (targets_n != IGNORE).sum()
    expected = F.cross_entropy(x_nd @ head_vd.T, targets_n, ignore_index=IGNORE)
    expected_gradients = torch.autograd.grad(expected, (x_nd, head_vd))

    loss = cross_entropy(x_nd, head_vd, targets_n) / count

    torch.testing.assert_close(loss, expected, atol=1e-6, rtol=1e-6)
    for gradient, wanted in zip(torch.autograd.grad(loss, (x_nd, head_vd)), expected_gradients, strict=True):
        torch.testing.assert_close(gradient, wanted, atol=1e-6, rtol=1e-6)


def test_no_tensor_as_large_as_all_logits_is_ever_made():
    class Largest(TorchDispatchMode):
        numbers = 0

        def __torch_dispatch__(self, func, _types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            if isinstance(result, Tensor):
                self.numbers = max(self.numbers, result.numel())
            return result

    with Largest() as largest:
        cross_entropy(*rows_head_targets()).backward()
    assert largest.numbers == ROWS_ON_CPU * VOCABULARY


@pytest.mark.parametrize("frozen", ["x", "head"])
def test_a_frozen_input_gets_no_gradient_and_the_other_gets_its_own(frozen: str):
    x_nd, head_vd, targets_n = rows_head_targets()
    cross_entropy(x_nd, head_vd, targets_n).backward()
    still = {"x": x_nd, "head": head_vd}[frozen].detach()
    moving = (head_vd if frozen == "x" else x_nd).detach().requires_grad_()
    cross_entropy(*((still, moving) if frozen == "x" else (moving, still)), targets_n).backward()
    assert still.grad is None
    torch.testing.assert_close(moving.grad, head_vd.grad if frozen == "x" else x_nd.grad)


def test_under_autocast_the_products_are_bfloat16_and_the_loss_stays_close_to_float32():
    x_nd, head_vd, targets_n = rows_head_targets()
    exact = cross_entropy(x_nd, head_vd, targets_n)
    with torch.autocast("cpu", torch.bfloat16):
        rough = cross_entropy(x_nd, head_vd, targets_n)
    rough.backward()
    assert rough.dtype == head_vd.grad.dtype == torch.float32
    assert 0 < abs(rough - exact) / exact < 1e-2

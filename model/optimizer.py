"""AdamW by groups: tables of embeddings, the head, matrices and vectors each have their own learning rate and decay.

The update is torch's own function `adamw`, fused. Its class would import the compiler in each training process (1.3 s).
Clipping and the division by the token count happen inside the fused kernel: they cost no pass over the gradients.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from model.schedule import OptimizerConfig


class AdamW:
    """Moments and updates of every parameter that wants gradients (Loshchilov & Hutter 2019, arXiv 1711.05101)."""

    def __init__(self, model: nn.Module, config: OptimizerConfig) -> None:
        self.config = config
        self.groups: dict[str, dict[str, nn.Parameter]] = {}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                self.groups.setdefault(group_of(name, parameter), {})[name] = parameter
        self.moments = {name: (torch.zeros_like(p), torch.zeros_like(p)) for name, p in self.parameters()}
        self.updates = 0

    def parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        for group in self.groups.values():
            yield from group.items()

    @torch.no_grad()
    def update(self, fraction: float, per_count: Tensor) -> Tensor:
        """One step at `fraction` of the peak rates, on gradients times `per_count`; their norm before clipping."""
        gradients = [p.grad for _, p in self.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients) * per_count
        divisor = torch.clamp(norm / self.config.max_norm, min=1.0) / per_count
        for group, named in self.groups.items():
            self._update_group(group, named, fraction, divisor)
        self.updates += 1
        return norm

    def _update_group(self, group: str, named: dict[str, nn.Parameter], fraction: float, divisor: Tensor) -> None:
        config = self.config
        gradients = {name: p.grad for name, p in named.items() if p.grad is not None}
        updates = [torch.tensor(float(self.updates), device=divisor.device) for _ in gradients]  # adamw adds one
        adamw(
            [named[name] for name in gradients],
            list(gradients.values()),
            [self.moments[name][0] for name in gradients],
            [self.moments[name][1] for name in gradients],
            [],  # amsgrad's maxima
            updates,
            fused=True,
            grad_scale=divisor,
            lr=config.learning_rate * fraction * self._scale(group),
            beta1=config.beta1,
            beta2=config.beta2,
            weight_decay=config.weight_decay if group == "matrix" else 0.0,
            eps=config.epsilon,
            amsgrad=False,
            maximize=False,
        )

    def _scale(self, group: str) -> float:
        config = self.config
        return {
            "embedding": config.embedding_scale,
            "head": config.head_scale,
            "vector": config.vector_scale,
            "matrix": 1.0,
        }[group]

    def zero_gradients(self) -> None:
        for _, parameter in self.parameters():
            parameter.grad = None


def group_of(name: str, parameter: Tensor) -> str:
    """A parameter's group: a table that is looked up, the head, a matrix, or a vector."""
    if parameter.dim() < 2:
        return "vector"
    if "embedding" in name:
        return "embedding"
    return "head" if name.split(".")[-2] == "head" else "matrix"

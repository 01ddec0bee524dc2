"""The residual network of `models.resnet` as PyTorch's users write it."""

from __future__ import annotations

from typing import Any


def torch_resnet(depth: int, width: int = 16, num_classes: int = 10) -> Any:
    """Return the network of `models.resnet` as PyTorch's users write it, with the same names of parameters."""
    import torch
    from torch import nn
    from torch.nn import functional as f

    class Block(nn.Module):
        def __init__(self, before: int, filters: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(before, filters, 3, stride, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(filters)
            self.conv2 = nn.Conv2d(filters, filters, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(filters)
            self.stride, self.new = stride, filters - before

        def forward(self, x: Any) -> Any:
            residual = self.bn2(self.conv2(f.relu(self.bn1(self.conv1(x)))))
            shortcut = f.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new))
            return f.relu(residual + shortcut)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            before = width
            for stage in range(3):
                blocks = []
                for block in range((depth - 2) // 6):
                    blocks.append(Block(before, width * 2**stage, 2 if stage and not block else 1))
                    before = width * 2**stage
                setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
            self.fc = nn.Linear(before, num_classes)

        def forward(self, x: Any) -> Any:
            x = f.relu(self.bn1(self.conv1(x)))
            for stage in range(3):
                x = getattr(self, f"layer{stage + 1}")(x)
            return self.fc(torch.mean(x, (2, 3)))

    return Network()

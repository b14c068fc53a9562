#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes torch_layers.txt: values and gradients of PyTorch's layers in float64.

Usage: torch_layers.py > torch_layers.txt
"""
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(17)
torch.set_default_dtype(torch.float64)


def array(name, tensor):
    tensor = tensor.detach()
    dims = ' '.join(str(d) for d in tensor.shape) or '1'
    print(f'array {name} {dims}')
    print(' '.join(f'{x:.17g}' for x in tensor.reshape(-1).tolist()))


def layer(name, module, x, upstream=None):
    """Output in training, gradients of Σ upstream ∘ output by x and parameters, what is kept, and the output after."""
    module.train()
    x = x.clone().requires_grad_(True)
    y = module(x)
    upstream = torch.randn_like(y) if upstream is None else upstream
    (y * upstream).sum().backward()
    array(name + '_x', x)
    array(name + '_upstream', upstream)
    array(name + '_y', y)
    array(name + '_grad_x', x.grad)
    for key, p in module.named_parameters():
        array(f'{name}_{key}', p)
        array(f'{name}_grad_{key}', p.grad)
    for key, b in module.named_buffers():
        if b.dtype.is_floating_point:
            array(f'{name}_{key}', b)
    module.eval()
    array(name + '_predicted', module(x))


def randomise(module):
    for p in module.parameters():
        with torch.no_grad():
            p.copy_(torch.randn_like(p))


class Block(nn.Module):
    """A residual block with a projection: conv1x1(x) + conv(relu(bn(conv(x))))."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 3, 3, padding=1, stride=2)
        self.norm = nn.BatchNorm2d(3)
        self.second = nn.Conv2d(3, 3, 3, padding=1)
        self.shortcut = nn.Conv2d(2, 3, 1, stride=2)

    def forward(self, x):
        return self.shortcut(x) + self.second(F.relu(self.norm(self.first(x))))


print('# Layers of PyTorch ' + torch.__version__.split('+')[0] + ' in float64, written by torch_layers.py: x, output in '
      'training (y), gradients of the sum of upstream times y,')
print('# running values after one batch, and the output in evaluation mode after it (predicted). Images are NCHW.')

x = torch.cat([torch.linspace(-9, 9, 37), torch.tensor([-40.0, -1e-3, -1e-8, 1e-8, 1e-3, 40.0])]).requires_grad_(True)
array('activation_x', x)
for name, f in [('Relu', F.relu), ('Sigmoid', torch.sigmoid), ('Tanh', torch.tanh), ('Gelu', F.gelu), ('Silu', F.silu),
                ('LeakyRelu', lambda t: F.leaky_relu(t, 0.01)), ('Elu', lambda t: F.elu(t, 1.0))]:
    y = f(x)
    array(name + '_y', y)
    array(name + '_slope', torch.autograd.grad(y.sum(), x)[0])

norm = nn.BatchNorm1d(4)
randomise(norm)
layer('batch_norm_1d', norm, 3 * torch.randn(6, 4) + 1)
norm = nn.BatchNorm2d(3, eps=1e-3, momentum=0.3)
randomise(norm)
layer('batch_norm_2d', norm, 3 * torch.randn(5, 3, 2, 4) + 1)
norm = nn.LayerNorm(7)
randomise(norm)
layer('layer_norm', norm, 2 * torch.randn(5, 7) + 1)
layer('global_average', nn.AdaptiveAvgPool2d(1), torch.randn(3, 2, 4, 3))
layer('linear', nn.Linear(5, 4), torch.randn(6, 5))
layer('conv2d', nn.Conv2d(2, 3, (3, 2), stride=(2, 1), padding=(1, 0)), torch.randn(4, 2, 6, 5))
layer('block', Block(), torch.randn(3, 2, 6, 4))

table = nn.Embedding(9, 3)
tokens = torch.tensor([[1, 8, 0, 1], [4, 4, 2, 7]])
up = torch.randn(2, 4, 3)
y = table(tokens)
(y * up).sum().backward()
array('embedding_x', tokens.double())
array('embedding_weight', table.weight)
array('embedding_upstream', up)
array('embedding_y', y)
array('embedding_grad_weight', table.weight.grad)

logits = (3 * torch.randn(6, 4)).requires_grad_(True)
labels = torch.tensor([0, 3, 1, 1, 2, 0])
array('smoothing_logits', logits)
array('smoothing_labels', labels.double())
for k, s in enumerate([0.0, 0.1, 0.4]):
    loss = F.cross_entropy(logits, labels, label_smoothing=s)
    array(f'smoothing{k}_share', torch.tensor(s))
    array(f'smoothing{k}_loss', loss)
    array(f'smoothing{k}_gradient', torch.autograd.grad(loss, logits)[0])
sys.stdout.flush()

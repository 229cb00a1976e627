"""LPIPS 0.1 in PyTorch, written from its layers, not from gax: nn.functional on the weights that gax reads.

python -m tests.helpers.lpips_peer prints the literals of tests/nets/test_lpips.py; it needs PyTorch.
"""

import torch
import torch.nn.functional as F

from tests.helpers.lpips_images import images

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


def convolved(x, weights, **how):
    kernel, bias = (torch.tensor(weights[name]) for name in ('kernel', 'bias'))
    return torch.relu(F.conv2d(x, kernel.permute(3, 2, 0, 1), bias, **how))


def alex(x, convolutions):
    """The five outputs after the ReLUs."""
    first = convolved(x, convolutions['conv1'], stride=4, padding=2)
    second = convolved(F.max_pool2d(first, 3, 2), convolutions['conv2'], padding=2)
    third = convolved(F.max_pool2d(second, 3, 2), convolutions['conv3'], padding=1)
    fourth = convolved(third, convolutions['conv4'], padding=1)
    return first, second, third, fourth, convolved(fourth, convolutions['conv5'], padding=1)


def vgg(x, convolutions):
    """The last output of each of the five blocks after its ReLU."""
    outputs = []
    for block, count in enumerate((2, 2, 3, 3, 3), 1):
        x = F.max_pool2d(x, 2) if block > 1 else x
        for i in range(1, count + 1):
            x = convolved(x, convolutions[f'conv{block}_{i}'], padding=1)
        outputs.append(x)
    return outputs


def lpips(name, weights, x, y):
    """float32 NumPy [B] of images [B, H, W, 3] in [-1, 1]."""
    stack, sides = {'alex': alex, 'vgg': vgg}[name], []
    for image in (x, y):
        image = torch.tensor(image).permute(0, 3, 1, 2)
        if min(image.shape[2:]) < 64:
            scale = 64 / min(image.shape[2:])
            size = [round(side * scale) for side in image.shape[2:]]
            image = F.interpolate(image, size, mode='bilinear', align_corners=False)
        image = (image - torch.tensor(SHIFT).view(3, 1, 1)) / torch.tensor(SCALE).view(3, 1, 1)
        sides.append(
            [
                f / (f.pow(2).sum(1, keepdim=True).sqrt() + 1e-10)
                for f in stack(image, weights['convolutions'])
            ]
        )
    total = torch.zeros(len(x))
    for a, b, head in zip(*sides, weights['heads'].values(), strict=True):
        total += ((a - b).pow(2) * torch.tensor(head).view(1, -1, 1, 1)).sum(1).mean((1, 2))
    return total.numpy()


if __name__ == '__main__':
    import pickle
    import sys

    for name, file in (('alex', sys.argv[1]), ('vgg', sys.argv[2])):
        with open(file, 'rb') as stream:
            weights = pickle.load(stream)  # of gax.nets.lpips.load(name), pickled by the one who runs this
        for size in ((64, 64), (32, 40), (70, 66)):
            print(name, size, [float(f'{value:.8g}') for value in lpips(name, weights, *images(*size))])

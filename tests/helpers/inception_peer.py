"""The same Inception in PyTorch (torch-fidelity's), with the same random weights: what gax's is compared
with.

python tests/helpers/inception_peer.py writes inception_golden.npz, a sample of every layer's values, so that
a machine without PyTorch compares as well. Needs pip install -e '.[agreement]' and torchvision (--no-deps
will do).
"""

import functools
from pathlib import Path

import numpy as np
import pytest

from gax.evals.features import inception, inception_weights

GOLDEN = Path(__file__).with_name('inception_golden.npz')
SAMPLE = 16  # values kept of each layer and image


def random_arrays(seed=0):
    """A state dict of random weights, statistics too, that keeps activations near one (He et al., 2015).

    From NumPy's frozen generator, whose numbers no later version changes.
    """
    rng = np.random.RandomState(seed)
    arrays = {}
    for name, shape in inception_weights.shapes().items():
        if name.endswith('running_var'):
            array = rng.uniform(0.7, 1.4, shape)
        elif name.endswith('bn.weight'):
            array = rng.uniform(0.8, 1.2, shape)
        elif len(shape) == 1:
            array = rng.uniform(-0.3, 0.3, shape)
        else:
            bound = np.sqrt(6 / np.prod(shape[1:]))
            array = rng.uniform(-bound, bound, shape)
        arrays[name] = array.astype(np.float32)
    return arrays


def images():
    """uint8 [2, 40, 32, 3]: noise, and a slope with a block on it."""
    noise = np.random.RandomState(1).randint(0, 256, (40, 32, 3))
    slope = np.add.outer(np.arange(40) * 3, np.arange(32) * 2)[..., None] + np.array([0, 40, 80])
    slope[10:20, 5:25] = 255, 0, 30
    return np.stack([noise, slope]).astype(np.uint8)


def sample(array):
    """SAMPLE values of each image, spread over an activation [B, H, W, C] or [B, D]; float32 [B, SAMPLE]."""
    flat = np.asarray(array).reshape(len(array), -1)
    return flat[:, np.linspace(0, flat.shape[1] - 1, SAMPLE).astype(int)]


@functools.cache
def declarations():
    """torchvision wants operators that its Python files alone do not bring; declared for as long as this is
    kept.
    """
    import torch

    library = torch.library.Library('torchvision', 'FRAGMENT')
    if not hasattr(torch.ops.torchvision, 'nms'):
        for name in ('nms', 'qnms'):
            library.define(f'{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
    return library


def fidelity(module):
    """The module of torch_fidelity; the test is skipped without it or PyTorch."""
    pytest.importorskip('torch')
    declarations()
    return pytest.importorskip(f'torch_fidelity.{module}')


def network(path):
    """torch-fidelity's extractor with the weights at `path`, as torch.save wrote them."""
    made = fidelity('feature_extractor_inceptionv3').FeatureExtractorInceptionV3
    return made('peer', ['2048', 'logits_unbiased', 'logits'], str(path))


def activations(net, pictures):
    """What every module gives for uint8 [B, H, W, 3]: name -> float32 [B, H, W, C], and the three outputs
    [B, D].
    """
    import torch

    found = {}

    def keep(name, out):
        found[name] = out.permute(0, 2, 3, 1).numpy().copy()

    for name, module in net.named_modules():
        if type(module).__name__ == 'BasicConv2d' or name in inception.BLOCKS:
            module.register_forward_hook(lambda _, __, out, name=name: keep(name, out))
    with torch.no_grad():
        out = net(torch.from_numpy(pictures).permute(0, 3, 1, 2))
    return found | dict(zip(('features', 'logits_unbiased', 'logits'), (o.numpy() for o in out), strict=True))


def save(arrays, path, zipped):
    """A state dict written by PyTorch, in its newer or older format."""
    import torch

    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    torch.save(tensors, path, _use_new_zipfile_serialization=zipped)


def main():
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'random.pth'
        save(random_arrays(), path, zipped=False)
        found = activations(network(path), images())
    np.savez_compressed(GOLDEN, **{name: sample(array) for name, array in found.items()})
    print(f'{GOLDEN}: {len(found)} layers')


if __name__ == '__main__':
    main()

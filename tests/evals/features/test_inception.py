"""The Inception against PyTorch's, layer by layer, with the same random weights; and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend import core

from gax import errors
from gax.evals.features import inception, inception_weights, resize
from tests.helpers import inception_peer as peer
from tests.helpers.cases import with_slow


@pytest.fixture(scope='module')
def arrays():
    return peer.random_arrays()


@pytest.fixture(scope='module')
def variables(arrays):
    return inception_weights.convert(arrays)


@pytest.fixture(scope='module')
def layers(variables):
    """Every module's output by its name, for peer.images(); those of `extract` under their own names."""

    @jax.jit
    def run(variables, images):
        x = (resize.tf1(images, inception.SIZE) - 128) / 128
        keep = {'capture_intermediates': True, 'mutable': 'intermediates'}
        out, seen = inception.Inception().apply(variables, x, **keep)
        return out, seen['intermediates']

    out, seen = run(variables, peer.images())
    flat = jax.tree_util.tree_leaves_with_path(seen)
    named = {'.'.join(k.key for k in p[:-2]): a for p, a in flat if getattr(p[-2], 'key', '') == '__call__'}
    return {k: np.asarray(v) for k, v in (named | out).items()}


@pytest.mark.slow
def test_every_layer_is_pytorchs(layers):
    """Against values that torch-fidelity computed (inception_peer.py): all 94 convolutions, 11 blocks, 3
    outputs.
    """
    with np.load(peer.GOLDEN) as golden:
        assert len(golden.files) == 94 + 11 + 3
        for name in golden.files:
            want = golden[name]
            assert np.abs(want).max() > 0.1, f'{name}: nothing to compare'
            np.testing.assert_allclose(peer.sample(layers[name]), want, atol=1e-4, rtol=0, err_msg=name)


def test_every_value_is_that_of_pytorch_at_hand(layers, arrays, tmp_path):
    peer.fidelity('feature_extractor_inceptionv3')
    path = tmp_path / 'random.pth'
    peer.save(arrays, path, zipped=False)
    found = peer.activations(peer.network(path), peer.images())
    assert len(found) == 108
    for name, want in found.items():
        assert want.std() > 0.1, f'{name}: nothing to compare'
        np.testing.assert_allclose(layers[name], want, atol=1e-4, rtol=0, err_msg=name)


def test_it_is_the_network_of_fid(layers):
    sizes = {name: layers[name].shape[1:] for name in inception.BLOCKS}
    assert [sizes[f'Mixed_{n}'] for n in ('5b', '5d', '6a', '6e', '7a', '7c')] == [
        (35, 35, 256),
        (35, 35, 288),
        (17, 17, 768),
        (17, 17, 768),
        (8, 8, 1280),
        (8, 8, 2048),
    ]
    # PyTorch counts 23,850,960 parameters; folding a norm's weight and bias into one bias spends its width
    # less.
    shapes = inception_weights.shapes()
    stored = sum(int(np.prod(shape)) for name, shape in shapes.items() if 'running' not in name)
    widths = sum(shape[0] for name, shape in shapes.items() if name.endswith('bn.bias'))
    assert stored == 23_850_960
    count = sum(leaf.size for leaf in jax.tree.leaves(inception.structure()))
    assert count == stored - widths


def test_pools_leave_the_border_out():
    x = jnp.ones((1, 4, 4, 1))
    np.testing.assert_allclose(inception.mean3(x), 1.0)  # with the padding counted: 4/9 in the corners
    np.testing.assert_allclose(inception.max3(-x), -1.0)  # with zeros around: 0
    assert inception.halve(x[:, :, :3]).shape == (1, 1, 1, 1)


@pytest.fixture(scope='module')
def extract():
    return jax.jit(inception.extract)


def test_extract_is_the_whole_way_from_bytes(layers, variables, extract):
    found = extract(variables, peer.images())
    for name in ('features', 'logits_unbiased', 'logits'):
        np.testing.assert_allclose(found[name], layers[name], atol=1e-4, rtol=0)
    odds = np.exp(np.asarray(layers['logits_unbiased'], np.float64))
    np.testing.assert_allclose(found['probabilities'], odds / odds.sum(-1, keepdims=True), atol=1e-6)
    assert {k: v.shape for k, v in found.items()} == {
        'features': (2, 2048),
        'logits_unbiased': (2, 1008),
        'logits': (2, 1008),
        'probabilities': (2, 1008),
    }


def equations(jaxpr):
    """Every equation, those within functions too."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in core.jaxprs_in_params(equation.params):
            yield from equations(inner)


@pytest.mark.parametrize('resizer', with_slow(resize.RESIZERS.values(), 0))
def test_no_device_may_round_products(resizer):
    """On a GPU the default is TF32: about 1e-3 of every activation, and a Frechet distance that depends on
    the machine.
    """
    images = jax.ShapeDtypeStruct((2, 32, 32, 3), jnp.uint8)
    made = jax.make_jaxpr(lambda v, x: inception.extract(v, x, resizer))(inception.structure(), images)
    products = [
        e for e in equations(made.jaxpr) if e.primitive.name in ('dot_general', 'conv_general_dilated')
    ]
    assert len(products) == 94 + 1 + 2 * (resizer is resize.clean)
    highest = (jax.lax.Precision.HIGHEST,) * 2
    assert {e.params['precision'] for e in products} == {highest}


def test_grey_images_are_seen_as_three_equal_channels(variables, monkeypatch):
    """Of the network only its input counts here."""
    seen = []

    def apply(self, variables, x):
        seen.append(np.asarray(x))
        return {'logits_unbiased': x.mean((1, 2))}

    monkeypatch.setattr(inception.Inception, 'apply', apply)
    grey = np.array([[0, 64], [128, 255]], np.uint8)[None, :, :, None]
    for images in (grey, np.repeat(grey, 3, axis=3)):
        inception.extract(variables, jnp.asarray(images))
    np.testing.assert_array_equal(*seen)
    assert seen[0].shape == (1, 299, 299, 3)
    assert seen[0].min() == -1.0  # 0 -> -1, and 255 -> 127/128
    assert seen[0].max() == 127 / 128


@pytest.mark.parametrize(
    'images', [np.zeros((2, 8, 8, 4), np.uint8), np.zeros((2, 8, 8, 3)), np.zeros((8, 8, 3), np.uint8)]
)
def test_other_images_are_refused(images):
    with pytest.raises(errors.GaxError, match=r'wants uint8 images \[B, H, W, 1 or 3\], got'):
        inception.extract({}, images)

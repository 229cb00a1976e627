"""Files of every mode as uint8 arrays, by hand-made pixels; and each file that cannot be meant, with its one
line.
"""

import os
import struct

import numpy as np
import pytest
from PIL import Image

from gax.data import decode
from gax.errors import GaxError
from tests.helpers import imagefiles

RGB = imagefiles.noise(5, 7)
GRAY = RGB[..., :1]


def decoded(image, kind='PNG', channels=0, **options):
    found = decode.image(imagefiles.content(image, kind, **options), 'x', channels)
    assert found.dtype == np.uint8
    return found


def test_colour_and_gray():
    np.testing.assert_array_equal(decoded(Image.fromarray(RGB)), RGB)
    np.testing.assert_array_equal(decoded(Image.fromarray(GRAY[..., 0])), GRAY)


def test_black_and_white():
    bits = GRAY[..., 0] > 127
    np.testing.assert_array_equal(decoded(Image.fromarray(bits))[..., 0], 255 * bits)


def tiff(bits, kind, content, width=4, height=3):
    """Gray samples as they are; kind 1 unsigned, 2 signed."""
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, 1), (273, 134), (277, 1), (278, height)]
    tags += [(279, len(content)), (339, kind)]
    head = b'II*\0' + struct.pack('<IH', 8, len(tags))
    return (
        head
        + b''.join(struct.pack('<HHIHH', tag, 3, 1, value, 0) for tag, value in tags)
        + bytes(4)
        + content
    )


SIXTEEN = np.linspace(0, 65535, 12).astype(np.uint16).reshape(3, 4)


@pytest.mark.parametrize(
    'content',
    [
        b'P5\n4 3\n65535\n' + SIXTEEN.astype('>u2').tobytes(),
        b'P2\n4 3\n65535\n' + ' '.join(map(str, SIXTEEN.ravel())).encode(),
        b'P5\n4 3\n4095\n' + (SIXTEEN >> 4).astype('>u2').tobytes(),
        imagefiles.content(Image.fromarray(SIXTEEN), 'PNG'),
        imagefiles.content(Image.fromarray(SIXTEEN), 'TIFF'),
        imagefiles.content(Image.fromarray(SIXTEEN), 'JPEG2000', irreversible=False),
        tiff(
            12,
            1,
            b''.join(
                struct.pack('>I', (int(a) >> 4) << 12 | int(b) >> 4)[1:] for a, b in SIXTEEN.reshape(-1, 2)
            ),
        ),
    ],
    ids=['pgm', 'plain pgm', '12-bit pgm', 'png', 'tiff', 'jpeg 2000', '12-bit tiff'],
)
def test_gray_of_up_to_16_bits_keeps_its_range(content, tmp_path):
    found = decode.image(content, 'x')
    np.testing.assert_allclose(found[..., 0], SIXTEEN / 257, atol=0.6)
    (tmp_path / 'x').write_bytes(content)
    assert decode.shape(tmp_path / 'x') == found.shape == (3, 4, 1)


@pytest.mark.parametrize(('bits', 'said'), [(16, 'signed 16-bit pixels'), (8, 'signed 8-bit pixels')])
def test_signed_pixels_are_called_so(bits, said):
    with pytest.raises(GaxError, match=f'x has {said}: save it with 8 or 16 bits, from 0 up'):
        decode.image(tiff(bits, 2, bytes(12 * bits // 8)), 'x')


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / 'a.png')
    (tmp_path / 'b.png').symlink_to('/nowhere/b.png')
    for name, said in (
        ('a.png', 'a.png cannot be read as an image .it is no file'),
        ('b.png', 'links to /nowhere/b.png, which is not there'),
    ):
        for read in (decode.image, decode.shape):
            with pytest.raises(GaxError, match=said):
                read(tmp_path / name)


@pytest.mark.parametrize('transparent', [False, True])
def test_palettes_are_looked_up(transparent):
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), 'L').convert('P')
    image.putpalette([255, 0, 0, 0, 0, 200])
    found = decoded(image, **({'transparency': 1} if transparent else {}))
    other = [255, 255, 255] if transparent else [0, 0, 200]
    assert found.tolist() == [[[255, 0, 0], other], [other, [255, 0, 0]]]


def test_transparent_pixels_lie_over_white():
    """c a + 255 (1 - a), to the nearest of 256 levels."""
    pixels = np.array([[[200, 0, 100, 0], [200, 0, 100, 255], [200, 0, 100, 51]]], np.uint8)
    found = decoded(Image.fromarray(pixels))
    assert found[0, :2].tolist() == [[255, 255, 255], [200, 0, 100]]
    np.testing.assert_allclose(found[0, 2], [244, 204, 224], atol=1)
    np.testing.assert_array_equal(decoded(Image.fromarray(pixels), channels=4), pixels)


def test_gray_with_alpha_stays_gray():
    pixels = np.array([[[10, 255], [10, 0]]], np.uint8)
    assert decoded(Image.fromarray(pixels, 'LA')).tolist() == [[[10], [255]]]


def test_sixteen_bits_are_rounded_to_eight():
    """65535 / 257 = 255; 128 rounds to 0 and 129 to 1, as half of 257 is 128.5."""
    levels = np.array([[0, 128, 129, 257 * 100 + 128, 257 * 100 + 129, 65535]], np.uint16)
    assert decoded(Image.fromarray(levels)).tolist() == [[[0], [0], [1], [100], [101], [255]]]


def test_sixteen_bits_of_colour():
    """Pillow takes the upper bytes: no more than one level from the rounded ones."""
    levels = np.random.default_rng(0).integers(0, 65536, (4, 6, 3), np.uint16)
    found = decode.image(imagefiles.png16(levels), 'x')
    assert found.shape == (4, 6, 3)
    np.testing.assert_allclose(found, levels / 257, atol=1)


def test_cmyk():
    pixels = np.zeros((1, 2, 4), np.uint8)
    pixels[0, 0] = [0, 255, 255, 0]  # no red taken away: red
    found = decoded(Image.fromarray(pixels, 'CMYK'), 'TIFF')
    assert found.tolist() == [[[255, 0, 0], [255, 255, 255]]]


# What each orientation says of where the stored rows and columns belong: EXIF 2.3, section 4.6.4 A.
TURNED = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.transpose(1, 0, 2),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].transpose(1, 0, 2),
    8: lambda x: np.rot90(x),
}


@pytest.mark.parametrize('orientation', TURNED)
def test_exif_rotation_is_done(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = imagefiles.save(tmp_path / 'a.png', RGB, exif=exif)
    found = decode.image(path)
    np.testing.assert_array_equal(found, TURNED[orientation](RGB))
    assert decode.shape(path) == found.shape


@pytest.mark.parametrize('kind', ['JPEG', 'WEBP', 'BMP', 'TIFF', 'GIF', 'PPM'])
def test_formats(kind):
    flat = np.full((6, 4, 3), [200, 60, 20], np.uint8)
    np.testing.assert_allclose(decoded(Image.fromarray(flat), kind), flat, atol=3)


def test_heads_say_what_is_decoded(tmp_path):
    for name, image, options in [
        ('rgb.png', Image.fromarray(RGB), {}),
        ('gray.jpg', Image.fromarray(GRAY[..., 0]), {}),
        ('la.png', Image.fromarray(RGB[..., :2].copy(), 'LA'), {}),
        ('rgba.png', Image.fromarray(imagefiles.noise(5, 7, 4)), {}),
        ('p.gif', Image.fromarray(RGB).convert('P'), {}),
        ('16.png', Image.fromarray(GRAY[..., 0].astype(np.uint16)), {}),
    ]:
        image.save(tmp_path / name, **options)
        for channels in (0, 4):
            assert (
                decode.shape(tmp_path / name, channels) == decode.image(tmp_path / name, '', channels).shape
            )


WHOLE = imagefiles.content(Image.fromarray(imagefiles.noise(40, 40)))
JPEG = imagefiles.content(Image.fromarray(imagefiles.noise(40, 40)), 'JPEG')
BROKEN = {
    'empty.png': (b'', 'no image format that Pillow knows'),
    'text.jpg': (b'these are no pixels', 'no image format that Pillow knows'),
    'cut.png': (WHOLE[: len(WHOLE) // 2], 'truncated'),
    'cut.jpg': (JPEG[: len(JPEG) // 2], 'truncated'),
    'changed.png': (WHOLE[:400] + b'\xff' * 40 + WHOLE[440:], 'unrecognized data stream'),
    'two.gif': (
        imagefiles.content(
            Image.fromarray(RGB), 'GIF', save_all=True, append_images=[Image.fromarray(RGB[::-1].copy())]
        ),
        'has 2 frames',
    ),
    'float.tif': (imagefiles.content(Image.fromarray(np.zeros((3, 3), np.float32)), 'TIFF'), '32-bit pixels'),
    'long.tif': (imagefiles.content(Image.fromarray(np.zeros((3, 3), np.int32)), 'TIFF'), '32-bit pixels'),
}


@pytest.mark.parametrize('name', BROKEN)
def test_broken_files_are_named(tmp_path, name):
    content, said = BROKEN[name]
    path = tmp_path / name
    path.write_bytes(content)
    for given in (path, content):
        with pytest.raises(decode.BadImage) as info:
            decode.image(given, str(path))
        assert str(info.value).startswith(str(path))
        assert said in str(info.value)
        assert '\n' not in str(info.value)


def test_a_file_that_went_away(tmp_path):
    with pytest.raises(GaxError, match=r'gone\.png cannot be read as an image'):
        decode.image(tmp_path / 'gone.png')

"""Super-resolution of emoji, 8 to 32 pixels: 2,000 steps of L1, then 1,000 against a discriminator.

    python experiments/train.py --config=configs/srgan_emoji.py --workdir=runs/x4
    python experiments/evaluate.py --workdir=runs/x4 --split=test --step=all \\
        --metrics=psnr,ssim,lpips_vgg,frechet --features=emoji

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network", 2017,
with a small SRResNet (32 channels, 8 blocks) and LPIPS of AlexNet as the perceptual distance (pip install
'gax[lpips]'; without it the discriminator's features). Checkpoints are kept at step 2,000, the end of the
first phase, and at 3,000. Any images: --config.data.name=folder:PATH. ESRGAN: docs/guides/restore.md.

Measured on 2 CPU cores shared with about ten other processes, JAX 0.10.2, 2026-11-29, one seed, on 191
held-out emoji, with steps=2300: PSNR 21.83 dB after the L1 phase (bicubic 17.30), LPIPS of VGG16 0.228
(0.398); after 300 steps of the second phase 20.96 dB and 0.244, LPIPS of AlexNet 0.100 (before 0.143). 22
minutes on the clock there, 5 of them compilation. The 1,000 steps of this config's second phase have not been
run.
"""

from ml_collections import ConfigDict

from gax.config import base, choose, optimizer, schedule


def get_config() -> ConfigDict:
    config = base('srgan')
    config.data.name = 'embedded:emoji'
    choose(config, 'data', condition='downsample:4', split='train')
    config.data.flip = True
    config.batch_size, config.steps, config.pixel.steps = 16, 3000, 2000
    config.g.net.width, config.g.net.blocks = 32, 8
    config.d.net.widths = (32, 64, 64)
    falling = schedule('cosine_decay_schedule', decay_steps=1.0, alpha=0.05)
    config.pixel.optimizer = optimizer('adam', 1e-3, schedule=falling)
    config.g.optimizer = optimizer('adam', 2e-4)
    config.d.optimizer = optimizer('adam', 2e-4)
    config.perceptual.net = 'lpips_alex'
    config.adversarial_weight = 0.01
    config.ema.decay = 0.99  # less of the phase before remains in the average
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    choose(config, 'data', image_size=16)
    config.batch_size, config.pixel.steps, config.perceptual.net = 8, 0, 'discriminator'
    config.g.net.width, config.g.net.blocks, config.d.net.widths, config.d.net.dense = 4, 1, (4, 4), 4
    return config

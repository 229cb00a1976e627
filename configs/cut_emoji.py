"""CUT from Noto's emoji to OpenMoji's, at 32 pixels, without pairs and without a way back.

    python experiments/train.py --config=configs/cut_emoji.py --workdir=runs/cut

Park et al., "Contrastive Learning for Unpaired Image-to-Image Translation", 2020. Two sets of your own:
--config.data.name=domains:PATH. Its results and its time have not been measured.
"""

from ml_collections import ConfigDict

from configs import cyclegan_emoji
from gax.config import choose


def get_config() -> ConfigDict:
    config = cyclegan_emoji.unpaired('cut')
    config.nce.width, config.nce.patches = 64, 64
    return config


def get_test_config() -> ConfigDict:
    config = cyclegan_emoji.tiny(get_config())
    config.nce.width, config.nce.patches = 6, 5
    # At 8 pixels maps are nearly constant, and instance norm makes rounding errors 300 times as large.
    choose(config, 'data', image_size=16)
    config.adversarial_weight = config.nce.weight = 0.01
    return config

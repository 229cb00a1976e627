"""CTGAN on a table of your own, such as Adult.

    python experiments/train.py --config=configs/ctgan_adult.py:Adult.csv --workdir=runs/adult

Xu et al., "Modeling Tabular Data using Conditional GAN", 2019. Without a file the data is synthetic:table.
Measured on 2 CPU cores with about ten other processes on them, JAX 0.10.2, 2026-11-29, one seed, Adult with
20,000 training rows, 30 epochs (--config.steps=1200), which is a tenth of the steps here: SDMetrics' quality
0.849 (test rows in place of the samples: 0.990; columns resampled apart: 0.899), the AUC of gradient boosting
trained on samples 0.715 (on real rows 0.926, on SMOTE's 0.902), F1 0.004 (0.706, 0.664): the columns are
about right, their dependence is not learned yet. The 300 epochs, and the package ctgan beside them, have not
been measured. benchmarks/tables.py, benchmarks/results/tables_adult.json.
"""

from ml_collections import ConfigDict

from gax.config import base, choose

# Of Adult as Zhao et al. (CTAB-GAN+, 2023) have it; every other integer column of theirs is a code.
ADULT = {'native-country': 'category'}


def get_config(path: str = '') -> ConfigDict:
    config = base('ctgan')
    config.data.name = f'table:{path}' if path else 'synthetic:table'
    config.steps = 12_000
    config.log_every, config.sample_every, config.checkpoint.every = 500, 4000, 4000
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size, config.pack = 16, 2
    config.latent_dim = 4
    choose(config, 'g.net', 'table', widths=(8,))
    choose(config, 'd.net', 'mlp', widths=(8,), slope=0.2, dropout=0.5)
    return config

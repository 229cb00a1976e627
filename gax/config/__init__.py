"""Configs: their fields and defaults, what is checked, how flags change them."""

from gax.config.choices import choose
from gax.config.config_file import load_config
from gax.config.defaults import base, check
from gax.core.learning_rates import schedule
from gax.core.optimizers import section as optimizer

__all__ = ['base', 'check', 'choose', 'load_config', 'optimizer', 'schedule']

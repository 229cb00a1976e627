"""The augmentation pipeline of ADA: 18 random transforms of images, each applied with a probability.

Karras et al., "Training Generative Adversarial Networks with Limited Data", 2020, appendix B. `pipeline` has
the presets and applies them; `draws` the random numbers; `geometry`, `colors` and `bands` the transforms.
The controller of the probability is in augment.py.
"""

"""The parts of a player: losses, penalties and augmentations, lifted to terms, and the usual players."""

"""What a player is made of: losses, penalties and augmentations, lifted to terms, and the players
themselves.
"""

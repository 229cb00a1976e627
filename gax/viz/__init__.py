"""Pixels to files: grids and curves, films, folders of PNGs."""

"""Data: the sets of images to learn from, the known ones and one's own, found and checked."""

"""Drawing: what a person drew or photographed -> the image that a network sees."""

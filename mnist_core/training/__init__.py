"""Training: the only part of Digit Lab that imports TensorFlow and Keras; the pool does neither."""

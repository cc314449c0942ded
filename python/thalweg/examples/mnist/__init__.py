"""Handwritten digits: from softmax regression to a convolutional network of 99.3 %."""

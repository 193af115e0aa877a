"""One button: a picture or a text in, the right feature answers."""

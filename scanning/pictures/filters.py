"""Changes to a gray picture that make a code easier to read. Each gives a new picture."""

import numpy as np
from PIL import Image, ImageFilter

from scanning.pictures.picture import Gray


def shrunk(picture: Gray, longest: int) -> Gray:
    """The picture with a longest side of at most so many pixels."""
    factor = longest / max(picture.shape)
    return _resize_picture(picture, factor, Image.Resampling.BOX) if factor < 1 else picture


def enlarged(picture: Gray, factor: float) -> Gray:
    """The picture so many times larger."""
    return _resize_picture(picture, factor, Image.Resampling.BICUBIC)


def sharpened(picture: Gray, radius: float, percent: int) -> Gray:
    """Unsharp masking: what a blur of so many pixels takes away is added, so many per cent of it."""
    return _filter_picture(picture, ImageFilter.UnsharpMask(radius, percent, threshold=0))


def flattened(picture: Gray, radius: int) -> Gray:
    """Even light and full contrast everywhere: each pixel by mean and spread of its neighbourhood."""
    mean = _filter_picture(picture, ImageFilter.BoxBlur(radius)).astype(np.float32)
    difference = picture - mean
    spread = _filter_picture(np.minimum(np.abs(difference) * 2, 255).astype(np.uint8), ImageFilter.BoxBlur(radius))
    # The floor keeps the noise of plain paper from becoming a pattern.
    scaled = difference * (100 / np.maximum(spread.astype(np.float32), 12)) + 128
    return np.clip(scaled, 0, 255).astype(np.uint8)


def thresholded(picture: Gray, radius: int, margin: int) -> Gray:
    """Black where a pixel is darker than its neighbourhood by more than a margin, else white."""
    mean = _filter_picture(picture, ImageFilter.BoxBlur(radius)).astype(np.int16)
    return np.where(picture < mean - margin, 0, 255).astype(np.uint8)


def brightened(picture: Gray, gamma: float) -> Gray:
    """Gamma correction: over 1 darkens, for glare and faded print; under 1 opens shadows."""
    curve = (255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    return np.asarray(curve[picture])


def _resize_picture(picture: Gray, factor: float, resampling: Image.Resampling) -> Gray:
    height, width = (max(round(side * factor), 1) for side in picture.shape)
    return np.asarray(Image.fromarray(picture).resize((width, height), resampling))


def _filter_picture(picture: Gray, change: ImageFilter.Filter) -> Gray:
    return np.asarray(Image.fromarray(picture).filter(change))

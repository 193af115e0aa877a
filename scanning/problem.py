"""What can be wrong with a text or a picture we are given."""


class Problem(ValueError):
    """What we were given cannot be read. Every exception of this package that blames its input is one."""


class NotACode(Problem):
    """The text is nothing of the kind that was asked for."""


class TypingError(Problem):
    """A package code was mistyped: not 16 symbols, or the check symbol is wrong."""


class NotIssued(Problem):
    """The package code is well written, but nobody with the key made it."""


class GtinInvalid(Problem):
    """The article number has a wrong length or a wrong check digit."""


class PictureTooLarge(Problem):
    """The picture has too many bytes or pixels, or a side that is too long."""


class PictureUnsupported(Problem):
    """The file is not of a kind that we open: JPEG, PNG, WebP, HEIC, AVIF or PDF."""


class PictureUnreadable(Problem):
    """The file is damaged, lies about itself, or takes too long or too much memory to open."""

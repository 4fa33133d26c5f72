"""Text in one line, for messages and tables that name what others have named."""


def one_line(text) -> str:
    r"""Returns a text with everything that is not printable escaped as in Python: `\n`, `\x1b`.

    A file may have a line break, a terminal's control sequence or bytes of no encoding in its name.

    Args:
        text: or a path.

    Example:
        >>> one_line("two\nlines.png")
        'two\\nlines.png'
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )

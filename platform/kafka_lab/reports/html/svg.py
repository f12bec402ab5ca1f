"""SVG as text. Everything that is not markup already is escaped, control characters are shown."""

from __future__ import annotations

from markupsafe import Markup, escape

from kafka_lab.reports.escape import terminal


def clean(text: object) -> str:
    """Text fit for a page: what would steer a terminal or turn the line is written out."""
    return terminal(str(text))


def tag(name: str, *children: str | Markup, **attributes: object) -> Markup:
    """One element; ``class_`` is ``class``, underscores become hyphens, numbers are rounded."""
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is None:
            continue
        shown = f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else clean(value)
        parts.append(f' {key.rstrip("_").replace("_", "-")}="{escape(shown)}"')
    inside = Markup("").join(c if isinstance(c, Markup) else escape(clean(c)) for c in children)
    head = "".join(parts)
    return Markup(f"{head}>{inside}</{name}>") if children else Markup(f"{head}/>")


def titled(shape: str, title: str, **attributes: object) -> Markup:
    """A shape with the words that appear when one points at it."""
    return tag(shape, tag("title", title), **attributes)


def short(text: str, most: int) -> str:
    """Of a long name the beginning and the end."""
    text = clean(text)
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[: most - 1 - half]}…{text[-half:]}"

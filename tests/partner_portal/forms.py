"""What a browser sends of a form that the pages have drawn."""

from collections.abc import Iterator

from partner_portal.processes.sketch import Sketch


def fields_of(stages: Sketch) -> dict[str, str]:
    """Write a sketch as a browser would send it, line ends and all."""
    return dict(_fields(stages))


def _fields(stages: Sketch) -> Iterator[tuple[str, str]]:
    for at, stage in enumerate(stages):
        yield from _texts(f"s{at}", stage)
        for need, gate in stage["needs"].items():
            yield f"s{at}.need.{need}", gate
        for nth, step in enumerate(stage["t"]):
            yield from _texts(f"s{at}.t{nth}", step)
            for letter in ("p", "c"):
                for place, part in enumerate(step[letter]):
                    yield from _texts(f"s{at}.t{nth}.{letter}{place}", part)


def _texts(prefix: str, part: dict[str, object]) -> Iterator[tuple[str, str]]:
    for name, text in part.items():
        if isinstance(text, str):
            yield f"{prefix}.{name}", text.replace("\n", "\r\n")

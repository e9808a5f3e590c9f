"""Pictures with a message."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from propylon.runtimes.base import Attachment
from propylon.runtimes.failures import RuntimeFailure
from propylon.runtimes.gateway.attachments import BODY_BYTES, IMAGE_BYTES, check_body, content, sniffed

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def picture(folder: Path, data: bytes = PNG, *, name: str = "a.png", mime: str = "image/png") -> Attachment:
    path = folder / name
    path.write_bytes(data)
    return Attachment(path=path, name=name, mime=mime, size=len(data))


def test_a32_a_picture_is_a_part_of_the_message(tmp_path: Path) -> None:
    assert content("look", [], [tmp_path], {}) == "look"
    assert content("look", [picture(tmp_path)], [tmp_path], {}) == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(PNG).decode()}},
    ]


def test_a32_what_cannot_be_read_is_named_in_the_text(tmp_path: Path) -> None:
    gone = Attachment(path=tmp_path / "gone.png", name="gone.png", mime="image/png", size=5)
    found = content("look", [gone], [tmp_path], {})
    assert isinstance(found, str) and found.startswith("look") and "gone.png" in found


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (PNG, "image/jpeg"),
        (PNG, "text/plain"),
        (b"hello", "image/png"),
        (b"", "image/png"),
        (b"<svg/>", "image/svg+xml"),
    ],
)
def test_a33_type_and_first_bytes_must_agree(tmp_path: Path, data: bytes, mime: str) -> None:
    found = content("look", [picture(tmp_path, data, mime=mime)], [tmp_path], {})
    assert isinstance(found, str) and "a.png" in found


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a..", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVE", ""),
    ],
)
def test_a33_pictures_by_their_first_bytes(head: bytes, mime: str) -> None:
    assert sniffed(head) == mime


def test_a33_only_files_below_the_roots_are_read(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    secret = picture(outside)
    (inside / "link.png").symlink_to(secret.path)
    for path in (secret.path, inside / "link.png", inside / ".." / "out" / "a.png"):
        found = content("look", [Attachment(path=path, name="a.png", mime="image/png", size=28)], [inside], {})
        assert isinstance(found, str)
    assert isinstance(content("look", [secret], [inside, outside], {}), list)


def test_a33_text_mode_sends_no_picture(tmp_path: Path) -> None:
    found = content("look", [picture(tmp_path)], [tmp_path], {"agent": {"image_input_mode": "Text"}})
    assert isinstance(found, str) and "a.png" in found
    assert isinstance(content("look", [picture(tmp_path)], [tmp_path], {"agent": {"image_input_mode": "auto"}}), list)


def test_a33_what_cannot_fit_is_refused_with_its_size(tmp_path: Path) -> None:
    large = picture(tmp_path, PNG + b"\0" * 8_000_000)
    with pytest.raises(RuntimeFailure) as caught:
        content("look", [large], [tmp_path], {})
    assert caught.value.failure.kind == "attachments_too_large" and "10.7 MB" in caught.value.failure.message
    half = picture(tmp_path, PNG + b"\0" * 4_000_000, name="b.png")
    assert isinstance(content("look", [half], [tmp_path], {}), list)
    with pytest.raises(RuntimeFailure):
        content("look", [half, half], [tmp_path], {})
    with pytest.raises(RuntimeFailure):
        check_body(b" " * (BODY_BYTES + 1))


def test_a33_a_file_beyond_every_limit_is_only_named(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.write(PNG)
        file.truncate(IMAGE_BYTES + 1)
    assert isinstance(content("look", [Attachment(path=path, name="huge.png", mime="image/png", size=1)], [tmp_path], {}), str)

"""Image files that no honest program writes, and honest ones with more in them than a picture."""

from __future__ import annotations

import struct
import zlib

from PIL import Image

from tests.harness.pictures import encoded

PLACE = b"Lisbon 38.7N"
"""Stands in the metadata of the files that have some."""


def noise(width: int = 96, height: int = 64) -> Image.Image:
    return Image.effect_noise((width, height), 60).convert("RGB")


def exif(orientation: int = 1) -> Image.Exif:
    """Return EXIF data as a telephone writes them: which way it was held, and where."""
    found = Image.Exif()
    found[0x0112] = orientation
    found[0x010E] = PLACE.decode()
    found.get_ifd(0x8825)[1] = "N"
    return found


def jpeg_of_scans(count: int, width: int = 96, height: int = 64) -> bytes:
    """Return a progressive JPEG whose last scan comes again and again."""
    content = encoded(noise(width, height), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * count + b"\xff\xd9"


def jpeg_with(marker: int, body: bytes, content: bytes | None = None) -> bytes:
    content = content or encoded(noise(), "JPEG")
    return (
        content[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + content[2:]
    )


def png_chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png_with(*chunks: bytes, content: bytes | None = None) -> bytes:
    """Return a PNG with these chunks behind its header."""
    content = content or encoded(noise())
    return content[:33] + b"".join(chunks) + content[33:]


def webp_with(kind: bytes, data: bytes, *, flags: int) -> bytes:
    """Return an extended WebP with this chunk at its end."""
    image = encoded(noise(), "WEBP")[12:]
    extended = b"VP8X" + struct.pack("<I", 10) + bytes([flags, 0, 0, 0])
    extended += (95).to_bytes(3, "little") + (63).to_bytes(3, "little")
    chunk = kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    body = b"WEBP" + extended + image + chunk
    return b"RIFF" + struct.pack("<I", len(body)) + body

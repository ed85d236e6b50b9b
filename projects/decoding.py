"""Clean and decode one uploaded image, in a program of its own, which its caller can kill.

It reads an image from standard input, and writes a line of JSON and then the clean image, or a line
with an `error` in words for people. Pillow cannot be stopped in the middle of an image, and a few
kilobytes can ask for minutes of a core and gigabytes of memory; a process has limits of its own.

Clean means: the same pixels, upright, and no metadata (EXIF with its place, XMP, comments,
thumbnails, anything behind the image). Only an image that lies on its side is encoded anew.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import resource
import struct
import sys
from typing import NamedTuple

from PIL import Image, JpegImagePlugin

MAX_PIXELS = 40_000_000
"""Pixels of an uploaded image, once unpacked."""
MAX_SCANS = 32
"""Passes over the pixels in a JPEG; encoders make 10, or a few more."""
CPU_SECONDS = 10
"""Seconds of a core; the largest honest image takes about 3."""
MEMORY = 1024**3
"""Bytes of address space; the largest honest image takes about 700 MB if it is turned."""

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Turns that set an image upright, by EXIF's orientation."""


class Refused(Exception):
    """Refuse an image; the message says why."""


NO_IMAGE = "This is not a JPEG, PNG or WebP image that can be read."


class Clean(NamedTuple):
    content: bytes
    """The file without its metadata."""
    exif: bytes | None


class Decoded(NamedTuple):
    content: bytes
    format: str
    width: int
    height: int


def main() -> None:
    """Run the program."""
    for limit, value in ((resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_AS, MEMORY)):
        # macOS has no limit of the address space.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, value))
    try:
        image = decode(sys.stdin.buffer.read())
    except Refused as refused:
        _answer({"error": str(refused)}, b"")
    else:
        size = {"width": image.width, "height": image.height}
        _answer({"format": image.format, **size}, image.content)


def _answer(fields: dict[str, str | int], content: bytes) -> None:
    sys.stdout.buffer.write(json.dumps(fields).encode() + b"\n" + content)


def decode(content: bytes) -> Decoded:
    """Return the clean image, once it has been decoded to its last pixel.

    Raises:
        Refused
    """
    try:
        return _decode(content)
    except MemoryError:
        raise Refused("It takes too much memory to unpack.") from None
    except Refused:
        raise
    except Exception:  # noqa: BLE001  (Pillow raises anything over a broken file)
        raise Refused(NO_IMAGE) from None


def _decode(content: bytes) -> Decoded:
    kind, clean = _cleaned(content)
    turn = _UPRIGHT.get(_orientation(clean.exif))
    Image.MAX_IMAGE_PIXELS = None  # the limit is ours
    with Image.open(io.BytesIO(clean.content), formats=[kind]) as image:
        if image.width * image.height > MAX_PIXELS:
            raise Refused(f"More than {MAX_PIXELS} pixels.")
        image.load()  # a file that was cut off shows only here
        if turn is None:
            return Decoded(clean.content, kind, *image.size)
        turned = image.transpose(turn)
        return Decoded(_encoded(turned, kind, image), kind, *turned.size)


def _encoded(image: Image.Image, kind: str, original: Image.Image) -> bytes:
    options = {"icc_profile": original.info.get("icc_profile")}
    if kind == "JPEG":
        # Encoded as before, it loses least.
        options["qtables"] = original.quantization  # type: ignore[attr-defined]
        options["subsampling"] = JpegImagePlugin.get_sampling(original)
    elif kind == "WEBP":
        options |= {"quality": 90, "method": 0}
    file = io.BytesIO()
    try:
        image.save(file, kind, **options)
    except (OSError, ValueError):  # WebP's encoder has limits that its decoder does not
        raise Refused("It cannot be turned upright; send it as it is to be seen.") from None
    return file.getvalue()


def _orientation(exif: bytes | None) -> int:
    if exif is None:
        return 1
    try:
        found = Image.Exif()
        found.load(exif)
        return int(found.get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001
        raise Refused("Its EXIF data are damaged.") from None


def _cleaned(content: bytes) -> tuple[str, Clean]:
    if content.startswith(b"\xff\xd8"):
        return "JPEG", _clean_jpeg(content)
    if content.startswith(_PNG):
        return "PNG", _clean_png(content)
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "WEBP", _clean_webp(content)
    raise Refused(NO_IMAGE)


# --- JPEG: segments, each a marker and its length; behind a start of scan, data up to a marker

_END, _SCAN, _COMMENT = 0xD9, 0xDA, 0xFE
_JFIF, _EXIF, _ICC, _ADOBE = 0xE0, 0xE1, 0xE2, 0xEE
_APPLICATION = range(0xE0, 0xF0)
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""A marker that ends a scan: neither a stuffed byte nor a restart."""


def _clean_jpeg(content: bytes) -> Clean:
    kept, exif, scans, position = [b"\xff\xd8"], None, 0, 2
    while found := _MARKER.match(content, position):
        marker = found[1][0]
        if marker == _END:
            kept.append(b"\xff\xd9")
            break
        start = found.end()
        end = start + max(2, int.from_bytes(content[start : start + 2]))
        body = content[start + 2 : end]
        if marker == _SCAN:
            scans += 1
            if scans > MAX_SCANS:
                raise Refused(f"A JPEG of more than {MAX_SCANS} scans.")
            following = _MARKER.search(content, end)
            end = following.start() if following else len(content)
        if marker == _EXIF and body.startswith(b"Exif\0"):
            exif = exif or body
        if _shows(marker, body):
            kept.append(b"\xff" + content[start - 1 : end])
        position = end
    return Clean(b"".join(kept), exif)


def _shows(marker: int, body: bytes) -> bool:
    """Return True if a segment matters to the picture that is seen."""
    if marker == _ICC:
        return body.startswith(b"ICC_PROFILE\0")
    return marker in (_JFIF, _ADOBE) or (marker != _COMMENT and marker not in _APPLICATION)


# --- PNG: chunks, each a length, a type, data and a checksum

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CHUNKS = frozenset(
    (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT")
)


def _clean_png(content: bytes) -> Clean:
    kept, exif, position = [_PNG], None, len(_PNG)
    while position < len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        end = position + 12 + length
        if kind == b"acTL":
            raise Refused("An animation; send a single picture.")
        if kind == b"eXIf":
            exif = content[position + 8 : end - 4]
        if kind in _PNG_CHUNKS:
            kept.append(content[position:end])
        if kind == b"IEND":
            break
        position = end
    return Clean(b"".join(kept), exif)


# --- WebP: a RIFF container of chunks, each a type, a length and data of an even number of bytes

_WEBP_CHUNKS = frozenset((b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ICCP"))
_HAS_ICC_OR_ALPHA = 0x30


def _clean_webp(content: bytes) -> Clean:
    kept, exif, position = [b"WEBP"], None, 12
    while position < len(content):
        kind, length = struct.unpack_from("<4sI", content, position)
        end = position + 8 + length + length % 2
        chunk = content[position:end]
        if kind in (b"ANIM", b"ANMF"):
            raise Refused("An animation; send a single picture.")
        if kind == b"EXIF":
            exif = chunk[8 : 8 + length]
        if kind == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & _HAS_ICC_OR_ALPHA]) + chunk[9:]
        if kind in _WEBP_CHUNKS:
            kept.append(chunk)
        position = end
    body = b"".join(kept)
    return Clean(b"RIFF" + struct.pack("<I", len(body)) + body, exif)


if __name__ == "__main__":
    main()

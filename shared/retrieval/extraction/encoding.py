"""From bytes to clean text: byte order marks, UTF-8, UTF-16, UTF-32, and the code pages that came before."""

import codecs
import re
import unicodedata
from collections.abc import Iterable

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with UTF-16's mark, so it is asked first
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNITS = {"utf-16-le": 2, "utf-16-be": 2, "utf-32-le": 4, "utf-32-be": 4}
_CODE_PAGES = [
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r"),
    *("gb18030", "big5", "shift_jis", "euc_jp", "euc_kr"),
]
_BLOCK = 2**20
_SAMPLE_BYTES = 2**16
_HEAD_BYTES = 4096
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_HIGH = re.compile(rb"[\x80-\xff]")
_DECLARATION = re.compile(rb"""(?:charset|encoding|coding)\s*[=:]\s*["']?([A-Za-z][\w.:-]{1,30})""")
_UNCLEAN = re.compile("[\x00\ud800-\udfff]")
_NO_TEXT = {"Cc", "Cn", "Co", "Cs"}
_FEW = 20


def is_text(head: bytes) -> bool:
    """Whether a file that begins like this is text: almost no control characters, or UTF-16 or UTF-32."""
    return bool(_marked(head) or _unmarked(head)) or len(_CONTROL.findall(head)) * 50 <= len(head)


def decode(data: bytes) -> str:
    """The text in whichever encoding it is; what the encoding cannot say becomes U+FFFD."""
    return decode_as(data, encoding_of([data]))


def decode_as(data: bytes, encoding: str) -> str:
    return clean(data.decode(encoding, "replace").removeprefix("\ufeff"))


def encoding_of(blocks: Iterable[bytes]) -> str:
    """The encoding of a text that comes in blocks, none of which is kept."""
    utf_8 = codecs.getincrementaldecoder("utf-8")()
    head = before = b""
    for block in blocks:
        if not head and (known := _marked(block) or _unmarked(block[:_HEAD_BYTES])):
            return known
        head = head or block[:_HEAD_BYTES]
        try:
            utf_8.decode(block)
        except UnicodeDecodeError as error:
            around = before[-1000:] + block[max(0, error.start - 1000) : error.start + _SAMPLE_BYTES]
            return _declared(head, around) or _code_page(around)
        before = block
    if utf_8.getstate()[0]:
        return _declared(head, before[-_SAMPLE_BYTES:]) or _code_page(before[-_SAMPLE_BYTES:])
    return "utf-8"


def unit_bytes(encoding: str) -> int:
    """The length of one code unit: a line feed is one of them."""
    return _UNITS.get(encoding, 1)


def clean(text: str) -> str:
    """One kind of newline, and none of the characters that a database or a tokenizer cannot take."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if _is_clean(text) else _UNCLEAN.sub(lambda found: "" if found[0] == "\0" else "\ufffd", text)


def _is_clean(text: str) -> bool:
    """Faster than to look for each of them: half a surrogate pair cannot be encoded."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _marked(data: bytes) -> str | None:
    return next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)


def _unmarked(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: there are zero bytes in it, as no other text has, and it reads as text."""
    if b"\0" not in head:
        return None
    return next((encoding for encoding, unit in reversed(_UNITS.items()) if _reads(head, encoding, unit)), None)


def _reads(head: bytes, encoding: str, unit: int) -> bool:
    whole = head[: len(head) // unit * unit]
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(whole)
    except UnicodeDecodeError:
        return False
    return bool(text) and all(char in "\n\r\t\f" or unicodedata.category(char) not in _NO_TEXT for char in text)


def _declared(head: bytes, sample: bytes) -> str | None:
    """What the text says of itself, as HTML, XML and source code do; browsers read Latin-1 as Windows-1252."""
    if not (found := _DECLARATION.search(head)):
        return None
    try:
        name = codecs.lookup(found[1].decode()).name
        codecs.getincrementaldecoder(name)().decode(sample)
    except (LookupError, UnicodeError):
        return None
    return "cp1252" if name in {"iso8859-1", "ascii"} else name


def _code_page(sample: bytes) -> str:
    high = len(_HIGH.findall(sample))
    if high < _FEW and high * 4 < len(sample):
        return "cp1252"  # a few accents say too little to a detector; Western European is by far the likeliest
    from charset_normalizer import from_bytes  # noqa: PLC0415 - only text that is not UTF-8 needs it

    best = from_bytes(sample, cp_isolation=_CODE_PAGES).best()
    return best.encoding if best else "cp1252"

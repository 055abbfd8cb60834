"""From bytes to clean text: byte order marks, UTF-8, UTF-16, and the code pages that came before."""

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with UTF-16's mark, so it is asked first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CODE_PAGES = [
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r"),
    *("gb18030", "big5", "shift_jis", "euc_jp", "euc_kr"),
]
_SAMPLE_BYTES = 2**16
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_HIGH = re.compile(rb"[\x80-\xff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_FEW = 20


def is_text(head: bytes) -> bool:
    """Whether a file that begins like this is text: almost no control characters, or UTF-16 or UTF-32."""
    if _marked(head) or _unmarked_utf16(head):
        return True
    return len(_CONTROL.findall(head)) * 50 <= len(head)


def decode(data: bytes) -> str:
    """The text in whichever encoding it is; what the encoding cannot say becomes U+FFFD."""
    known = _marked(data) or _unmarked_utf16(data[:_SAMPLE_BYTES])
    if known:
        return clean(data.decode(known, "replace"))
    try:
        return clean(data.decode())
    except UnicodeDecodeError as error:
        return clean(data.decode(_code_page(data, error.start), "replace"))


def clean(text: str) -> str:
    """One kind of newline, and none of the characters that a database or a tokenizer cannot take."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    return _SURROGATE.sub("\ufffd", text)


def _marked(data: bytes) -> str | None:
    return next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)


def _unmarked_utf16(head: bytes) -> str | None:
    """UTF-16 without a mark shows in Latin text: every other byte is zero, and no byte between them."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd * 4 > len(head) and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even * 4 > len(head) and odd == 0 else None


def _code_page(data: bytes, first: int) -> str:
    sample = data[max(0, first - 1000) : first + _SAMPLE_BYTES]
    high = len(_HIGH.findall(sample))
    if high < _FEW and high * 4 < len(sample):
        return "cp1252"  # a few accents say too little to a detector; Western European is by far the likeliest
    from charset_normalizer import from_bytes  # noqa: PLC0415 - only text that is not UTF-8 needs it

    best = from_bytes(sample, cp_isolation=_CODE_PAGES).best()
    return best.encoding if best else "cp1252"

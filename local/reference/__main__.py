"""`python -m local.reference`: describe the API anew, after a change of a route or of a shape on the wire."""

from local.reference.document import text
from shared.reference import DOCUMENT

if __name__ == "__main__":
    DOCUMENT.write_text(text())

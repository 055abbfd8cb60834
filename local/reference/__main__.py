"""`python -m local.reference`: describe the API anew, after a change of a route or of a shape on the wire."""

from local.reference import coverage
from local.reference.document import document, text
from local.reference.routes import routes
from shared.reference import DOCUMENT

if __name__ == "__main__":
    described = document(routes())
    DOCUMENT.write_text(text(described))
    coverage.PAGE.write_text(coverage.page(described))

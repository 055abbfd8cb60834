"""Drop a file into the storage account; no call of the API is needed. Run `source .local/env` first.

python examples/drop_blob.py FILE [VECTOR_STORE_NAME] [TENANT]
"""

import os
import sys
from pathlib import Path

from azure.storage.blob import BlobClient

path = Path(sys.argv[1])
store = sys.argv[2] if len(sys.argv) > 2 else "dropped"
tenant = sys.argv[3] if len(sys.argv) > 3 else "local"

blob = BlobClient.from_connection_string(
    os.environ["AZURE_STORAGE_CONNECTION_STRING"], "documents", f"{tenant}/{store}/{path.name}"
)
with path.open("rb") as content:
    blob.upload_blob(content, overwrite=True)
print(f"Dropped {path.name}; it becomes searchable in the vector store {store!r} of tenant {tenant!r}.")

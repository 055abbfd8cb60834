#!/bin/sh
# Second phase: Event Grid validates a webhook by calling it, so this waits until the code is deployed.
# Safe to repeat. The key goes through a file that only we can read, never through a command line.
set -eu
if [ "${BLOB_TRIGGER_ENABLED:-true}" != true ]; then
    echo "The blob trigger is off; events reach the documents queue directly."
    exit 0
fi
umask 077
parameters=$(mktemp)
trap 'rm -f "$parameters"' EXIT
key=
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
    key=$(az functionapp keys list --resource-group "$AZURE_RESOURCE_GROUP" --name "$AZURE_FUNCTION_APP_NAME" \
        --query systemKeys.blobs_extension --output tsv) && [ -n "$key" ] && break
    echo "The host has not made its blobs_extension key yet; waiting."
    sleep 10
done
[ -n "$key" ] || { echo "No blobs_extension key after two minutes: does the app start? See docs/operations.md." >&2; exit 1; }
host=$(az functionapp show --resource-group "$AZURE_RESOURCE_GROUP" --name "$AZURE_FUNCTION_APP_NAME" \
    --query properties.defaultHostName --output tsv)
cat > "$parameters" <<JSON
{
  "\$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
  "contentVersion": "1.0.0.0",
  "parameters": {
    "topicName": { "value": "$EVENT_TOPIC_NAME" },
    "hostName": { "value": "$host" },
    "documentsContainer": { "value": "documents" },
    "key": { "value": "$key" }
  }
}
JSON
az deployment group create --output none --resource-group "$AZURE_RESOURCE_GROUP" --name blob-webhook \
    --template-file infra/modules/blob-webhook.bicep --parameters "@$parameters"
echo "Blob events reach on_blob_uploaded on $host."

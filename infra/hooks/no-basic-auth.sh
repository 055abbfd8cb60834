#!/bin/sh
# Turns off user names and passwords for deployments: only Entra tokens deploy.
# Here and not in Bicep, because the offline type data does not know this resource type.
set -eu
for publisher in ftp scm; do
    az resource update --output none --resource-group "$AZURE_RESOURCE_GROUP" --namespace Microsoft.Web \
        --resource-type basicPublishingCredentialsPolicies --parent "sites/$AZURE_FUNCTION_APP_NAME" \
        --name "$publisher" --set properties.allow=false
done
echo "Only Entra tokens deploy to $AZURE_FUNCTION_APP_NAME."

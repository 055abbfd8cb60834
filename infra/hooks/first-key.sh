#!/bin/sh
# Says where the first administrator's key is, and proves that the app knows it; the key itself is never printed.
set -eu
read_it="az keyvault secret show --vault-name $AZURE_KEY_VAULT_NAME --name bootstrap-key --query value --output tsv"
key=$($read_it 2>/dev/null) || {
    echo "The first administrator's key is in the vault; you may not read it (role Key Vault Secrets User)."
    echo "Who may: $read_it"
    exit 0
}
# Through standard input: a command line can be read by others on this machine.
status=$(printf 'header = "Authorization: Bearer %s"\n' "$key" | curl --silent --max-time 60 --config - \
    --output /dev/null --write-out '%{http_code}' "$SERVICE_API_URL/v1/organization/admin_api_keys" || true)
case $status in
    200) echo "The first administrator's key works. Read it with: $read_it" ;;
    401) echo "The app does not accept the first administrator's key: bootstrapKey is off, or its reference was not read." ;;
    *) echo "The administration of keys answers $status." >&2; exit 1 ;;
esac

// What azd asks for, from its environment (`azd env set NAME value`). Everything else has a default in main.bicep.
using './main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'flightdeck')
param location = readEnvironmentVariable('AZURE_LOCATION', 'swedencentral')
param size = readEnvironmentVariable('FLIGHTDECK_SIZE', 'dev')
param developerPrincipalId = readEnvironmentVariable('FLIGHTDECK_SIZE', 'dev') == 'dev' ? readEnvironmentVariable('AZURE_PRINCIPAL_ID', '') : ''
param privateNetwork = bool(readEnvironmentVariable('FLIGHTDECK_PRIVATE_NETWORK', 'false'))
param blobTrigger = bool(readEnvironmentVariable('FLIGHTDECK_WITH_BLOB_TRIGGER', 'true'))
param bootstrapKey = bool(readEnvironmentVariable('FLIGHTDECK_WITH_BOOTSTRAP_KEY', 'true'))
param bootstrapTenant = readEnvironmentVariable('FLIGHTDECK_TENANT', 'default')
param entra = readEnvironmentVariable('FLIGHTDECK_ENTRA', '')
param alertEmail = readEnvironmentVariable('FLIGHTDECK_ALERT_EMAIL', '')

metadata description = 'The function app on Flex Consumption: plan, site and app settings.'

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('What makes names unique.')
param token string

@description('User-assigned identity of the app.')
param identityName string

@description('Subnet for outbound traffic; empty for none.')
param subnetId string

@description('Memory of one instance.')
param instanceMemoryMB int

@description('Most instances at once.')
param maximumInstanceCount int

@description('HTTP requests that one instance serves at a time.')
param httpConcurrency int

@description('Instances for HTTP that never sleep.')
param alwaysReadyCount int

@description('Instances in several zones.')
param zoneRedundant bool

@description('Storage account.')
param storageName string

@description('Container that deployments are read from.')
param packageContainer string

@description('Where telemetry goes.')
param insightsConnectionString string

@description('Cosmos DB account.')
param cosmosEndpoint string

@description('Its database.')
param cosmosDatabase string

@description('Secret with the pepper of the API keys.')
param pepperUri string

@description('Secret with the first administrator\'s key; empty for none.')
param bootstrapKeyUri string

@description('Tenant of that key.')
param bootstrapTenant string

@description('Whether the blob trigger is registered.')
param blobTrigger bool

@description('Origins of the pages in browsers that may call the API, with commas between.')
param corsOrigins string

@description('Model that embeds documents.')
param embeddingModel string

@description('FLIGHTDECK_MODELS as JSON.')
param catalogue string

@description('FLIGHTDECK_ENTRA as JSON; none: API keys only.')
param entra string = ''

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource storage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageName
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  // checkov:skip=CKV_AZURE_225:prod is zone-redundant, dev is not: a parameter decides, which the check cannot evaluate.
  // checkov:skip=CKV_AZURE_212:Flex Consumption scales by itself; alwaysReady is its least number of instances.
  name: 'plan-${token}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { tier: 'FlexConsumption', name: 'FC1' }
  properties: { reserved: true, zoneRedundant: zoneRedundant }
}

resource site 'Microsoft.Web/sites@2025-03-01' = {
  // checkov:skip=CKV_AZURE_222:It is the public API; who may use it is decided by its own keys.
  // checkov:skip=CKV_AZURE_17:Clients show API keys, not certificates.
  // checkov:skip=CKV_AZURE_212:Flex Consumption scales by itself; alwaysReady is its least number of instances.
  // checkov:skip=CKV_AZURE_213:Flex Consumption replaces instances by itself and has no health check path; /ready is for probes from outside.
  // checkov:skip=CKV_AZURE_13:App Service Authentication would answer before the app's own error shape; the app authenticates every call.
  // checkov:skip=CKV_AZURE_63:Requests are in Application Insights.
  // checkov:skip=CKV_AZURE_65:A setting of Windows plans; details of errors are not for clients.
  // checkov:skip=CKV_AZURE_66:A setting of Windows plans.
  // checkov:skip=CKV_AZURE_88:Nothing is kept on the instance; content is in blobs.
  name: 'func-${token}'
  location: location
  tags: union(tags, { 'azd-service-name': 'api' })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identity.id}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled'
    keyVaultReferenceIdentity: identity.id
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      remoteDebuggingEnabled: false
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}${packageContainer}'
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identity.id }
        }
      }
      runtime: { name: 'python', version: '3.13' }
      scaleAndConcurrency: {
        maximumInstanceCount: maximumInstanceCount
        instanceMemoryMB: instanceMemoryMB
        alwaysReady: alwaysReadyCount > 0 ? [{ name: 'http', instanceCount: alwaysReadyCount }] : []
        triggers: { http: { perInstanceConcurrency: httpConcurrency } }
      }
    }
  }
}

resource settings 'Microsoft.Web/sites/config@2025-03-01' = {
  // These settings are taken for a whole site.
  // checkov:skip=CKV_AZURE_13:As for the site.
  // checkov:skip=CKV_AZURE_63:As for the site.
  // checkov:skip=CKV_AZURE_65:As for the site.
  // checkov:skip=CKV_AZURE_66:As for the site.
  // checkov:skip=CKV_AZURE_80:There is no .NET in it.
  // checkov:skip=CKV_AZURE_88:As for the site.
  // checkov:skip=CKV_AZURE_222:As for the site.
  parent: site
  name: 'appsettings'
  properties: {
    AzureWebJobsStorage__credential: 'managedidentity'
    AzureWebJobsStorage__clientId: identity.properties.clientId
    AzureWebJobsStorage__blobServiceUri: storage.properties.primaryEndpoints.blob
    AzureWebJobsStorage__queueServiceUri: storage.properties.primaryEndpoints.queue
    AzureWebJobsStorage__tableServiceUri: storage.properties.primaryEndpoints.table
    APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'
    // What DefaultAzureCredential would try first is not there; ask the right one at once.
    AZURE_CLIENT_ID: identity.properties.clientId
    AZURE_TOKEN_CREDENTIALS: 'ManagedIdentityCredential'
    PYTHON_ENABLE_OPENTELEMETRY: 'true'
    // One process an instance: breakers, caches and pools are shared by all that it serves.
    FUNCTIONS_WORKER_PROCESS_COUNT: '1'
    FLIGHTDECK_STORE: 'cosmos:${cosmosEndpoint}${cosmosDatabase}'
    FLIGHTDECK_MODELS: catalogue
    FLIGHTDECK_EMBEDDING_MODEL: embeddingModel
    FLIGHTDECK_KEY_PEPPER: '@Microsoft.KeyVault(SecretUri=${pepperUri})'
    FLIGHTDECK_BOOTSTRAP_KEY: empty(bootstrapKeyUri) ? '' : '@Microsoft.KeyVault(SecretUri=${bootstrapKeyUri})'
    FLIGHTDECK_BOOTSTRAP_TENANT: bootstrapTenant
    FLIGHTDECK_ENTRA: entra
    FLIGHTDECK_BLOB_TRIGGER: string(blobTrigger)
    FLIGHTDECK_CORS_ORIGINS: corsOrigins
  }
}

@description('Name of the app.')
output name string = site.name

@description('Where it answers.')
output hostName string = site.properties.defaultHostName

metadata description = 'Flightdeck in one resource group: no keys, one user-assigned identity, everything declared.'

targetScope = 'resourceGroup'

@description('Name of the environment. Part of every tag, and with the resource group what makes resource names unique.')
@minLength(3)
@maxLength(32)
param environmentName string

@description('Region of everything. It must offer Flex Consumption, Cosmos DB and the chosen models.')
param location string = resourceGroup().location

@description('dev: serverless Cosmos DB, nothing kept warm. prod: autoscale, zone-redundant where it can be, two warm instances.')
@allowed(['dev', 'prod'])
param size string = 'dev'

@description('Object id of a person who may use the data plane, for work on a laptop. Leave empty in production.')
param developerPrincipalId string = ''

@description('Puts the app into a virtual network and everything that it uses behind private endpoints.')
param privateNetwork bool = false

@description('Listens to blob events with the blob trigger too; its import costs every cold start about 0.3 s.')
param blobTrigger bool = true

@description('Origins of the pages in browsers that may call the API, with commas between; none by default.')
param corsOrigins string = ''

@description('Second phase: subscribes the blob trigger to events. Possible once the code is deployed, with its key.')
param blobWebhookEnabled bool = false

@description('System key blobs_extension of the deployed app, for the second phase only. Never stored.')
@secure()
param blobWebhookKey string = ''

@description('Pepper of the API keys. Written to the vault once, at the first deployment; ignored when it has one.')
@secure()
param keyPepper string = '${newGuid()}${newGuid()}'

@description('Accepts the first administrator\'s key, which the vault holds. Turn it off once there are others.')
param bootstrapKey bool = true

@description('Tenant of that key.')
param bootstrapTenant string = 'default'

@description('Whose Entra ID tokens are accepted besides API keys: FLIGHTDECK_ENTRA as JSON (docs/identity.md).')
param entra string = ''

@description('What that key is made of. Written to the vault once, at the first deployment; ignored when it has one.')
@secure()
param bootstrapSecret string = '${newGuid()}${newGuid()}'

@description('Chat model, and the name under which clients ask for it.')
param chatModel string = 'gpt-4.1-mini'

@description('Version of the chat model.')
param chatModelVersion string = '2025-04-14'

@description('How the chat model is billed and where it may run.')
@allowed(['GlobalStandard', 'DataZoneStandard', 'Standard', 'GlobalProvisionedManaged', 'DataZoneProvisionedManaged', 'ProvisionedManaged'])
param chatSku string = 'GlobalStandard'

@description('Capacity of the chat deployment: thousands of tokens a minute, or provisioned units.')
@minValue(1)
param chatCapacity int = size == 'prod' ? 500 : 50

@description('Capacity of a second chat deployment (DataZoneStandard) to fail over to; 0 for none.')
@minValue(0)
param chatStandbyCapacity int = size == 'prod' ? 100 : 0

@description('Tokens that fit into one chat request.')
@minValue(1)
param chatContextTokens int = 1047576

@description('US dollars for a million input tokens of the chat model. A string: Bicep has no fractions.')
param chatInputUsd string = '0.4'

@description('US dollars for a million cached input tokens of the chat model.')
param chatCachedUsd string = '0.1'

@description('US dollars for a million output tokens of the chat model.')
param chatOutputUsd string = '1.6'

@description('Embedding model, and its name for clients. Changing it later means indexing everything again.')
param embeddingModel string = 'text-embedding-3-small'

@description('Version of the embedding model.')
param embeddingModelVersion string = '1'

@description('Length of the embedding model\'s vectors. Fixed for the life of the chunks container.')
@minValue(1)
@maxValue(4096)
param embeddingDimensions int = 1536

@description('Indexes of further embedding models, beside the first: objects with a name and the dimensions of the vectors.')
param furtherIndexes array = []

@description('Capacity of the embedding deployment, in thousands of tokens a minute.')
@minValue(1)
param embeddingCapacity int = size == 'prod' ? 1000 : 120

@description('US dollars for a million tokens of the embedding model.')
param embeddingInputUsd string = '0.02'

@description('Memory of one instance; a core comes with each 2 GB.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Most instances at once: the ceiling of the bill, and of the load on stores and models.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = size == 'prod' ? 200 : 40

@description('HTTP requests that one instance serves at a time. Most of them wait for a model; measure before raising it.')
@minValue(1)
@maxValue(1000)
param httpConcurrency int = 200

@description('Instances for HTTP that never sleep. 0 means a cold start after a pause.')
@minValue(0)
param alwaysReadyCount int = size == 'prod' ? 2 : 0

@description('Autoscale ceiling of the chunks container in request units a second (prod only). It idles at a tenth.')
@minValue(1000)
param chunksMaxThroughput int = 10000

@description('Autoscale ceiling that the other containers share (prod only).')
@minValue(1000)
param sharedMaxThroughput int = 4000

@description('quantizedFlat up to some 50,000 chunks in a vector store, diskANN beyond.')
@allowed(['quantizedFlat', 'diskANN'])
param vectorIndex string = 'quantizedFlat'

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = size == 'prod' ? 90 : 30

@description('Where alerts go. Empty: the workbook, but no alerts.')
param alertEmail string = ''

@description('Tokens a day at which the budget alerts fire, at 80 % and at 100 %; 0 for none.')
@minValue(0)
param dailyTokenBudget int = 0

var token = toLower(uniqueString(resourceGroup().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var production = size == 'prod'

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-${token}'
  location: location
  tags: tags
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  params: {
    location: location
    tags: tags
    token: token
    retentionDays: logRetentionDays
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  params: {
    location: location
    tags: tags
    token: token
    zoneRedundant: production
    privateNetwork: privateNetwork
  }
}

module cosmos 'modules/cosmos.bicep' = {
  name: 'cosmos'
  params: {
    location: location
    tags: tags
    token: token
    serverless: !production
    privateNetwork: privateNetwork
    dimensions: embeddingDimensions
    furtherIndexes: furtherIndexes
    vectorIndex: vectorIndex
    chunksMaxThroughput: chunksMaxThroughput
    sharedMaxThroughput: sharedMaxThroughput
    principalIds: empty(developerPrincipalId) ? [identity.properties.principalId] : [identity.properties.principalId, developerPrincipalId]
  }
}

module models 'modules/models.bicep' = {
  name: 'models'
  params: {
    location: location
    tags: tags
    token: token
    privateNetwork: privateNetwork
    chatModel: chatModel
    chatModelVersion: chatModelVersion
    chatSku: chatSku
    chatCapacity: chatCapacity
    chatStandbyCapacity: chatStandbyCapacity
    embeddingModel: embeddingModel
    embeddingModelVersion: embeddingModelVersion
    embeddingCapacity: embeddingCapacity
    embeddingDimensions: embeddingDimensions
    chatContextTokens: chatContextTokens
    prices: {
      chatInput: chatInputUsd
      chatCached: chatCachedUsd
      chatOutput: chatOutputUsd
      embeddingInput: embeddingInputUsd
    }
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  params: {
    location: location
    tags: tags
    token: token
    privateNetwork: privateNetwork
    keyPepper: keyPepper
    bootstrapSecret: bootstrapSecret
    workspaceId: production ? monitoring.outputs.workspaceId : ''
  }
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  params: {
    storageName: storage.outputs.name
    insightsName: monitoring.outputs.insightsName
    modelsName: models.outputs.name
    vaultName: vault.outputs.name
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

module developerRoles 'modules/roles.bicep' = if (!empty(developerPrincipalId)) {
  name: 'developer-roles'
  params: {
    storageName: storage.outputs.name
    insightsName: monitoring.outputs.insightsName
    modelsName: models.outputs.name
    vaultName: vault.outputs.name
    principalId: developerPrincipalId
    principalType: 'User'
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'network'
  params: {
    location: location
    tags: tags
    token: token
    storageId: storage.outputs.id
    cosmosId: cosmos.outputs.id
    modelsId: models.outputs.id
    vaultId: vault.outputs.id
  }
}

module app 'modules/app.bicep' = {
  name: 'app'
  params: {
    location: location
    tags: tags
    token: token
    identityName: identity.name
    subnetId: privateNetwork ? network!.outputs.appSubnetId : ''
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    httpConcurrency: httpConcurrency
    alwaysReadyCount: alwaysReadyCount
    zoneRedundant: production
    storageName: storage.outputs.name
    packageContainer: storage.outputs.packageContainer
    insightsConnectionString: monitoring.outputs.insightsConnectionString
    cosmosEndpoint: cosmos.outputs.endpoint
    cosmosDatabase: cosmos.outputs.database
    pepperUri: vault.outputs.pepperUri
    bootstrapKeyUri: bootstrapKey ? vault.outputs.bootstrapKeyUri : ''
    bootstrapTenant: bootstrapTenant
    entra: entra
    blobTrigger: blobTrigger
    corsOrigins: corsOrigins
    embeddingModel: embeddingModel
    catalogue: models.outputs.catalogue
  }
  // An app that starts before its roles are there fails its first calls.
  dependsOn: [roles]
}

module events 'modules/events.bicep' = {
  name: 'events'
  params: {
    location: location
    tags: tags
    token: token
    storageName: storage.outputs.name
    documentsContainer: storage.outputs.documentsContainer
    documentsQueue: storage.outputs.documentsQueue
    deadLetterContainer: storage.outputs.deadLetterContainer
    workspaceId: production ? monitoring.outputs.workspaceId : ''
  }
}

module blobWebhook 'modules/blob-webhook.bicep' = if (blobWebhookEnabled) {
  name: 'blob-webhook'
  params: {
    topicName: events.outputs.topicName
    hostName: app.outputs.hostName
    documentsContainer: storage.outputs.documentsContainer
    key: blobWebhookKey
  }
}

module alerts 'modules/alerts.bicep' = if (!empty(alertEmail)) {
  name: 'alerts'
  params: {
    location: location
    tags: tags
    token: token
    insightsId: monitoring.outputs.insightsId
    email: alertEmail
    dailyTokenBudget: dailyTokenBudget
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  params: {
    location: location
    tags: tags
    insightsId: monitoring.outputs.insightsId
  }
}

@description('Name of the function app.')
output AZURE_FUNCTION_APP_NAME string = app.outputs.name

@description('What clients use as their base URL, before /v1.')
output SERVICE_API_URL string = 'https://${app.outputs.hostName}'

@description('Resource group, for the hooks.')
output AZURE_RESOURCE_GROUP string = resourceGroup().name

@description('Event Grid topic of the storage account, for the second phase.')
output EVENT_TOPIC_NAME string = events.outputs.topicName

@description('Whether the second phase has anything to do.')
output BLOB_TRIGGER_ENABLED bool = blobTrigger

@description('Storage account: documents are dropped into its container.')
output AZURE_STORAGE_ACCOUNT string = storage.outputs.name

@description('Vault with the pepper of the API keys, and the first administrator\'s key.')
output AZURE_KEY_VAULT_NAME string = vault.outputs.name

@description('Cosmos DB account.')
output COSMOS_ENDPOINT string = cosmos.outputs.endpoint

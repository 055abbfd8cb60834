metadata description = 'Azure AI Services with a chat and an embedding deployment, reached with Entra tokens only.'

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('What makes names unique.')
param token string

@description('Private endpoints only.')
param privateNetwork bool

@description('Chat model.')
param chatModel string

@description('Its version.')
param chatModelVersion string

@description('How it is billed and where it may run.')
param chatSku string

@description('Its capacity.')
param chatCapacity int

@description('Capacity of the deployment to fail over to; 0 for none.')
param chatStandbyCapacity int

@description('Embedding model.')
param embeddingModel string

@description('Its version.')
param embeddingModelVersion string

@description('Its capacity.')
param embeddingCapacity int

@description('Length of its vectors.')
param embeddingDimensions int

@description('Tokens that fit into one chat request.')
param chatContextTokens int

@description('US dollars for a million tokens: input, cached and output of the chat model, input of the embedding model.')
param prices object

var hasStandby = chatStandbyCapacity > 0
var preferredFirst = hasStandby ? ['chat', 'chat-standby'] : ['chat']
var preferredLast = hasStandby ? ['chat-standby', 'chat'] : ['chat']
var endpoint = 'https://ai-${token}.openai.azure.com/openai/v1'
var chatEntries = [
  for name in preferredFirst: {
    id: name
    endpoint: endpoint
    kind: 'azure'
    model: name
    input_usd: prices.chatInput
    cached_usd: prices.chatCached
    output_usd: prices.chatOutput
  }
]
var provisioned = contains(chatSku, 'Provisioned')

resource account 'Microsoft.CognitiveServices/accounts@2025-12-01' = {
  // checkov:skip=CKV_AZURE_134:Disabled with privateNetwork. Without it Flex Consumption has no fixed address to allow; keys are off and every call needs a role.
  // checkov:skip=CKV_AZURE_247:The account reads nothing from elsewhere: no URL is ever handed to it.
  // checkov:skip=CKV2_AZURE_22:Service-managed keys encrypt at rest; the account stores no content.
  name: 'ai-${token}'
  location: location
  tags: tags
  kind: 'AIServices'
  sku: { name: 'S0' }
  identity: { type: 'SystemAssigned' }
  properties: {
    customSubDomainName: 'ai-${token}'
    disableLocalAuth: true
    publicNetworkAccess: privateNetwork ? 'Disabled' : 'Enabled'
    networkAcls: { defaultAction: privateNetwork ? 'Deny' : 'Allow', bypass: 'AzureServices' }
  }
}

// One after the other: the service refuses two changes of one account at a time.
@batchSize(1)
resource chat 'Microsoft.CognitiveServices/accounts/deployments@2025-12-01' = [
  for name in preferredLast: {
    parent: account
    name: name
    sku: { name: name == 'chat' ? chatSku : 'DataZoneStandard', capacity: name == 'chat' ? chatCapacity : chatStandbyCapacity }
    properties: {
      model: { format: 'OpenAI', name: chatModel, version: chatModelVersion }
      versionUpgradeOption: 'NoAutoUpgrade'
      spilloverDeploymentName: name == 'chat' && provisioned && hasStandby ? 'chat-standby' : null
    }
  }
]

resource embedding 'Microsoft.CognitiveServices/accounts/deployments@2025-12-01' = {
  parent: account
  name: 'embedding'
  sku: { name: 'GlobalStandard', capacity: embeddingCapacity }
  properties: {
    model: { format: 'OpenAI', name: embeddingModel, version: embeddingModelVersion }
    versionUpgradeOption: 'NoAutoUpgrade'
  }
  dependsOn: [chat]
}

@description('The account.')
output id string = account.id

@description('Its name.')
output name string = account.name

@description('FLIGHTDECK_MODELS as JSON: the names that clients use, and the deployments behind them.')
output catalogue string = string({
  '${chatModel}': {
    kind: 'chat'
    context_tokens: chatContextTokens
    deployments: chatEntries
  }
  '${embeddingModel}': {
    kind: 'embedding'
    context_tokens: 8191
    dimensions: embeddingDimensions
    deployments: [
      { id: 'embedding', endpoint: endpoint, kind: 'azure', model: embedding.name, input_usd: prices.embeddingInput }
    ]
  }
})

metadata description = 'Cosmos DB for NoSQL: one region, Strong, identities only, and the containers of the stores.'

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('What makes names unique.')
param token string

@description('Pay for each request unit; else autoscale.')
param serverless bool

@description('Private endpoints only.')
param privateNetwork bool

@description('Length of the vectors. Fixed for the life of the container.')
param dimensions int

@description('Indexes of further embedding models: objects with a name and the dimensions of the vectors.')
param furtherIndexes array

@description('Kind of the vector index.')
@allowed(['quantizedFlat', 'diskANN'])
param vectorIndex string

@description('Autoscale ceiling of the chunks container, request units a second.')
param chunksMaxThroughput int

@description('Autoscale ceiling that the other containers share.')
param sharedMaxThroughput int

@description('Identities that may read and write items.')
param principalIds array

// Equal to shared/adapters/cosmos/containers.py; tests/architecture/test_names.py compares.
// ttl: -1 where items say themselves when they expire, 0 where none does.
var plainContainers = [
  {
    name: 'records'
    partitionKey: '/tenant'
    indexed: ['/type/?', '/key/?', '/created_at/?', '/record/store_id/?', '/record/state/?']
    ttl: 0
  }
  {
    name: 'conversations'
    partitionKey: '/pk'
    indexed: ['/seq/?']
    ttl: -1
  }
  {
    name: 'usage'
    partitionKey: '/pk'
    indexed: ['/kind/?', '/operation/?', '/hour_s/?', '/at_s/?']
    ttl: -1
  }
  {
    name: 'limits'
    partitionKey: '/scope'
    indexed: []
    ttl: -1
  }
  {
    name: 'api_keys'
    partitionKey: '/id'
    indexed: []
    ttl: 0
  }
  {
    name: 'cache'
    partitionKey: '/pk'
    indexed: []
    ttl: -1
  }
]
var chunksContainer = {
  name: 'chunks'
  partitionKey: '/pk'
  indexed: ['/kind/?', '/document/?', '/generation/?', '/open/?', '/readers/[]/?', '/attributes/*']
  ttl: 0
}
var further = [for one in furtherIndexes: { name: '${chunksContainer.name}-${one.name}', dimensions: one.dimensions }]
var indexes = concat([{ name: chunksContainer.name, dimensions: dimensions }], further)
var databaseName = 'flightdeck'
var dataContributor = '00000000-0000-0000-0000-000000000002'
var serverlessCapability = serverless ? [{ name: 'EnableServerless' }] : []

resource account 'Microsoft.DocumentDB/databaseAccounts@2025-10-15' = {
  // checkov:skip=CKV_AZURE_99:Disabled with privateNetwork. Without it Flex Consumption has no fixed address to allow; keys are off and every call needs a role.
  // checkov:skip=CKV_AZURE_101:As CKV_AZURE_99: a parameter decides, which the check cannot evaluate.
  // checkov:skip=CKV_AZURE_100:Service-managed keys encrypt at rest; customer-managed ones are the operator's choice and need a vault of their own.
  name: 'cosmos-${token}'
  location: location
  tags: tags
  kind: 'GlobalDocumentDB'
  properties: {
    databaseAccountOfferType: 'Standard'
    locations: [{ locationName: location, failoverPriority: 0, isZoneRedundant: !serverless }]
    // Session tokens live in one client: what one instance creates, another must be able to read.
    consistencyPolicy: { defaultConsistencyLevel: 'Strong' }
    capabilities: concat([{ name: 'EnableNoSQLVectorSearch' }, { name: 'EnableNoSQLFullTextSearch' }], serverlessCapability)
    disableLocalAuth: true
    disableKeyBasedMetadataWriteAccess: true
    minimalTlsVersion: 'Tls12'
    publicNetworkAccess: privateNetwork ? 'Disabled' : 'Enabled'
    backupPolicy: {
      type: 'Continuous'
      continuousModeProperties: { tier: serverless ? 'Continuous7Days' : 'Continuous30Days' }
    }
  }
}

resource database 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases@2025-10-15' = {
  parent: account
  name: databaseName
  properties: {
    resource: { id: databaseName }
    options: serverless ? {} : { autoscaleSettings: { maxThroughput: sharedMaxThroughput } }
  }
}

resource plain 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers@2025-10-15' = [
  for one in plainContainers: {
    parent: database
    name: one.name
    properties: {
      resource: {
        id: one.name
        partitionKey: { paths: [one.partitionKey], kind: 'Hash', version: 2 }
        defaultTtl: one.ttl == 0 ? null : one.ttl
        indexingPolicy: {
          indexingMode: 'consistent'
          automatic: true
          includedPaths: [for path in one.indexed: { path: path }]
          excludedPaths: [{ path: '/*' }]
        }
      }
    }
  }
]

resource chunks 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers@2025-10-15' = [
  for one in indexes: {
    parent: database
    name: one.name
    properties: {
      options: serverless ? {} : { autoscaleSettings: { maxThroughput: chunksMaxThroughput } }
      resource: {
        id: one.name
        partitionKey: { paths: [chunksContainer.partitionKey], kind: 'Hash', version: 2 }
        vectorEmbeddingPolicy: {
          vectorEmbeddings: [
            { path: '/embedding', dataType: 'float32', distanceFunction: 'cosine', dimensions: one.dimensions }
          ]
        }
        fullTextPolicy: {
          defaultLanguage: 'en-US'
          fullTextPaths: [{ path: '/text', language: 'en-US' }]
        }
        indexingPolicy: {
          indexingMode: 'consistent'
          automatic: true
          includedPaths: [for path in chunksContainer.indexed: { path: path }]
          excludedPaths: [{ path: '/*' }, { path: '/embedding/*' }]
          vectorIndexes: [
            { path: '/embedding', type: vectorIndex, vectorIndexShardKey: [chunksContainer.partitionKey] }
          ]
          fullTextIndexes: [{ path: '/text' }]
        }
      }
    }
  }
]

// The data plane is not Azure RBAC: these are Cosmos DB's own assignments, for items of this database only.
resource dataRoles 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2025-10-15' = [
  for principalId in principalIds: {
    parent: account
    name: guid(account.id, principalId, dataContributor)
    properties: {
      principalId: principalId
      roleDefinitionId: '${account.id}/sqlRoleDefinitions/${dataContributor}'
      scope: '${account.id}/dbs/${database.name}'
    }
  }
]

@description('The account.')
output id string = account.id

@description('Where it answers.')
output endpoint string = account.properties.documentEndpoint

@description('The database.')
output database string = database.name

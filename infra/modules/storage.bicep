metadata description = 'The storage account: files, documents, queues, and what the host and Event Grid keep. Keys are off.'

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('What makes names unique.')
param token string

@description('Three zones instead of one data centre.')
param zoneRedundant bool

@description('Refuses public callers except trusted Azure services; Event Grid cannot deliver through private endpoints.')
param privateNetwork bool

// Equal to shared/ports/queues.py and shared/ports/blobs.py; tests/architecture/test_names.py compares.
var queueNames = [
  'documents'
  'documents-poison'
  'usage'
  'usage-poison'
  'document-parts'
  'document-parts-poison'
  'responses'
  'responses-poison'
  'erasures'
  'erasures-poison'
  'exports'
  'exports-poison'
]
var containerNames = [
  'files'
  'documents'
  'poison'
  'exports'
]
var packageContainerName = 'packages'
var deadLetterContainerName = 'eventgrid-dead-letter'

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  // checkov:skip=CKV_AZURE_43:The name is st and 13 letters and digits of uniqueString, which the check cannot see.
  // checkov:skip=CKV_AZURE_35:Deny with privateNetwork. Without it Flex Consumption has no fixed address to allow; keys are off and every call needs a role.
  // checkov:skip=CKV_AZURE_59:Event Grid delivers over the public endpoint only; anonymous blobs and keys are off.
  // checkov:skip=CKV_AZURE_206:prod is Standard_ZRS, dev Standard_LRS: one region is the stated design, and the check cannot evaluate the choice.
  // checkov:skip=CKV_AZURE_33:Logging of queue requests is a classic setting; metrics and the app's own traces cover them.
  name: 'st${token}'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS' }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    isLocalUserEnabled: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: 'Enabled'
    networkAcls: { defaultAction: privateNetwork ? 'Deny' : 'Allow', bypass: 'AzureServices' }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: { enabled: true, days: 7 }
    containerDeleteRetentionPolicy: { enabled: true, days: 7 }
  }
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = [
  for name in concat(containerNames, [packageContainerName, deadLetterContainerName]): {
    parent: blobs
    name: name
    properties: { publicAccess: 'None' }
  }
]

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2025-06-01' = {
  parent: account
  name: 'default'
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' = [
  for name in queueNames: {
    parent: queueService
    name: name
  }
]

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'forget-poison-and-dead-letters'
          enabled: true
          type: 'Lifecycle'
          definition: {
            actions: { baseBlob: { delete: { daysAfterCreationGreaterThan: 90 } } }
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['poison/', '${deadLetterContainerName}/'] }
          }
        }
        {
          name: 'forget-exports'
          enabled: true
          type: 'Lifecycle'
          definition: {
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: 7 } } }
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['exports/'] }
          }
        }
        {
          name: 'forget-old-packages'
          enabled: true
          type: 'Lifecycle'
          definition: {
            actions: { snapshot: { delete: { daysAfterCreationGreaterThan: 30 } } }
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['${packageContainerName}/'] }
          }
        }
      ]
    }
  }
}

@description('The account.')
output id string = account.id

@description('Its name.')
output name string = account.name

@description('Container that deployments are read from.')
output packageContainer string = packageContainerName

@description('Container for direct drops: every change is an event.')
output documentsContainer string = containerNames[1]

@description('Queue that those events go to.')
output documentsQueue string = queueNames[0]

@description('Container of events that could not be delivered.')
output deadLetterContainer string = deadLetterContainerName

metadata description = 'Blob events onto the documents queue with the topic\'s own identity: no webhook, no key, no code deployed first.'

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('What makes names unique.')
param token string

@description('Storage account whose events these are.')
param storageName string

@description('Container that raises events.')
param documentsContainer string

@description('Queue that they go to.')
param documentsQueue string

@description('Container of events that could not be delivered.')
param deadLetterContainer string

@description('Where delivery failures are logged; empty for nowhere.')
param workspaceId string

var roles = {
  queueDataMessageSender: 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
  blobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
}

resource storage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: 'evgt-${token}'
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' }
  properties: { source: storage.id, topicType: 'Microsoft.Storage.StorageAccounts' }
}

resource topicRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in items(roles): {
    scope: storage
    name: guid(storage.id, topic.id, role.value)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.value)
      principalId: topic.identity.principalId
      principalType: 'ServicePrincipal'
    }
  }
]

resource toQueue 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'documents-to-queue'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    deliveryWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      destination: {
        endpointType: 'StorageQueue'
        properties: {
          resourceId: storage.id
          queueName: documentsQueue
          // As long as our own messages live: an outage of weeks loses nothing.
          queueMessageTimeToLiveInSeconds: 2592000
        }
      }
    }
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated', 'Microsoft.Storage.BlobDeleted']
      subjectBeginsWith: '/blobServices/default/containers/${documentsContainer}/'
      isSubjectCaseSensitive: true
    }
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
    deadLetterWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: { resourceId: storage.id, blobContainerName: deadLetterContainer }
      }
    }
  }
  dependsOn: [topicRoles]
}

resource failures 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (!empty(workspaceId)) {
  scope: topic
  name: 'delivery-failures'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'DeliveryFailures', enabled: true }]
  }
}

@description('The topic, for the second phase.')
output topicName string = topic.name

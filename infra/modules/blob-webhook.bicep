metadata description = 'Second phase: blob events to the blob trigger too. The app must run, since Event Grid validates the address.'

@description('Topic of the storage account.')
param topicName string

@description('Where the app answers.')
param hostName string

@description('Container that raises events.')
param documentsContainer string

@description('System key blobs_extension of the app.')
@secure()
param key string

var functionName = 'on_blob_uploaded'

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

// Creations arrive twice, here and on the queue; the document's etag makes the second one a look.
resource toTrigger 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'documents-to-blob-trigger'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    destination: {
      endpointType: 'WebHook'
      properties: {
        endpointUrl: 'https://${hostName}/runtime/webhooks/blobs?functionName=Host.Functions.${functionName}&code=${key}'
        minimumTlsVersionAllowed: '1.2'
      }
    }
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/${documentsContainer}/'
      isSubjectCaseSensitive: true
    }
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
  }
}

metadata description = 'One workbook: tokens and cost, latency, failures, documents, cold starts.'

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Application Insights that it reads.')
param insightsId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(insightsId, 'flightdeck')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Flightdeck'
    category: 'workbook'
    sourceId: insightsId
    serializedData: loadTextContent('../workbook.json')
    version: 'Notebook/1.0'
  }
}

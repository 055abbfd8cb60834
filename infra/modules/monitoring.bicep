metadata description = 'Logs, metrics and traces: one workspace, one Application Insights, no instrumentation key accepted.'

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('What makes names unique.')
param token string

@description('Days that logs are kept.')
param retentionDays int

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = {
  name: 'log-${token}'
  location: location
  tags: tags
  properties: {
    retentionInDays: retentionDays
    sku: { name: 'PerGB2018' }
    features: { disableLocalAuth: true, enableLogAccessUsingOnlyResourcePermissions: true }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: 'appi-${token}'
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
  }
}

@description('Workspace, for diagnostic settings.')
output workspaceId string = workspace.id

@description('Application Insights, for alerts and the workbook.')
output insightsId string = insights.id

@description('Its name, for role assignments.')
output insightsName string = insights.name

@description('Where telemetry goes. No secret: without a token of an identity nothing is accepted.')
output insightsConnectionString string = insights.properties.ConnectionString

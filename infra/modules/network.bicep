metadata description = 'Optional: a virtual network for the app, and private endpoints to everything that it uses.'

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('What makes names unique.')
param token string

@description('Storage account.')
param storageId string

@description('Cosmos DB account.')
param cosmosId string

@description('AI Services account.')
param modelsId string

@description('Vault.')
param vaultId string

var storageSuffix = environment().suffixes.storage
var blobZone = 'privatelink.blob.${storageSuffix}'
var queueZone = 'privatelink.queue.${storageSuffix}'
var tableZone = 'privatelink.table.${storageSuffix}'
var cosmosZone = 'privatelink.documents.azure.com'
var modelZones = ['privatelink.openai.azure.com', 'privatelink.cognitiveservices.azure.com', 'privatelink.services.ai.azure.com']
var vaultZone = 'privatelink.vaultcore.azure.net'
var zoneNames = concat([blobZone, queueZone, tableZone, cosmosZone, vaultZone], modelZones)
var targets = [
  { name: 'blob', id: storageId, group: 'blob', zones: [blobZone] }
  { name: 'queue', id: storageId, group: 'queue', zones: [queueZone] }
  { name: 'table', id: storageId, group: 'table', zones: [tableZone] }
  { name: 'cosmos', id: cosmosId, group: 'Sql', zones: [cosmosZone] }
  { name: 'models', id: modelsId, group: 'account', zones: modelZones }
  { name: 'vault', id: vaultId, group: 'vault', zones: [vaultZone] }
]

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: 'vnet-${token}'
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: ['10.20.0.0/16'] }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: '10.20.0.0/23'
          delegations: [{ name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }]
        }
      }
      {
        name: 'endpoints'
        properties: { addressPrefix: '10.20.2.0/24', privateEndpointNetworkPolicies: 'Disabled' }
      }
    ]
  }
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for name in zoneNames: {
    name: name
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (name, index) in zoneNames: {
    parent: zones[index]
    name: 'link-${token}'
    location: 'global'
    properties: { registrationEnabled: false, virtualNetwork: { id: network.id } }
  }
]

@batchSize(1)
resource endpoints 'Microsoft.Network/privateEndpoints@2025-05-01' = [
  for target in targets: {
    name: 'pe-${target.name}-${token}'
    location: location
    tags: tags
    properties: {
      subnet: { id: '${network.id}/subnets/endpoints' }
      privateLinkServiceConnections: [
        {
          name: target.name
          properties: { privateLinkServiceId: target.id, groupIds: [target.group] }
        }
      ]
    }
  }
]

resource groups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = [
  for (target, index) in targets: {
    parent: endpoints[index]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        for zone in target.zones: {
          name: replace(zone, '.', '-')
          properties: { privateDnsZoneId: resourceId('Microsoft.Network/privateDnsZones', zone) }
        }
      ]
    }
    dependsOn: [zones, links]
  }
]

@description('Where the app goes.')
output appSubnetId string = '${network.id}/subnets/app'

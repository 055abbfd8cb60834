metadata description = 'The vault, with the two secrets there are: the pepper under which API keys are hashed, and the first of the keys.'

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('What makes names unique.')
param token string

@description('Private endpoints only.')
param privateNetwork bool

@description('The pepper, for a vault that has none yet.')
@secure()
param keyPepper string

@description('What the first administrator\'s key is made of, for a vault that has none yet.')
@secure()
param bootstrapSecret string

@description('Where the audit log goes; empty for nowhere.')
param workspaceId string

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  // checkov:skip=CKV_AZURE_109:Deny with privateNetwork. Without it Flex Consumption has no fixed address to allow; every call needs a role.
  // checkov:skip=CKV_AZURE_189:As CKV_AZURE_109: a parameter decides, which the check cannot evaluate.
  name: 'kv-${token}'
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    enablePurgeProtection: true
    softDeleteRetentionInDays: 90
    publicNetworkAccess: privateNetwork ? 'Disabled' : 'Enabled'
    networkAcls: { defaultAction: privateNetwork ? 'Deny' : 'Allow', bypass: 'AzureServices' }
  }
}

// Once and never again: another pepper makes every API key invalid.
@onlyIfNotExists()
resource pepper 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = {
  // checkov:skip=CKV_AZURE_41:A pepper that expires would lock every client out; docs/operations.md says how to rotate it.
  parent: vault
  name: 'key-pepper'
  properties: {
    value: keyPepper
    contentType: 'text/plain'
    attributes: { enabled: true }
  }
}

// Once and never again: who deploys anew need not learn another key.
@onlyIfNotExists()
resource bootstrapKey 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = {
  // checkov:skip=CKV_AZURE_41:The app stops accepting it with bootstrapKey=false; one that expires would lock out who has no other.
  parent: vault
  name: 'bootstrap-key'
  properties: {
    value: 'fd_bootstrap_${bootstrapSecret}'
    contentType: 'text/plain'
    attributes: { enabled: true }
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (!empty(workspaceId)) {
  scope: vault
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'audit', enabled: true }]
  }
}

@description('The vault.')
output id string = vault.id

@description('Its name.')
output name string = vault.name

@description('The secret without its version, so that a rotated one is found.')
output pepperUri string = '${vault.properties.vaultUri}secrets/${pepper.name}'

@description('The same of the first administrator\'s key.')
output bootstrapKeyUri string = '${vault.properties.vaultUri}secrets/${bootstrapKey.name}'

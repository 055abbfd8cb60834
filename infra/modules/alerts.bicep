metadata description = 'Who is told, and when. docs/operations.md says for each alert what to do.'

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('What makes names unique.')
param token string

@description('Application Insights whose data is judged.')
param insightsId string

@description('Who is told.')
param email string

@description('Tokens a day; 0 for no budget.')
param dailyTokenBudget int

var quarterHour = { every: 'PT5M', window: 'PT15M' }
var day = { every: 'PT1H', window: 'P1D' }
var tokensUsed = 'customMetrics | where name == "gen_ai.client.token.usage" | summarize tokens = sum(valueSum) | where tokens >'
var rules = [
  {
    name: 'poison'
    severity: 1
    time: quarterHour
    query: 'requests | where name in ("on_documents_poison", "on_usage_poison")'
  }
  {
    name: 'errors'
    severity: 1
    time: quarterHour
    query: 'requests | where isnotempty(url) | summarize bad = countif(toint(resultCode) >= 500), total = count() | where total >= 100 and bad > total * 0.05'
  }
  {
    name: 'first-token'
    severity: 2
    time: quarterHour
    query: 'customMetrics | where name == "gen_ai.server.time_to_first_token" | summarize mean = sum(valueSum) / sum(valueCount) | where mean > 5'
  }
  {
    name: 'no-deployment'
    severity: 1
    time: quarterHour
    query: 'requests | where name startswith "create_" and resultCode == "503" | summarize refused = count() | where refused >= 20'
  }
  {
    name: 'documents-wait'
    severity: 2
    time: quarterHour
    query: 'traces | where message startswith "deferred queue=documents" | summarize deferred = count() | where deferred > 100'
  }
  {
    name: 'tenant-budget'
    severity: 3
    time: quarterHour
    query: 'traces | where message startswith "budget reached="'
  }
  {
    name: 'usage-differs'
    severity: 1
    time: day
    query: 'traces | where message startswith "usage_differs"'
  }
  {
    name: 'documents-fail'
    severity: 2
    time: quarterHour
    query: 'requests | where name == "index_document" | summarize bad = countif(success == false), total = count() | where total >= 10 and bad > total * 0.1'
  }
]
var budgetRules = [
  { name: 'budget-80', severity: 3, time: day, query: '${tokensUsed} ${dailyTokenBudget * 8 / 10}' }
  { name: 'budget-100', severity: 2, time: day, query: '${tokensUsed} ${dailyTokenBudget}' }
]
var budgets = dailyTokenBudget == 0 ? [] : budgetRules

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${token}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'flightdeck'
    emailReceivers: [{ name: 'operators', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in concat(rules, budgets): {
    name: '${rule.name}-${token}'
    location: location
    tags: tags
    properties: {
      displayName: 'Flightdeck: ${rule.name}'
      enabled: true
      severity: rule.severity
      scopes: [insightsId]
      evaluationFrequency: rule.time.every
      windowSize: rule.time.window
      autoMitigate: true
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: [people.id] }
    }
  }
]

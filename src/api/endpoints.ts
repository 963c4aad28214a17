/** Every endpoint there is, in one table: the server, its tests and the reference page come from it. */
import type { Endpoint } from './endpoint.ts'
import { abandonGrant } from './endpoints/abandon-grant.ts'
import { activateGrant } from './endpoints/activate-grant.ts'
import { evaluateAccess, evaluateApplicationAccess } from './endpoints/authzen-evaluate.ts'
import { evaluateManyAccesses, evaluateManyApplicationAccesses } from './endpoints/authzen-evaluate-many.ts'
import { showAccessMetadata, showApplicationAccessMetadata } from './endpoints/authzen-metadata.ts'
import { requestDeniedAccess } from './endpoints/authzen-request.ts'
import { searchActions, searchApplicationActions } from './endpoints/authzen-search-actions.ts'
import { searchApplicationResources, searchResources } from './endpoints/authzen-search-resources.ts'
import { searchApplicationSubjects, searchSubjects } from './endpoints/authzen-search-subjects.ts'
import { showAccessRequest } from './endpoints/authzen-show-request.ts'
import { beginAnswer } from './endpoints/begin-answer.ts'
import { beginDeviceConfirmation } from './endpoints/begin-device-confirmation.ts'
import { beginRegistration } from './endpoints/begin-registration.ts'
import { beginSignIn } from './endpoints/begin-sign-in.ts'
import { callForGrant } from './endpoints/call-for-grant.ts'
import { completeGrant } from './endpoints/complete-grant.ts'
import { endException } from './endpoints/end-exception.ts'
import { eraseBody } from './endpoints/erase-body.ts'
import { exchangeToken } from './endpoints/exchange-token.ts'
import { explainDecision } from './endpoints/explain-decision.ts'
import { exportConfiguration } from './endpoints/export-configuration.ts'
import { exportLedger } from './endpoints/export-ledger.ts'
import { extendGrant } from './endpoints/extend-grant.ts'
import { finishAnswer } from './endpoints/finish-answer.ts'
import { finishDeviceConfirmation } from './endpoints/finish-device-confirmation.ts'
import { drillGateways } from './endpoints/drill-gateways.ts'
import { finishRegistration } from './endpoints/finish-registration.ts'
import { finishSignIn } from './endpoints/finish-sign-in.ts'
import { inviteGateway } from './endpoints/invite-gateway.ts'
import { invitePerson } from './endpoints/invite-person.ts'
import { issueSecret } from './endpoints/issue-secret.ts'
import { listChangeSets } from './endpoints/list-change-sets.ts'
import { listEligible } from './endpoints/list-eligible.ts'
import { listExceptions } from './endpoints/list-exceptions.ts'
import { listGateways } from './endpoints/list-gateways.ts'
import { listGrants } from './endpoints/list-grants.ts'
import { listHolds } from './endpoints/list-holds.ts'
import { listIdentities } from './endpoints/list-identities.ts'
import { listLedgerEntries } from './endpoints/list-ledger-entries.ts'
import { listApplications } from './endpoints/list-applications.ts'
import { listServices } from './endpoints/list-services.ts'
import { listStanding } from './endpoints/list-standing.ts'
import { listWhoCan } from './endpoints/list-who-can.ts'
import { loadCheckpoint } from './endpoints/load-checkpoint.ts'
import { loadScript } from './endpoints/load-script.ts'
import { loadStylesheet } from './endpoints/load-stylesheet.ts'
import { loadTile } from './endpoints/load-tile.ts'
import { authorize } from './endpoints/oauth-authorize.ts'
import { beginAuthorization } from './endpoints/oauth-begin-authorization.ts'
import { denyAuthorization } from './endpoints/oauth-deny-authorization.ts'
import { finishAuthorization } from './endpoints/oauth-finish-authorization.ts'
import { openChangePage } from './endpoints/open-change-page.ts'
import { openDevicePage } from './endpoints/open-device-page.ts'
import { openExceptionPage } from './endpoints/open-exception-page.ts'
import { openHoldPage } from './endpoints/open-hold-page.ts'
import { openRegistrationPage } from './endpoints/open-registration-page.ts'
import { openRequestPage } from './endpoints/open-request-page.ts'
import { openSignInPage } from './endpoints/open-sign-in-page.ts'
import { openStartPage } from './endpoints/open-start-page.ts'
import { openWaitingPage } from './endpoints/open-waiting-page.ts'
import { planConfiguration } from './endpoints/plan-configuration.ts'
import { replayPolicies } from './endpoints/replay-policies.ts'
import { proposeException } from './endpoints/propose-exception.ts'
import { proveConsistency } from './endpoints/prove-consistency.ts'
import { proveEntry } from './endpoints/prove-entry.ts'
import { proposeChange } from './endpoints/propose-change.ts'
import { quarantineIdentity } from './endpoints/quarantine-identity.ts'
import { releaseIdentity } from './endpoints/release-identity.ts'
import { removeGateway } from './endpoints/remove-gateway.ts'
import { requestGrant } from './endpoints/request-grant.ts'
import { revokeGrant } from './endpoints/revoke-grant.ts'
import { revokeSecret } from './endpoints/revoke-secret.ts'
import { showCan } from './endpoints/show-can.ts'
import { showChangeSet } from './endpoints/show-change-set.ts'
import { showCheckpoint } from './endpoints/show-checkpoint.ts'
import { showException } from './endpoints/show-exception.ts'
import { showGrant } from './endpoints/show-grant.ts'
import { showHealth } from './endpoints/show-health.ts'
import { showHold } from './endpoints/show-hold.ts'
import { showRecent } from './endpoints/show-recent.ts'
import { showMetrics } from './endpoints/show-metrics.ts'
import { showServerMetadata } from './endpoints/show-server-metadata.ts'
import { showTokenKeys } from './endpoints/show-token-keys.ts'
import { signOut } from './endpoints/sign-out.ts'
import { startDeviceSignIn } from './endpoints/start-device-sign-in.ts'
import { tickExceptionStep } from './endpoints/tick-exception-step.ts'
import { whoAmI } from './endpoints/who-am-i.ts'
import { withdrawChangeSet } from './endpoints/withdraw-change-set.ts'
import { withdrawException } from './endpoints/withdraw-exception.ts'

export const endpoints: readonly Endpoint[] = [
  exchangeToken,
  startDeviceSignIn,
  authorize,
  showTokenKeys,
  showServerMetadata,
  showAccessMetadata,
  showApplicationAccessMetadata,
  evaluateAccess,
  evaluateManyAccesses,
  searchSubjects,
  searchResources,
  searchActions,
  requestDeniedAccess,
  showAccessRequest,
  evaluateApplicationAccess,
  evaluateManyApplicationAccesses,
  searchApplicationSubjects,
  searchApplicationResources,
  searchApplicationActions,
  showHealth,
  whoAmI,
  listEligible,
  requestGrant,
  listGrants,
  showGrant,
  activateGrant,
  extendGrant,
  callForGrant,
  completeGrant,
  abandonGrant,
  revokeGrant,
  listExceptions,
  proposeException,
  showException,
  withdrawException,
  endException,
  tickExceptionStep,
  listStanding,
  listHolds,
  showHold,
  showRecent,
  listIdentities,
  showCan,
  listWhoCan,
  quarantineIdentity,
  releaseIdentity,
  issueSecret,
  revokeSecret,
  invitePerson,
  planConfiguration,
  replayPolicies,
  exportConfiguration,
  proposeChange,
  listChangeSets,
  showChangeSet,
  withdrawChangeSet,
  openChangePage,
  listServices,
  listApplications,
  listGateways,
  drillGateways,
  showMetrics,
  inviteGateway,
  removeGateway,
  explainDecision,
  showCheckpoint,
  listLedgerEntries,
  exportLedger,
  proveEntry,
  proveConsistency,
  eraseBody,
  loadCheckpoint,
  loadTile,
  openStartPage,
  openRegistrationPage,
  openSignInPage,
  openWaitingPage,
  openRequestPage,
  openHoldPage,
  openExceptionPage,
  openDevicePage,
  signOut,
  loadScript,
  loadStylesheet,
  beginRegistration,
  finishRegistration,
  beginSignIn,
  finishSignIn,
  beginAnswer,
  finishAnswer,
  beginDeviceConfirmation,
  finishDeviceConfirmation,
  beginAuthorization,
  finishAuthorization,
  denyAuthorization,
]

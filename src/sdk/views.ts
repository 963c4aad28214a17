/** The shapes that the client takes and gives, by name, for whoever stands on the client alone. */
export type { CanDeskView, CanOperationView, CanView, CouldView, NearnessName, WhoCanView, WhoView } from '../wire/can.ts'
export type {
  ChangeClassView,
  ChangeLineView,
  ChangeSetView,
  ExportView,
  PlanProblem,
  PlanView,
  ConfiguredOutcomeView,
} from '../wire/configuration.ts'
export type { DefinitionView } from '../wire/definitions.ts'
export type { ExceptionBody, ExceptionStateName, ExceptionView, StandingView } from '../wire/exceptions.ts'
export type { AskableView, Confirmation, GrantRequestBody, GrantStateName, GrantView } from '../wire/grants.ts'
export type { DrilledView, DrillFiguresView, GatewayView } from '../wire/gateways.ts'
export type { HoldStateName, HoldView, RecentActionView, RecentComparison, RecentCounts, RecentValue, RecentView } from '../wire/holds.ts'
export type { IdentityView, InvitationProposedView, InvitationView, QuarantineView, SecretView, WhoamiView } from '../wire/identities.ts'
export type { CheckpointView, ExplanationView } from '../wire/ledger.ts'
export type { ProblemView } from '../wire/problems.ts'
export type { ReplayedAnswerView, ReplayedChangeView, ReplayProgressView, ReplayView } from '../wire/replay.ts'
export type { ApplicationList, ApplicationView } from '../wire/applications.ts'
export type { RouteView, ServiceView } from '../wire/services.ts'
export type { WireObject, WireValue } from '../wire/values.ts'

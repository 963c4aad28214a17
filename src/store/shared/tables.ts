/** Where each kind of record is kept, and the columns it can be searched by. */
import type { searchable } from '../../control/ports.ts'
import type { RecordKind } from '../../model/records.ts'

type Column<K extends RecordKind> = (typeof searchable)[K][number]

/** Every table of records looks the same from here; what is particular to it is generated from `doc` by the database. */
export interface RecordRow {
  id: string
  space: string
  /** Canonical JSON. */
  doc: string
  /** Version of the change that wrote it last. */
  version: number
}

export const recordTables = {
  identity: { table: 'identities', columns: { name: 'name', kind: 'kind', state: 'state', owner: 'owner' } },
  credential: { table: 'credentials', columns: { identity: 'identity', hash: 'hash' } },
  passkey: { table: 'passkeys', columns: { person: 'person', credentialId: 'credential_id' } },
  link: { table: 'links', columns: { hash: 'hash' } },
  signIn: { table: 'sign_ins', columns: { person: 'person' } },
  device: { table: 'devices', columns: { hash: 'hash', userCode: 'user_code' } },
  exception: { table: 'exceptions', columns: { identity: 'identity', state: 'state' } },
  issuer: { table: 'issuers', columns: {} },
  service: { table: 'services', columns: {} },
  policySet: { table: 'policy_sets', columns: {} },
  grant: { table: 'grants', columns: { state: 'state', actor: 'actor' } },
  uses: { table: 'uses', columns: { grant: 'grant' } },
  session: { table: 'sessions', columns: { state: 'state', grant: 'grant', token: 'token', identity: 'identity' } },
  binding: { table: 'bindings', columns: {} },
  hold: { table: 'holds', columns: { state: 'state', grant: 'grant', session: 'session' } },
  approval: { table: 'approvals', columns: { subject: 'subject', person: 'person' } },
  challenge: { table: 'challenges', columns: { person: 'person' } },
  untrustedReading: { table: 'untrusted_readings', columns: { identity: 'identity', grant: 'grant' } },
  signal: { table: 'signals', columns: { identity: 'identity' } },
  changeSet: { table: 'change_sets', columns: { state: 'state' } },
  application: { table: 'applications', columns: {} },
  gateway: { table: 'gateways', columns: { name: 'name', state: 'state', key: 'key', codeHash: 'code_hash' } },
} as const satisfies { readonly [K in RecordKind]: { readonly table: string; readonly columns: { readonly [C in Column<K>]: string } } }

export type RecordTable = (typeof recordTables)[RecordKind]['table']

interface LatestRow {
  one: number
  version: number
  at: number
}

interface TreeRow {
  one: number
  size: number
  frontier: Uint8Array
  checkpoint: string
}

interface OutboxTableRow {
  position: number
  at: number
  body: string
  salt: Uint8Array
}

interface LeafTableRow {
  place: number
  leaf: Uint8Array
  body: string | null
  salt: Uint8Array | null
}

interface CheckpointRow {
  place: number
  size: number
  note: string
}

interface MetaRow {
  key: string
  value: string
  fixed: number
}

export type Tables = { [T in RecordTable]: RecordRow } & {
  latest: LatestRow
  tree: TreeRow
  outbox: OutboxTableRow
  leaves: LeafTableRow
  checkpoints: CheckpointRow
  meta: MetaRow
}

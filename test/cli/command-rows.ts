/** One row for each command line: what it calls, with what, and what it says. */
import { grantId, type Handler, holdId, instant, pendingGrant, waitingHold } from './contract-server.ts'

export const ok = (body: unknown) => (): ReturnType<Handler> => ({ status: 200, body })
const confirmed = [{ gateway: 'http', how: 'confirmed', milliseconds: 3, at: '2030-01-01T00:00:00.000Z' }]
const ended = { ...pendingGrant, state: 'ended', ending: { how: 'revoked', by: 'alice', reason: 'wrong cluster' } }
const identity = { id: 'idn_1', name: 'ops-agent', kind: 'ai-agent', owner: 'alice', roles: ['agents'], state: 'live' }

export interface Row {
  readonly line: string
  readonly calls: string
  readonly query?: object
  readonly body?: object
  /** What the server answers, where the contract's usual answer does not do. */
  readonly answer?: unknown
  readonly exitCode?: number
  readonly says: RegExp
}

export const rows: readonly Row[] = [
  { line: 'whoami', calls: 'GET /v1/whoami', says: /release-bot {2}workload[\s\S]*owner +alice/ },
  {
    line: 'eligible --task release --ticket OPS-7',
    calls: 'GET /v1/eligible',
    query: { task: 'release', ticket: 'OPS-7' },
    answer: {
      eligible: [
        {
          resource: 'shop/deploy',
          effect: 'execute',
          tier: 1,
          task: 'release',
          durationMax: '2h',
          approval: 'role:sre',
          policies: ['p'],
          command: 'remit request shop/deploy',
        },
      ],
    },
    says: /shop\/deploy +execute +release[\s\S]*ask: remit request shop\/deploy/,
  },
  {
    line: 'request shop/deploy read:shop --task release --for "ship 1.4" --ticket OPS-7 --time 30m --idle 5m',
    calls: 'POST /v1/grants',
    body: { task: 'release', statement: 'ship 1.4', scope: ['shop/deploy', 'read:shop'], ticket: 'OPS-7', duration: '30m', idle: '5m' },
    says: /approved[\s\S]*start it with: remit activate grn_/,
  },
  {
    line: 'grants --state active --mine --max 5',
    calls: 'GET /v1/grants',
    query: { state: 'active', mine: 'true', max: '5' },
    says: /no grants/,
  },
  { line: `grant ${grantId}`, calls: `GET /v1/grants/${grantId}`, answer: pendingGrant, says: /shop\/deploy,uses=1 {2}\(used 0 of 1\)/ },
  {
    line: `grant ${grantId}`,
    calls: `GET /v1/grants/${grantId}`,
    answer: {
      ...pendingGrant,
      uses: [
        {
          line: 0,
          spent: 9,
          of: 20,
          reserved: 4,
          sum: { argument: 'amount', spent: '120.5', of: '500' },
          rate: { recent: 3, of: 10, window: '1m' },
        },
      ],
    },
    says: /used 9 of 20, 4 of them reserved by gateways; amount 120\.5 of 500; 3 of 10 in the last 1m/,
  },
  { line: `activate ${grantId}`, calls: `POST /v1/grants/${grantId}/activate`, says: /when the task is done: remit done/ },
  {
    line: `extend ${grantId} --time 15m --reason "slow node"`,
    calls: `POST /v1/grants/${grantId}/extend`,
    body: { duration: '15m', reason: 'slow node' },
    answer: { ...pendingGrant, state: 'active' },
    says: /active/,
  },
  {
    line: `done ${grantId} --reason shipped`,
    calls: `POST /v1/grants/${grantId}/done`,
    body: { reason: 'shipped' },
    answer: { ...ended, ending: { how: 'completed', by: 'release-bot', reason: 'shipped' }, confirmed },
    says: /ended: completed by release-bot: shipped\n {2}gateway http stopped it after 3 ms/,
  },
  {
    line: `revoke ${grantId} --reason "wrong cluster"`,
    calls: `POST /v1/grants/${grantId}/revoke`,
    body: { reason: 'wrong cluster' },
    answer: { grant: ended, confirmed },
    says: /ended: revoked by alice: wrong cluster\n {2}gateway http stopped it after 3 ms/,
  },
  {
    line: `revoke ${grantId} --reason "wrong cluster"`,
    calls: `POST /v1/grants/${grantId}/revoke`,
    body: { reason: 'wrong cluster' },
    answer: { grant: ended, confirmed: [{ gateway: 'edge-1', how: 'lapsed', milliseconds: 9_840, at: '2030-01-01T00:00:10.000Z' }] },
    says: /gateway edge-1 was not heard: it was waited for 9\.8 s, and lets nothing through any more/,
  },
  {
    line: 'drill',
    calls: 'POST /v1/drill',
    answer: {
      drilled: [{ gateway: 'http', milliseconds: 0 }, { gateway: 'edge-1' }],
      figures: [
        { gateway: 'http', count: 100, missed: 0, p50: 0, p99: 1, max: 2 },
        { gateway: 'edge-1', count: 9, missed: 3, p50: 4, p99: 12, max: 12 },
        { gateway: 'edge-2', count: 1, missed: 1 },
      ],
    },
    says: /http +0 ms +0 ms +1 ms +2 ms +100[\s\S]*edge-1 +no answer +4 ms +12 ms +12 ms +9 +3[\s\S]*edge-2 +not connected/,
  },
  {
    line: 'holds --state waiting',
    calls: 'GET /v1/holds',
    query: { state: 'waiting' },
    answer: { holds: [waitingHold] },
    says: /hld_\w+ +waiting +ops-agent +shop\/restart +9m/,
  },
  {
    line: `hold ${holdId}`,
    calls: `GET /v1/holds/${holdId}`,
    answer: waitingHold,
    says: /service = "checkout"[\s\S]*\{"force":true\}[\s\S]*policy restart-needs-a-person/,
  },
  { line: 'services', calls: 'GET /v1/services', says: /shop\.eu-1 +http:\/\/127\.0\.0\.1:7001 +prod/ },
  {
    line: 'services',
    calls: 'GET /v1/services',
    answer: { services: [{ name: 'stall', environment: 'prod', labels: [], enforcedBy: 'proxy', routes: [] }] },
    says: /stall +a proxy, which holds its secret +prod/,
  },
  {
    line: 'applications',
    calls: 'GET /v1/applications',
    answer: {
      applications: [
        {
          name: 'shop',
          version: 'a1b2c3d4e5f6a7b8',
          policies: 12,
          templates: 1,
          entities: 300,
          callers: 'role:shop-backends',
          enforced: false,
          publishedAt: '2026-01-01T00:00:00.000Z',
          publishedBy: 'ana',
        },
      ],
    },
    says: /shop +12 +300 +a1b2c3d4e5f6 +role:shop-backends +not by Remit/,
  },
  { line: 'identities', calls: 'GET /v1/identities', answer: { identities: [identity] }, says: /ops-agent +ai-agent +alice +live +agents/ },
  {
    line: 'quarantine ops-agent --reason odd',
    calls: 'POST /v1/identities/ops-agent/quarantine',
    body: { reason: 'odd' },
    answer: { identity, ended: [grantId], confirmed },
    says: /ops-agent is quarantined; ended: grn_/,
  },
  {
    line: 'release ops-agent --reason mended',
    calls: 'POST /v1/identities/ops-agent/release',
    body: { reason: 'mended' },
    answer: identity,
    says: /may ask again/,
  },
  {
    line: 'invite alice',
    calls: 'POST /v1/invitations',
    body: { name: 'alice' },
    answer: { person: 'alice', link: 'http://pages.example/register/x', expiresAt: instant(3_600_000) },
    says: /^http:\/\/pages\.example\/register\/x\n$/,
  },
  {
    line: 'secret issue release-bot --lifetime 30d',
    calls: 'POST /v1/identities/release-bot/secrets',
    body: { lifetime: '30d' },
    answer: { credential: 'crd_1', identity: 'release-bot', secret: 'rmt_new', expiresAt: instant(1) },
    says: /^rmt_new\n$/,
  },
  {
    line: 'secret revoke crd_1',
    calls: 'POST /v1/credentials/crd_1/revoke',
    answer: { id: 'crd_1', identity: 'release-bot' },
    says: /crd_1 of release-bot is revoked/,
  },
  {
    line: 'explain dec_1',
    calls: 'GET /v1/decisions/dec_1',
    answer: { decision: 'dec_1', words: ['it was refused', 'by policy x'], entries: [] },
    says: /it was refused\nby policy x/,
  },
  { line: `token ${grantId}`, calls: 'GET /v1/whoami', says: new RegExp(`^token-for-urn:remit:main:gateway:http-grant:${grantId}\n$`) },
  {
    line: 'ledger checkpoint',
    calls: 'GET /v1/ledger/checkpoint',
    answer: { checkpoint: 'origin\n3\nroot\n', size: 3, key: 'k' },
    says: /^origin\n3\nroot\n$/,
  },
  { line: `approve ${grantId}`, calls: `GET /v1/grants/${grantId}`, answer: pendingGrant, exitCode: 4, says: /^$/ },
  { line: `deny ${holdId}`, calls: `GET /v1/holds/${holdId}`, answer: waitingHold, exitCode: 4, says: /^$/ },
]

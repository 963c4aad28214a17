/** Reads what a gateway says to control, strictly: an unknown kind of message, an unknown member or a value of another kind is refused. */
import type { Result } from '../kernel/result.ts'
import { effects } from '../model/effects.ts'
import type { Action, Material } from '../model/actions.ts'
import type { TokenClaims } from '../control/ports.ts'
import type { Ask, FromGateway } from './messages.ts'
import { type Member, readMessage } from './parse-members.ts'

const grantsMax = 20_000
const headersMax = 1_000
const argumentsMax = 1_000
const chainMax = 16
/** base64 of a body that can be held: 1 MiB. */
const bodyTextMax = 1_400_000
const textMax = 16_384

/** Refuses `feed.unreadable`. */
export function parseFromGateway(text: string): Result<FromGateway> {
  return readMessage(text, readFromGateway)
}

function readFromGateway(message: Member): FromGateway {
  const type = typeOf(message)
  switch (type) {
    case 'hello':
      return readHello(message)
    case 'renew': {
      const { n } = message.members(['type', 'n'])
      return { type, n: n.number() }
    }
    case 'applied': {
      const { version } = message.members(['type', 'version'])
      return { type, version: version.number() }
    }
    case 'ask': {
      const { id, ask } = message.members(['type', 'id', 'ask'])
      return { type, id: id.number(), ask: readAsk(ask) }
    }
    case 'alive': {
      const { grants } = message.members(['type', 'grants'])
      return { type, grants: grants.items(grantsMax).map(readSignOfLife) }
    }
    case 'anchor': {
      const { n, hash } = message.members(['type', 'n', 'hash'])
      return { type, n: n.number(), hash: hash.hex(32) }
    }
    case 'drilled': {
      const { n } = message.members(['type', 'n'])
      return { type, n: n.number() }
    }
  }
}

const types = ['hello', 'renew', 'applied', 'ask', 'alive', 'anchor', 'drilled'] as const satisfies readonly FromGateway['type'][]

function typeOf(message: Member): FromGateway['type'] {
  const { type } = message.object()
  const known = types.find((each) => each === type)
  if (known === undefined) throw message.flaw('is of no kind that is known')
  return known
}

function readHello(message: Member): FromGateway {
  const at = message.members(['type', 'speaks', 'software', 'run', 'has'])
  return {
    type: 'hello',
    speaks: at.speaks.items(16).map((each) => each.number()),
    software: at.software.text(100),
    run: at.run.text(100),
    ...at.has.maybe('has', (has) => {
      const { epoch, version } = has.members(['epoch', 'version'])
      return { epoch: epoch.number(), version: version.number() }
    }),
  }
}

function readSignOfLife(member: Member): { readonly grant: string; readonly lastUse: number; readonly underWay: number } {
  const { grant, lastUse, underWay } = member.members(['grant', 'lastUse', 'underWay'])
  return { grant: grant.id('grn'), lastUse: lastUse.number(), underWay: underWay.number(0, 1_000_000) }
}

const asked = [
  'bind',
  'used-elsewhere',
  'open-session',
  'settle',
  'hold',
  'exhausted',
  'reserve',
  'release',
  'renew-certificate',
] as const satisfies readonly Ask['what'][]

function readAsk(member: Member): Ask {
  const { what: written } = member.object()
  const what = asked.find((each) => each === written)
  switch (what) {
    case 'bind': {
      const { claims, address } = member.members(['what', 'claims', 'address'])
      return { what, claims: readClaims(claims), address: address.text(100) }
    }
    case 'used-elsewhere': {
      const { claims, address, bound } = member.members(['what', 'claims', 'bound', 'address'])
      return { what, claims: readClaims(claims), bound: bound.text(100), address: address.text(100) }
    }
    case 'open-session': {
      const { claims, address, grant } = member.members(['what', 'claims', 'address', 'grant'])
      return { what, claims: readClaims(claims), address: address.text(100), grant: grant.id('grn') }
    }
    case 'settle':
      return readSettle(member)
    case 'hold':
      return readHold(member)
    case 'exhausted': {
      const { grant } = member.members(['what', 'grant'])
      return { what, grant: grant.id('grn') }
    }
    case 'reserve':
    case 'release': {
      const { grant, line, uses } = member.members(['what', 'grant', 'line', 'uses'])
      return { what, grant: grant.id('grn'), line: line.number(), uses: uses.number(what === 'reserve' ? 1 : 0) }
    }
    case 'renew-certificate': {
      const { request } = member.members(['what', 'request'])
      return { what, request: request.text(textMax) }
    }
    default:
      throw member.flaw('asks for nothing that is known')
  }
}

function readSettle(member: Member): Ask {
  const at = member.members(['what', 'claims', 'address', 'action', 'material', 'grant', 'session', 'line', 'hold'])
  return {
    what: 'settle',
    claims: readClaims(at.claims),
    address: at.address.text(100),
    action: readAction(at.action),
    ...at.material.maybe('material', readMaterial),
    grant: at.grant.id('grn'),
    session: at.session.id('ses'),
    ...at.line.maybe('line', (line) => line.number()),
    ...at.hold.maybe('hold', (hold) => hold.id('hld')),
  }
}

function readHold(member: Member): Ask {
  const at = member.members(['what', 'claims', 'address', 'action', 'material', 'body', 'grant', 'session', 'digest'])
  return {
    what: 'hold',
    claims: readClaims(at.claims),
    address: at.address.text(100),
    action: readAction(at.action),
    material: readMaterial(at.material),
    ...at.body.maybe('body', (body) => {
      const text = body.text(bodyTextMax)
      // One text for one body: what decodes to something that is written otherwise was not written by base64 as RFC 4648 has it.
      if (Buffer.from(text, 'base64').toString('base64') !== text) throw body.flaw('is not base64')
      return text
    }),
    grant: at.grant.id('grn'),
    session: at.session.id('ses'),
    digest: at.digest.text(100),
  }
}

function readClaims(member: Member): TokenClaims {
  const at = member.members(['jti', 'space', 'chain', 'provedBy', 'audience', 'grant', 'issuedAt', 'expiresAt', 'proved'])
  const chain = at.chain.items(chainMax).map((link) => link.id('idn'))
  if (chain.length === 0) throw at.chain.flaw('is empty')
  return {
    jti: at.jti.id('tok'),
    space: at.space.text(200),
    chain,
    provedBy: at.provedBy.text(4_096),
    audience: at.audience.text(),
    ...at.grant.maybe('grant', (grant) => grant.id('grn')),
    issuedAt: at.issuedAt.number(),
    expiresAt: at.expiresAt.number(),
    proved: Object.fromEntries(at.proved.entries(100).map(([name, value]) => [name, value.text(8_192)])),
  }
}

function readAction(member: Member): Action {
  const at = member.members(['protocol', 'service', 'operation', 'verb', 'effect', 'tier', 'arguments', 'target'])
  const tier = ([0, 1, 2, 3] as const).find((each) => each === at.tier.value)
  if (tier === undefined) throw at.tier.flaw('is no tier')
  return {
    protocol: at.protocol.oneOf(['http']),
    service: at.service.text(200),
    operation: at.operation.text(200),
    verb: at.verb.text(100),
    effect: at.effect.oneOf(effects),
    tier,
    arguments: Object.fromEntries(at.arguments.entries(argumentsMax).map(([name, value]) => [name, value.argument()])),
    target: at.target.text(textMax),
  }
}

function readMaterial(member: Member): Material {
  const at = member.members(['method', 'target', 'headers', 'bodySha256'])
  return {
    method: at.method.text(100),
    target: at.target.text(textMax),
    headers: at.headers.items(headersMax).map((header) => {
      const [name, value, ...more] = header.items(2)
      if (name === undefined || value === undefined || more.length > 0) throw header.flaw('is no header')
      return [name.text(), value.text(65_536)]
    }),
    bodySha256: at.bodySha256.text(64),
  }
}

/**
 * The usual sidecar behind `auth_request`: a small HTTP service that verifies a bearer token's signature once, remembers it until it
 * ends, and looks the decision up in a map. It records nothing; nginx's access log is all that is kept. Prints its origin and a token.
 */
import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { createServer } from 'node:http'

interface Claims {
  readonly sub: string
  readonly exp: number
}

const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const seen = new Map<string, Claims>()

/** Who may do what: subject, method, first segment of the path. */
const decisions = new Map<string, boolean>([
  ['load-bot GET items', true],
  ['load-bot PUT items', true],
  ['load-bot PUT prices', true],
  ['load-bot DELETE items', false],
])

function claimsOf(token: string): Claims | undefined {
  const known = seen.get(token)
  if (known !== undefined) return known
  const dot = token.lastIndexOf('.')
  if (dot < 0 || !verify(null, Buffer.from(token.slice(0, dot)), publicKey, Buffer.from(token.slice(dot + 1), 'base64url')))
    return undefined
  const claims = JSON.parse(Buffer.from(token.slice(token.indexOf('.') + 1, dot), 'base64url').toString()) as Claims
  seen.set(token, claims)
  return claims
}

function issue(claims: Claims): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const head = `${part({ alg: 'EdDSA', typ: 'JWT' })}.${part(claims)}`
  return `${head}.${sign(null, Buffer.from(head), privateKey).toString('base64url')}`
}

const server = createServer((request, response) => {
  const { authorization = '' } = request.headers
  const claims = authorization.startsWith('Bearer ') ? claimsOf(authorization.slice('Bearer '.length)) : undefined
  if (claims === undefined || Date.now() >= claims.exp * 1_000) {
    response.writeHead(401).end()
    return
  }
  const target = String(request.headers['x-original-uri'] ?? '')
  const [, first = ''] = target.split('/')
  const isAllowed = decisions.get(`${claims.sub} ${String(request.headers['x-original-method'])} ${first}`) === true
  response.writeHead(isAllowed ? 204 : 403).end()
})
server.keepAliveTimeout = 3_600_000
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const token = issue({ sub: 'load-bot', exp: Math.floor(Date.now() / 1_000) + 3_600 })
  process.stdout.write(`${JSON.stringify({ origin: `http://127.0.0.1:${port}`, token })}\n`)
})
process.once('SIGTERM', () => process.exit(0))

/** The floors of the project as a table, and the check that no file reaches for what its floor does not stand on. */
import { posix } from 'node:path'
import { type Finding, lineAt, type SourceFile } from './files.ts'
import { blank, findImports, type Import } from './source.ts'

/** What touches the world outside a function's arguments. A floor without a power gets it handed in. */
export type Power =
  | 'clock'
  | 'chance'
  | 'timers'
  | 'environment'
  | 'files'
  | 'sockets'
  | 'processes'
  | 'threads'
  | 'sqlite'
  | 'terminal'
  | 'machine'
  | 'secrets'

export interface Floor {
  readonly standsOn: readonly string[]
  /** Files of other floors of which the types alone may be imported. */
  readonly typesOf?: readonly string[]
  readonly packages?: readonly string[]
  readonly may?: readonly Power[]
}

const everyPower: readonly Power[] = [
  'clock',
  'chance',
  'timers',
  'environment',
  'files',
  'sockets',
  'processes',
  'threads',
  'sqlite',
  'terminal',
  'machine',
  'secrets',
]
const gatewayFloor: Floor = { standsOn: ['kernel', 'model', 'control', 'gateways/shared'], may: ['sockets', 'secrets'] }

/** What each folder under src stands on, and what it may use. `'*'` is everything. */
export const floors: Readonly<Record<string, Floor>> = {
  kernel: { standsOn: [] },
  model: { standsOn: ['kernel'] },
  decision: { standsOn: ['kernel', 'model'] },
  graph: { standsOn: ['kernel', 'model'] },
  ledger: { standsOn: ['kernel'] },
  control: { standsOn: ['kernel', 'model', 'decision', 'graph', 'ledger'] },
  feed: { standsOn: ['kernel', 'model', 'decision', 'ledger', 'control'] },
  'store/shared': { standsOn: ['kernel', 'model'], typesOf: ['control/ports.ts'], packages: ['kysely'] },
  'store/sqlite': { standsOn: ['kernel', 'model', 'store/shared'], typesOf: ['control/ports.ts'], packages: ['kysely'], may: ['sqlite'] },
  'store/postgres': { standsOn: ['kernel', 'model', 'store/shared'], typesOf: ['control/ports.ts'], packages: ['kysely', 'pg'] },
  host: {
    standsOn: ['kernel'],
    packages: [
      '@cedar-policy/cedar-wasm',
      '@simplewebauthn/server',
      '@peculiar/x509',
      'jose',
      'pino',
      'prom-client',
      'reflect-metadata',
      'zod',
    ],
    may: everyPower,
  },
  'gateways/shared': { standsOn: ['kernel', 'model', 'control'], may: ['sockets', 'secrets'] },
  'gateways/http': gatewayFloor,
  'gateways/postgres': gatewayFloor,
  'gateways/mcp': gatewayFloor,
  'gateways/modbus': gatewayFloor,
  'gateways/ssh': gatewayFloor,
  wire: { standsOn: ['kernel'], packages: ['zod'] },
  api: { standsOn: ['kernel', 'model', 'wire', 'control'], packages: ['fastify', 'zod'], may: ['sockets'] },
  sdk: { standsOn: ['wire'], may: ['sockets', 'timers'] },
  cli: {
    standsOn: ['sdk'],
    packages: ['commander', 'yaml'],
    may: ['clock', 'timers', 'environment', 'files', 'sockets', 'processes', 'terminal'],
  },
  main: { standsOn: ['*'], packages: ['*'], may: everyPower },
}

/** Builtins that any floor may use: they compute, and touch nothing. */
const pureBuiltins = new Set([
  'assert',
  'assert/strict',
  'async_hooks',
  'buffer',
  'crypto',
  'diagnostics_channel',
  'events',
  'path',
  'path/posix',
  'punycode',
  'querystring',
  'stream',
  'stream/promises',
  'stream/web',
  'string_decoder',
  'url',
  'util',
  'util/types',
  'zlib',
])

const builtinPowers: Readonly<Record<string, Power>> = {
  child_process: 'processes',
  cluster: 'processes',
  dgram: 'sockets',
  dns: 'sockets',
  'dns/promises': 'sockets',
  fs: 'files',
  'fs/promises': 'files',
  http: 'sockets',
  http2: 'sockets',
  https: 'sockets',
  inspector: 'machine',
  module: 'machine',
  net: 'sockets',
  os: 'environment',
  perf_hooks: 'clock',
  process: 'environment',
  readline: 'terminal',
  'readline/promises': 'terminal',
  sqlite: 'sqlite',
  timers: 'timers',
  'timers/promises': 'timers',
  tls: 'sockets',
  tty: 'terminal',
  v8: 'machine',
  vm: 'machine',
  worker_threads: 'threads',
}

/** What needs no import. Methods of the same name on something handed in are not meant. */
const uses: readonly { readonly power: Power; readonly what: string; readonly pattern: RegExp }[] = [
  {
    power: 'clock',
    what: 'the clock',
    pattern:
      /\bDate\s*\.\s*now\b|\bnew\s+Date\s*(?:\(\s*\)|(?![\s(\w$]))|(?<![.\w$]|new\s)Date\s*\(\s*\)|(?<![.\w$])performance\s*\.|\bhrtime\b|\bTemporal\s*\.\s*Now\b/g,
  },
  {
    power: 'chance',
    what: 'chance',
    pattern:
      /\bMath\s*\.\s*random\b|\b(?:randomBytes|randomUUID|randomUUIDv7|randomInt|randomFill|randomFillSync|getRandomValues|generateKey|generateKeySync|generateKeyPair|generateKeyPairSync|generatePrime|generatePrimeSync)\b/g,
  },
  {
    power: 'timers',
    what: 'timers',
    pattern: /(?:(?<![.\w$])|\bglobalThis\s*\.\s*)(?:setTimeout|setInterval|setImmediate)\b|\bAbortSignal\s*\.\s*timeout\b/g,
  },
  {
    power: 'environment',
    what: 'the process and its environment',
    pattern: /(?:(?<![.\w$])|\bglobalThis\s*\.\s*)process\s*(?:\?\.|\[|\.(?!\s*nextTick\b))|\bimport\s*\.\s*meta\s*\.\s*env\b/g,
  },
  { power: 'sockets', what: 'the network', pattern: /(?:(?<![.\w$])|\bglobalThis\s*\.\s*)fetch\s*\(|\bnew\s+(?:WebSocket|EventSource)\b/g },
  { power: 'threads', what: 'threads', pattern: /\bnew\s+Worker\b/g },
  { power: 'secrets', what: 'the value of a secret', pattern: /(?<!function\s+)\breveal\s*\(/g },
]

const sourceFile = /^src\/.*\.(?:ts|tsx|mts|js|mjs)$/
const testFile = /\.test\.tsx?$/

/** What the floors forbid, how many files and how many imports were seen. */
export function checkFloors(files: readonly SourceFile[]): { findings: Finding[]; files: number; imports: number } {
  const findings: Finding[] = []
  const own = files.filter((file) => sourceFile.test(file.path))
  let imports = 0
  for (const file of own) {
    const code = blank(file.text)
    const found = findImports(file.text, code)
    imports += found.length
    findings.push(...checkFile(file, code, found))
  }
  if (imports === 0)
    findings.push({
      rule: 'floors/blind',
      path: 'src',
      line: 1,
      says: 'no import was seen at all: the checker, or the folder it looks at, is wrong',
    })
  return { findings, files: own.length, imports }
}

function checkFile(file: SourceFile, code: string, imports: readonly Import[]): Finding[] {
  const name = floorOf(file.path)
  const report = (line: number, rule: string, says: string): Finding => ({ rule: `floors/${rule}`, path: file.path, line, says })
  if (name === undefined) return [report(1, 'folder', `is on no floor: the floors are ${Object.keys(floors).join(', ')}`)]
  // A test stands outside: it may set up real neighbours to try its own file against.
  if (testFile.test(file.path)) return []
  const floor: Floor = floors[name] ?? { standsOn: [] }
  const findings = imports.flatMap((one) => {
    const says = judgeImport(file.path, name, floor, one)
    return says === undefined ? [] : [report(one.line, 'import', says)]
  })
  // The kernel's own file is where secrets are made; it is the door that `reveal(` names.
  const isDoor = file.path === 'src/kernel/secret.ts'
  for (const { power, what, pattern } of uses) {
    if (floor.may?.includes(power) === true || (power === 'secrets' && isDoor)) continue
    for (const match of code.matchAll(pattern)) {
      findings.push(
        report(
          lineAt(code, match.index),
          'power',
          `${name} may not use ${what} (${match[0].trim()}): have it handed in as an argument or a port`,
        ),
      )
    }
  }
  return findings
}

/** Why an import is not allowed, or nothing. */
function judgeImport(path: string, name: string, floor: Floor, { specifier, isType }: Import): string | undefined {
  if (specifier === undefined) return 'imports what cannot be read from the text: use import with one plain string'
  if (specifier.startsWith('.')) return judgeOwn(posix.join(posix.dirname(path), specifier), name, floor, isType)
  if (specifier.startsWith('node:')) return judgeBuiltin(specifier.slice(5), name, floor)
  const packageName = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  const packages = floor.packages ?? []
  if (packages.includes('*') || packages.includes(packageName)) return undefined
  return `${name} may not use the package ${packageName}${packages.length === 0 ? '' : `; it may use ${packages.join(', ')}`}`
}

function judgeOwn(target: string, name: string, floor: Floor, isType: boolean): string | undefined {
  if (testFile.test(target)) return `imports the test ${target}`
  if (floor.standsOn.includes('*')) return undefined
  const other = floorOf(target)
  if (other === undefined) return `imports ${target}, which is on no floor`
  if (other === name || floor.standsOn.includes(other)) return undefined
  const isNamed = floor.typesOf?.some((file) => target === `src/${file}`) === true
  if (isNamed) return isType ? undefined : `may import types alone from ${target}: write import type`
  return `${name} may not import from ${other}; it stands on ${floor.standsOn.length === 0 ? 'nothing' : floor.standsOn.join(', ')}`
}

function judgeBuiltin(builtin: string, name: string, floor: Floor): string | undefined {
  if (pureBuiltins.has(builtin) || floor.standsOn.includes('*')) return undefined
  const power = builtinPowers[builtin]
  if (power === undefined) return `node:${builtin} is on no list: say in tools/floors.ts which power it is`
  return floor.may?.includes(power) === true
    ? undefined
    : `${name} may not use node:${builtin} (${power}): have it handed in as an argument or a port`
}

/** The floor of a path under src: the longest that fits, never src itself. */
export function floorOf(path: string): string | undefined {
  const [top, ...rest] = path.split('/')
  if (top !== 'src' || rest.length < 2) return undefined
  const [first = '', second = ''] = rest
  const two = `${first}/${second}`
  if (two in floors && rest.length > 2) return two
  return first in floors ? first : undefined
}

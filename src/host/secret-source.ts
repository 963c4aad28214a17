/** Secrets that are kept elsewhere, held in memory for at most a minute and read anew in the background. */
import type { Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Secret } from '../kernel/secret.ts'
import { readSecretReference, type SecretReference } from '../kernel/secret-reference.ts'
import type { HostClock } from './clock.ts'

/** What one look-up brought. `why` is for the operator, and holds no secret. */
export type Found =
  | {
      readonly is: 'there'
      readonly secret: Secret /** Shorter than a minute where its keeper says so. */
      readonly goodFor?: Milliseconds
    }
  /** It is not there, or not for us: what was known of it is forgotten at once. */
  | { readonly is: 'refused'; readonly why: string }
  /** Nobody can say: what was known stays until its time is over. */
  | { readonly is: 'unreachable'; readonly why: string }

export type SecretReader = (reference: SecretReference) => Promise<Found>

export interface HostSecretSource {
  follow(gateway: string, references: readonly string[]): void
  current(reference: string): Result<Secret>
  /** Resolves when each one that is followed now was looked up once, or when the time is over. */
  settled(within: Milliseconds): Promise<void>
  close(): void
}

export interface SecretSourceOptions {
  readonly clock: Pick<HostClock, 'now' | 'after'>
  readonly reader: SecretReader
  readonly log: { warn(says: string, facts?: Readonly<Record<string, unknown>>): void }
  /** How long a value is used after it was read; default and most 60 s. */
  readonly goodFor?: Milliseconds
}

const goodForMax: Milliseconds = 60_000
/** Reading a file costs nothing; a server is asked three times before its answer is too old. */
const everyMs: Readonly<Record<SecretReference['kind'], Milliseconds>> = { vault: 20_000, 'server-file': 2_000, 'server-env': 20_000 }
const pauseMin: Milliseconds = 1_000

interface Entry {
  readonly text: string
  readonly reference: SecretReference | undefined
  readonly gateways: Set<string>
  known?: { readonly secret: Secret; readonly until: number }
  /** Failed look-ups in a row. */
  failures: number
  /** What was last told of it, so that it is told once. */
  told?: string
  looking?: Promise<void>
  callOff?: () => void
}

/** Of no reference anything is known here. */
export const noSecrets: HostSecretSource = {
  follow: () => {},
  current: () => refuse('upstream.secret-unavailable'),
  settled: async () => {},
  close: () => {},
}

/** The number of entries is that of the references in the configuration, which has a bound of its own. */
export function makeSecretSource(options: SecretSourceOptions): HostSecretSource {
  const { clock } = options
  const entries = new Map<string, Entry>()
  const look = (entry: Entry): void => {
    if (entry.looking !== undefined || entries.get(entry.text) !== entry) return
    entry.callOff?.()
    entry.looking = lookUp(options, entry).finally(() => {
      delete entry.looking
      if (entries.get(entry.text) === entry) entry.callOff = clock.after(pauseAfter(entry), () => look(entry))
    })
  }
  const drop = (entry: Entry): void => {
    entries.delete(entry.text)
    entry.callOff?.()
    delete entry.known
  }
  return {
    follow(gateway, references) {
      const wanted = new Set(references)
      for (const entry of [...entries.values()]) {
        if (wanted.has(entry.text) || !entry.gateways.delete(gateway)) continue
        if (entry.gateways.size === 0) drop(entry)
      }
      for (const text of wanted) {
        const entry: Entry = entries.get(text) ?? { text, reference: readSecretReference(text), gateways: new Set(), failures: 0 }
        entry.gateways.add(gateway)
        if (entries.has(text)) continue
        entries.set(text, entry)
        look(entry)
      }
    },
    current(reference) {
      const entry = entries.get(reference)
      const known = entry?.known
      if (known !== undefined && clock.now() < known.until) return done(known.secret)
      return refuse('upstream.secret-unavailable')
    },
    async settled(within) {
      let callOff = () => {}
      const over = new Promise<void>((resolve) => {
        callOff = clock.after(within, resolve)
      })
      await Promise.race([over, Promise.all([...entries.values()].map(({ looking }) => looking ?? Promise.resolve()))])
      callOff()
    },
    close() {
      for (const entry of [...entries.values()]) drop(entry)
    },
  }
}

/** Often enough to see a change soon; after failures a second later, then two, four … */
function pauseAfter({ reference, failures, known }: Entry): Milliseconds {
  const usual = reference === undefined ? goodForMax : everyMs[reference.kind]
  if (failures === 0 && known !== undefined) return usual
  return Math.min(usual, pauseMin * 2 ** Math.min(failures - 1, 6))
}

/** Never rejects. */
async function lookUp(options: SecretSourceOptions, entry: Entry): Promise<void> {
  const { clock, reader, log, goodFor = goodForMax } = options
  // The time runs from before the question: the answer was true at some moment after it.
  const asked = clock.now()
  const found = entry.reference === undefined ? refused('it is not a reference') : await reader(entry.reference).catch(unreadable)
  if (found.is === 'there') {
    entry.known = { secret: found.secret, until: asked + Math.min(goodFor, goodForMax, found.goodFor ?? goodForMax) }
    entry.failures = 0
    delete entry.told
    return
  }
  entry.failures += 1
  if (found.is === 'refused') delete entry.known
  if (entry.told === found.why) return
  entry.told = found.why
  log.warn('a secret of an upstream cannot be looked up', { reference: entry.text, why: found.why })
}

export function refused(why: string): Found {
  return { is: 'refused', why }
}

export function unreachable(why: string): Found {
  return { is: 'unreachable', why }
}

/** The code of a system's error is told; its message may quote what it could not read. */
function unreadable(thrown: unknown): Found {
  return unreachable(codeOf(thrown))
}

export function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : 'it failed'
}

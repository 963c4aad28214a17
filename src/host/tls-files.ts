/** TLS with a certificate and a key of the operator's own, read again when their files change. */
import type { X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { every } from '../kernel/every.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { HostClock } from './clock.ts'
import { codeOf } from './secret-source.ts'
import { contextOf, isPair, readCertificate, readKey, Renewable, spanOf, timeFlaw, type TlsLog, type TlsMaterial } from './tls-material.ts'

export interface TlsFilesOptions {
  /** PEM: the listener's own certificate first, then those between it and its authority. */
  readonly certificate: string
  /** PEM, without a passphrase. */
  readonly key: string
  readonly clock: Pick<HostClock, 'after'>
  readonly log: TlsLog
  /** UTC milliseconds as clients have them too. */
  readonly wall?: () => Instant
}

const bytesMax = 262_144
const lookEvery: Milliseconds = 5_000
const warnBefore: Milliseconds = 7 * 86_400_000

interface Loaded {
  readonly cert: string
  readonly key: string
  readonly leaf: X509Certificate
}

/**
 * Reads both files, and looks at them every 5 seconds from then on: a new pair is taken whole, a broken one is told and the one before
 * stays in use. Refuses `tls.unusable`, saying which file and why.
 */
export async function openTlsFiles(options: TlsFilesOptions): Promise<Result<TlsMaterial>> {
  const { clock, log, wall = Date.now } = options
  let seen = await marksOf(options)
  const first = await load(options, wall())
  if (typeof first === 'string') return refuse('tls.unusable', { detail: first })
  const renewable = new Renewable(contextOf(first.cert, first.key))
  const watch = new EndWatch(log)
  watch.look(first.leaf, wall())
  let leaf = first.leaf
  /** What was wrong the last time: a pair that is just being replaced is no fault yet. */
  let flaw: string | undefined
  let isTold = false
  const look = async () => {
    watch.look(leaf, wall())
    const marks = await marksOf(options)
    if (marks === seen && flaw === undefined) return
    const loaded = await load(options, wall())
    if (typeof loaded !== 'string') {
      const isNew = loaded.cert !== renewable.context.cert || loaded.key !== renewable.context.key
      ;({ leaf } = loaded)
      if (isNew) renewable.renew(contextOf(loaded.cert, loaded.key))
      if (isNew) log.info('the certificate of the listeners was read anew', { endsAt: leaf.validToDate.toISOString() })
      flaw = undefined
      isTold = false
    } else {
      if (flaw === loaded && !isTold) {
        log.error('the new certificate or key cannot be used; the one before stays', { why: loaded })
        isTold = true
      } else if (flaw !== loaded) isTold = false
      flaw = loaded
    }
    seen = marks
  }
  const stop = every(clock, lookEvery, () =>
    look().catch((error: unknown) => log.error('the files of the certificate cannot be looked at', { error })),
  )
  return done({
    context: () => renewable.context,
    onRenewed: (listener) => renewable.listen(listener),
    close: stop,
  })
}

/** Says once that the end is near, and once that it has come. */
class EndWatch {
  readonly #log: TlsLog
  #told = ''

  constructor(log: TlsLog) {
    this.#log = log
  }

  look(leaf: X509Certificate, now: Instant): void {
    const { to } = spanOf(leaf)
    const state = now >= to ? 'has ended' : to - now < warnBefore ? 'ends soon' : ''
    const told = `${state} ${to}`
    if (state === '' || told === this.#told) return
    this.#told = told
    const level = state === 'has ended' ? 'error' : 'warn'
    this.#log[level](`the certificate of the listeners ${state}`, { endsAt: new Date(to).toISOString() })
  }
}

/** Changes when either file does, also when a link is turned to another. */
async function marksOf({ certificate, key }: TlsFilesOptions): Promise<string> {
  const marks = await Promise.all(
    [certificate, key].map((path) => stat(path).then(({ ino, size, mtimeMs }) => `${ino} ${size} ${mtimeMs}`, codeOf)),
  )
  return marks.join()
}

/** The pair, or a sentence that names the file and what is wrong with it. */
async function load(paths: TlsFilesOptions, now: Instant): Promise<Loaded | string> {
  const cert = await readPem(paths.certificate)
  if (typeof cert !== 'string') return cert.flaw
  const key = await readPem(paths.key)
  if (typeof key !== 'string') return key.flaw
  const { mode } = await stat(paths.key)
  if ((mode & 0o007) !== 0) return `${paths.key} may be read by everybody: run chmod o-rwx on it`
  const leaf = readCertificate(cert)
  if (leaf === undefined) return `${paths.certificate} does not begin with a certificate (PEM)`
  const privateKey = readKey(key)
  if (privateKey === undefined) return `${paths.key} does not hold a private key (PEM, without a passphrase)`
  if (!isPair(leaf, privateKey)) return `${paths.key} is not the key of the first certificate in ${paths.certificate}`
  if (leaf.ca) return `${paths.certificate} begins with the certificate of an authority; the listener's own comes first`
  const flaw = timeFlaw(leaf, now)
  return flaw === undefined ? { cert, key, leaf } : `${paths.certificate} ${flaw}`
}

async function readPem(path: string): Promise<string | { readonly flaw: string }> {
  const text = await readFile(path, 'utf8').catch(codeOf)
  if (!text.includes('-----BEGIN ')) return { flaw: `${path} ${/^E[A-Z]+$/.test(text) ? `cannot be read (${text})` : 'is not PEM'}` }
  return text.length > bytesMax ? { flaw: `${path} is too large` } : text
}

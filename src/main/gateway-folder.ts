/** The data folder of `remit gateway`: its keys, who it was told to be, and enrolling where nobody told it yet. */
import { createHash, type KeyObject } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ControlAt } from '../cli/house.ts'
import { journalName } from '../control/gateways.ts'
import { enrolBytesMax, type EnrolRequest, readEnrolCode } from '../feed/enrolment.ts'
import { parseEnrolAnswer } from '../feed/parse-enrolment.ts'
import { type KeptEnrolment, parseKeptEnrolment, parseKeptEpoch } from '../feed/parse-kept-enrolment.ts'
import { askAsStranger, findAuthority } from '../host/feed-dial.ts'
import { certificateRequest, keyHash, loadOrMakeFeedKey } from '../host/feed-key.ts'
import { type HostSigner, loadOrMakeSigner, readKeyFile, writeKeyFile } from '../host/key-files.ts'
import { isFresh, isPair, readCertificate, spanOf } from '../host/tls-material.ts'
import { canonicalJson } from '../kernel/json.ts'
import type { Instant } from '../kernel/instants.ts'
import { describeRefusal, refusals, refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { makeVkey } from '../ledger/note.ts'
import { StoreLock } from '../store/sqlite/lock.ts'
import { orThrow } from './or-throw.ts'

const enrolmentFile = 'enrolment.json'
const epochFile = 'epoch.json'
const answerMs = 10_000

export class GatewayFolder {
  readonly keys: string
  readonly journal: string
  readonly #key: KeyObject
  readonly #signer: HostSigner
  readonly #lock: StoreLock
  #enrolment: KeptEnrolment | undefined

  private constructor(path: string, parts: { readonly key: KeyObject; readonly signer: HostSigner; readonly lock: StoreLock }) {
    this.keys = join(path, 'keys')
    this.journal = join(path, 'journal')
    this.#key = parts.key
    this.#signer = parts.signer
    this.#lock = parts.lock
  }

  /** Makes the folder where it is missing, for its owner alone, and keeps other processes off. Throws a sentence for a person. */
  static async open(path: string): Promise<GatewayFolder> {
    const keys = join(path, 'keys')
    for (const each of [path, keys]) await mkdir(each, { recursive: true, mode: 0o700 })
    const lock = orThrow(StoreLock.take(join(path, 'lock'), `process ${process.pid}`))
    try {
      const key = orThrow(await loadOrMakeFeedKey(keys))
      const signer = orThrow(await loadOrMakeSigner(keys, 'journal', journalName(keyHash(key))))
      const folder = new GatewayFolder(path, { key, signer, lock })
      const kept = await readKeyFile(join(keys, enrolmentFile))
      if (kept !== undefined) folder.#enrolment = orThrow(parseKeptEnrolment(orThrow(kept)))
      return folder
    } catch (cause) {
      lock.release()
      throw cause
    }
  }

  get enrolment(): KeptEnrolment | undefined {
    return this.#enrolment
  }

  /** Signs its journal. */
  get signer(): HostSigner {
    return this.#signer
  }

  /** What it shows control now. PEM. */
  identity(): { readonly certificate: string; readonly key: string } {
    if (this.#enrolment === undefined) throw new Error('nobody has told this gateway who it is')
    return { certificate: this.#enrolment.certificate, key: this.#key.export({ format: 'pem', type: 'pkcs8' }).toString() }
  }

  /**
   * Asks for another certificate once two thirds of the time of this one are over. Answers whether there is a new one; what is none for
   * its key, from its authority, does not take the place of the one it has.
   */
  async renew(now: Instant, ask: (request: string) => Promise<Result<string>>): Promise<Result<boolean>> {
    const enrolment = this.#enrolment
    if (enrolment === undefined) throw new Error('nobody has told this gateway who it is')
    if (isFresh(enrolment.certificate, now)) return done(false)
    const given = await ask(certificateRequest(this.#key))
    if (!given.ok) return given
    const [certificate, authority] = [readCertificate(given.value), readCertificate(enrolment.authority)]
    const isOurs =
      certificate !== undefined && authority !== undefined && isPair(certificate, this.#key) && certificate.verify(authority.publicKey)
    if (!isOurs) return refuse('tls.unusable', { detail: 'control gave a certificate that is not for this gateway' })
    await this.#keep({ ...enrolment, certificate: given.value })
    return done(true)
  }

  /** Why control would not take what it shows, and what is to be done: a sentence for a person. Nothing while its certificate is in its time. */
  whyNotTaken(now: Instant): string | undefined {
    const certificate = this.#enrolment === undefined ? undefined : readCertificate(this.#enrolment.certificate)
    if (this.#enrolment === undefined || certificate === undefined) return undefined
    const { from, to } = spanOf(certificate)
    const { name, gateway } = this.#enrolment.self
    if (now < from) return `the certificate of this gateway is not valid before ${new Date(from).toISOString()}: set this machine's clock`
    if (now < to) return undefined
    return (
      `the certificate of this gateway ended on ${new Date(to).toISOString()}, since it was not connected for so long. Unless this machine's clock ` +
      `is wrong, it is to be invited anew: remit gateways remove ${name} --reason "it was off", then remit gateways invite ${name} --gateway ${gateway}; ` +
      'start it with the code that this prints, and with another --data'
    )
  }

  /** The newest epoch that control was in; an earlier one is a control that was left behind. */
  async epochSeen(): Promise<number> {
    const kept = await readKeyFile(join(this.keys, epochFile))
    return kept === undefined ? 0 : orThrow(parseKeptEpoch(orThrow(kept)))
  }

  async saw(epoch: number): Promise<void> {
    await writeKeyFile(this.keys, epochFile, `${canonicalJson({ epoch })}\n`)
  }

  /**
   * Enrols with the code at the first control that answers. A folder that was enrolled with this code before is as it was; with another
   * one it is refused, since its key belongs to who it was.
   */
  async enrol(text: string, addresses: readonly ControlAt[]): Promise<KeptEnrolment> {
    const code = readEnrolCode(text)
    if (code === undefined) throw new Error('this is no code of remit gateways invite: it begins with gwc_, and is used whole')
    const hash = createHash('sha256').update(text).digest('hex')
    const known = this.#enrolment
    if (known !== undefined) {
      if (known.code === hash) return known
      throw new Error(`this folder is that of the gateway ${known.self.name}, enrolled by another code; give --data another one`)
    }
    const request: EnrolRequest = {
      type: 'enrol',
      code: code.secret,
      request: certificateRequest(this.#key),
      journal: makeVkey(this.#signer.name, this.#signer.publicKey),
    }
    const failures: string[] = []
    for (const address of addresses) {
      const answer = await ask(address, code.fingerprint, canonicalJson(request)).catch((error: unknown) => {
        failures.push(error instanceof Error ? error.message : 'control cannot be reached')
        return undefined
      })
      if (answer === undefined) continue
      const read = orThrow(parseEnrolAnswer(answer.text))
      if (read.type === 'refused') throw new Error(`${describeRefusal({ code: read.code })}; ${refusals[read.code].remedy}`)
      const { type: _type, certificate, ...self } = read
      return this.#keep({ self, code: hash, authority: answer.authority, certificate })
    }
    throw new Error(failures.join('; '))
  }

  close(): void {
    this.#lock.release()
  }

  async #keep(enrolment: KeptEnrolment): Promise<KeptEnrolment> {
    await writeKeyFile(this.keys, enrolmentFile, `${canonicalJson(enrolment)}\n`)
    this.#enrolment = enrolment
    return enrolment
  }
}

async function ask(
  address: ControlAt,
  fingerprint: string,
  message: string,
): Promise<{ readonly text: string; readonly authority: string }> {
  const authority = await findAuthority(address, fingerprint)
  const limits = { messageBytesMax: enrolBytesMax, waitingBytesMax: enrolBytesMax, silenceMs: answerMs }
  return { text: await askAsStranger(address, authority, { message, limits }), authority }
}

/** `remit gateway`: a gateway on a machine of its own, from a data folder, until it is told to stop. It opens no database. */
import { resolve } from 'node:path'
import type { GatewayNews, GatewayOptions } from '../cli/house.ts'
import { Journal } from '../control/journal.ts'
import { FedGateway } from '../feed/fed-gateway.ts'
import { messageBytesMax, waitingBytesMax } from '../feed/link.ts'
import { leaseMs } from '../feed/messages.ts'
import type { KeptEnrolment } from '../feed/parse-kept-enrolment.ts'
import { makeChance } from '../host/chance.ts'
import { type HostClock, makeClock } from '../host/clock.ts'
import { makeDial } from '../host/feed-dial.ts'
import { openJournalFiles } from '../host/journal-files.ts'
import { type Log, makeLog } from '../host/logs.ts'
import { makeTokenReader } from '../host/token-mint.ts'
import { every } from '../kernel/every.ts'
import { type Authz, openAuthz } from './authz.ts'
import { GatewayFolder } from './gateway-folder.ts'
import { type Gateways, openGateways } from './gateways.ts'
import { orThrow } from './or-throw.ts'
import { prepareTls, type Reached } from './secrecy.ts'
import { untilAborted } from './until-aborted.ts'
import { version } from './version.ts'

const silenceMs = 3 * leaseMs
const lookEvery = 100
const renewLookEvery = 60_000

/** Runs until the signal. Throws a sentence for a person when it cannot start. */
export async function gateway(options: GatewayOptions): Promise<void> {
  const log = makeLog({ level: 'warn' })
  process.umask(0o077)
  const folder = await GatewayFolder.open(resolve(options.data))
  try {
    const enrolment = await enrolled(folder, options)
    const clock = makeClock({ floor: 0 })
    const reached = await prepareTls(options, folder.keys, { clock, log })
    try {
      await serve(folder, enrolment, { ...options, clock, reached, log })
    } finally {
      reached.tls?.close()
    }
  } finally {
    folder.close()
  }
}

async function enrolled(folder: GatewayFolder, { enrol, control }: GatewayOptions): Promise<KeptEnrolment> {
  if (enrol !== undefined) return folder.enrol(enrol, control)
  if (folder.enrolment === undefined)
    throw new Error('this gateway is not enrolled; give --enrol with the code that remit gateways invite prints')
  return folder.enrolment
}

type Serving = GatewayOptions & { readonly clock: HostClock; readonly reached: Reached; readonly log: Log }

async function serve(folder: GatewayFolder, { self, authority }: KeptEnrolment, options: Serving): Promise<void> {
  const { clock, log, signal } = options
  const [first, ...others] = options.control
  if (first === undefined) throw new Error('a gateway has to know where control is')
  const chance = makeChance()
  const alarm = (says: string, cause: unknown) => log.error(says, cause === undefined ? {} : { error: cause })
  const journal = orThrow(
    await Journal.open({
      signer: folder.signer,
      disk: await openJournalFiles(folder.journal),
      clock,
      onFailure: (cause) => alarm('the journal stopped recording, and everything is refused; mend its disk, then start again', cause),
    }),
  )
  const epochSeen = await folder.epochSeen()
  const dial = makeDial({
    addresses: [first, ...others],
    authority,
    identity: () => folder.identity(),
    limits: { messageBytesMax, waitingBytesMax, silenceMs },
  })
  const fed = new FedGateway({
    self,
    dial: () => {
      // Said here, since control can only turn it away. It is tried again: a clock may be set right.
      const why = folder.whyNotTaken(Date.now())
      return why === undefined ? dial() : Promise.reject(new Error(why))
    },
    clock,
    monotonic: () => performance.now(),
    chance,
    journal,
    makeTokenReader,
    software: version,
    epochSeen,
    onWelcome: ({ epoch }) => {
      if (epoch > epochSeen) void folder.saw(epoch).catch((error: unknown) => alarm('the epoch could not be kept', error))
    },
    alarm,
  })
  const news = new News(fed, self, options)
  // Nothing else keeps the process alive while it waits for control.
  const alive = setInterval(() => {}, 2 ** 30)
  const stopLooking = every(clock, lookEvery, () => news.look())
  const stopRenewing = every(clock, renewLookEvery, () => renew(folder, fed, log))
  try {
    fed.start()
    await Promise.race([untilAborted(signal), news.failed])
  } finally {
    clearInterval(alive)
    stopLooking()
    stopRenewing()
    // What is under way may end; then the link goes, with everything that the journal still has to tell.
    await news.close()
    await fed.close()
    await journal.close()
  }
}

/** Over the link, before the old one has run out. Without control it is tried again at the next look. */
async function renew(folder: GatewayFolder, fed: FedGateway, log: Log): Promise<void> {
  if (fed.state().link !== 'following') return
  const renewed = await folder.renew(Date.now(), (request) => fed.renewCertificate(request))
  if (!renewed.ok) log.warn('the certificate could not be renewed', { code: renewed.refusal.code, detail: renewed.refusal.detail })
}

/** What whoever looks after it hears: that it serves, that control was lost, that it is back. The ports are opened with the first facts. */
class News {
  readonly failed: Promise<never>
  readonly #fed: FedGateway
  readonly #self: KeptEnrolment['self']
  readonly #options: Serving
  readonly #fail: (cause: unknown) => void
  #gateways: Gateways | undefined
  #authz: Authz | undefined
  #opening: Promise<void> | undefined
  #isHeld: boolean | undefined
  #told = ''

  constructor(fed: FedGateway, self: KeptEnrolment['self'], options: Serving) {
    this.#fed = fed
    this.#self = self
    this.#options = options
    const failed = Promise.withResolvers<never>()
    failed.promise.catch(() => undefined)
    this.failed = failed.promise
    this.#fail = failed.reject
  }

  async look(): Promise<void> {
    const { link, leaseLeft, lastEnd, node } = this.#fed.state()
    const isHeld = leaseLeft > 0
    const from = node === undefined ? {} : { node }
    if (isHeld && link === 'following' && this.#gateways === undefined) await (this.#opening ??= this.#open())
    if (this.#gateways !== undefined) {
      const services = this.#services()
      const told = JSON.stringify(services)
      if (told !== this.#told) {
        // Control first: whoever hears that it is up may ask there where.
        this.#fed.serves(services)
        this.#tell({ news: this.#told === '' ? 'ready' : 'services', ...this.#self, ...from, services, ...this.#more() })
      } else if (isHeld && this.#isHeld === false) this.#tell({ news: 'back', ...from })
      else if (!isHeld && this.#isHeld === true) this.#tell({ news: 'lost', why: lastEnd ?? 'control says nothing' })
      this.#told = told
    } else if (lastEnd !== undefined && this.#isHeld === undefined) {
      this.#tell({ news: 'waiting', why: lastEnd })
      this.#isHeld = false
      return
    }
    if (this.#gateways !== undefined) this.#isHeld = isHeld
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => undefined)
    await this.#authz?.close()
    await this.#gateways?.close()
  }

  #tell(news: GatewayNews): void {
    this.#options.onNews(news)
  }

  #more() {
    const { authority, warnings } = this.#options.reached
    const authz = this.#authz === undefined ? {} : { authz: this.#authz.url }
    return { ...authz, ...(authority === undefined ? {} : { authority }), warnings: [...(this.#authz?.warnings ?? []), ...warnings] }
  }

  #services() {
    return Object.entries(this.#gateways?.urls() ?? {}).map(([service, url]) => ({ service, url }))
  }

  async #open(): Promise<void> {
    const { host, reached, log } = this.#options
    const { clock } = this.#fed
    const control = this.#fed.control()
    const pagesOrigin = () => this.#fed.gate.pages().origin
    try {
      this.#authz = await openAuthz(this.#options, { control, clock, log, reached })
      const agentDesk = this.#fed.agentDesk()
      this.#gateways = await openGateways({ control, clock, log, host, names: this.#options.names, reached, pagesOrigin, agentDesk })
    } catch (cause) {
      this.#fail(cause)
    }
  }
}

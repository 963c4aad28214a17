/** The clients and people of a run: they start grants, keep streams open, hurry where uses are counted, answer, and stop what must stop. */
import { completeGrant, revokeGrant } from '../../../src/control/end-grant.ts'
import { exchangeToken, tokenTypes } from '../../../src/control/exchange-token.ts'
import { gatewayAudience } from '../../../src/control/identify.ts'
import { revokeSecret } from '../../../src/control/credentials.ts'
import { proposeChange } from '../../../src/control/change-sets.ts'
import { quarantine } from '../../../src/control/quarantine.ts'
import { requestGrant } from '../../../src/control/request-grant.ts'
import { activateGrant } from '../../../src/control/work-window.ts'
import { mustBe, type Result } from '../../../src/kernel/result.ts'
import { parseId } from '../../../src/kernel/ids.ts'
import { reveal } from '../../../src/kernel/secret.ts'
import { documentOf, gatewayOfService, machineNames, operator, type ServiceName } from './configuration.ts'
import type { ControlNode } from './control-node.ts'
import type { Answer, Sent } from './door.ts'
import type { Machines } from './machines.ts'
import { Unanswered } from './network.ts'
import { answerAs, personAt } from './people.ts'
import type { Act, Scenario, StopHow } from './scenario.ts'
import { callerAs } from './template.ts'

const here = '127.0.0.1'
const answerers = ['ben', 'cyd', 'eva'] as const
const triesMax = 12

interface Client {
  readonly id: string
  readonly actor: string
  readonly scope: readonly string[]
  isActive: boolean
  readonly tokens: Map<string, string>
}

type Doing<W extends Act['what']> = Extract<Act, { readonly what: W }>

export class Workload {
  readonly #machines: Machines
  readonly #scenario: Scenario
  readonly #clients = new Map<number, Client>()
  #n = 0
  #served = 0

  constructor(machines: Machines, scenario: Scenario) {
    this.#machines = machines
    this.#scenario = scenario
    for (const [place, { id, chain, scope }] of machines.template.grants.entries())
      this.#take(place, { id, actor: chain[0] ?? '', scope, isActive: false })
  }

  begin(): void {
    const { schedule } = this.#machines
    for (const act of this.#scenario.acts) {
      schedule.at(act.at, () => {
        schedule.say(`act ${JSON.stringify(act)}`)
        void this.#do(act).catch((cause: unknown) => {
          if (cause instanceof Unanswered) schedule.say('unanswered')
          else throw cause
        })
      })
    }
    // Once everything is mended, one look through every gateway must succeed again.
    schedule.at(this.#scenario.troubleMs + 13_000, () => void this.#lookEverywhere())
  }

  /** What must work when nothing is broken any more. */
  checkAtRest(): void {
    this.#machines.counts.add('look at rest', this.#served)
  }

  #take(place: number, client: Omit<Client, 'tokens'>): void {
    this.#clients.set(place, { ...client, tokens: new Map() })
    for (const line of client.scope) {
      const [operation = '', uses] = line.split(',uses=')
      if (uses !== undefined) this.#machines.outside.limit(client.id, operation, Number(uses))
    }
  }

  async #do(act: Act): Promise<void> {
    switch (act.what) {
      case 'start':
        return this.#start(act.grant, act.via)
      case 'ask':
        return this.#ask(act)
      case 'stream':
        return this.#stream(act)
      case 'burst':
        return this.#burst(act)
      case 'held':
        return this.#held(act)
      case 'stop':
        return this.#stop(act)
      case 'book':
        return this.#book(act)
    }
  }

  /** Something asked of a control node, over the network. */
  #at<T>(via: number, work: (node: ControlNode) => Promise<T>): Promise<T> {
    const { network, controlNames } = this.#machines
    const machine = this.#machines.machine(controlNames[via] ?? 'control-1')
    return network.call(undefined, machine, () => {
      const node = this.#machines.control(via)
      return node === undefined ? Promise.reject(new Unanswered()) : work(node)
    })
  }

  #secretOf(actor: string): string {
    return this.#machines.template.secrets.get(actor) ?? ''
  }

  async #start(place: number, via: number): Promise<void> {
    const client = this.#clients.get(place)
    const id = parseId('grn', client?.id ?? '')
    if (client === undefined || !id.ok || client.isActive) return
    const active = await this.#at(via, async ({ desk }) => {
      const caller = await callerOrNothing(desk, this.#secretOf(client.actor))
      return caller === undefined ? undefined : activateGrant(desk, caller, id.value)
    })
    client.isActive = active?.ok === true
    this.#machines.schedule.say(`started ${client.id}: ${told(active)}`)
  }

  async #ask({ grant, via, actor, scope, duration }: Doing<'ask'>): Promise<void> {
    const name = machineNames[actor] ?? 'bot'
    const asked = await this.#at(via, async ({ desk }) => {
      const caller = await callerOrNothing(desk, this.#secretOf(name))
      return caller === undefined ? undefined : requestGrant(desk, caller, { task: 'work', statement: 'because', scope, duration })
    })
    if (asked?.ok !== true) return
    this.#take(grant, { id: asked.value.id, actor: name, scope, isActive: false })
    await this.#start(grant, via)
  }

  async #token(client: Client, gateway: string, via: number): Promise<string | undefined> {
    const known = client.tokens.get(gateway)
    if (known !== undefined) return known
    const exchanged = await this.#at(via, ({ desk }) =>
      exchangeToken(desk, {
        subjectToken: this.#secretOf(client.actor),
        subjectTokenType: tokenTypes.secret,
        address: here,
        audience: gatewayAudience(desk.space, gateway),
        grant: client.id,
      }),
    )
    if (!exchanged.ok) {
      this.#machines.schedule.say(`no token: ${told(exchanged)}`)
      return undefined
    }
    const token = reveal(exchanged.value.token)
    client.tokens.set(gateway, token)
    return token
  }

  /** Sends one action through a gateway process; nothing where that does not answer. */
  async #send(place: number, sent: Omit<Sent, 'n'>): Promise<(Answer & { readonly n: number }) | undefined> {
    const { network } = this.#machines
    const at = this.#machines.door(place)
    if (at === undefined) return undefined
    this.#n += 1
    const n = this.#n
    const answer = await network
      .call(undefined, at.machine, () => at.door.act({ ...sent, n }))
      .catch((cause: unknown) => {
        if (cause instanceof Unanswered) return undefined
        throw cause
      })
    if (answer !== undefined) {
      this.#machines.counts.add(`answer: ${answer.outcome}`)
      this.#machines.schedule.say(`answered ${n} ${JSON.stringify(answer)}`)
    }
    return answer === undefined ? undefined : { ...answer, n }
  }

  #what(client: Client, operation: number, gateway: string): { readonly service: ServiceName; readonly operation: string } | undefined {
    const fitting = client.scope.flatMap((line) => {
      const [service = '', name = ''] = (line.split(',')[0] ?? '').split('/')
      return isService(service) && gatewayOfService[service] === gateway ? [{ service, operation: name }] : []
    })
    return fitting[operation % Math.max(1, fitting.length)]
  }

  async #stream({ grant, gateway: place, operation, via, lasts, every }: Doing<'stream'>): Promise<void> {
    const { schedule } = this.#machines
    const client = this.#clients.get(grant)
    const until = schedule.now + lasts
    for (let tries = 0; tries < triesMax && schedule.now < until; tries += 1) {
      const at = this.#machines.door(place)
      const what = client === undefined || at === undefined ? undefined : this.#what(client, operation, at.gateway)
      if (client?.isActive === true && at !== undefined && what !== undefined) {
        const token = await this.#token(client, at.gateway, via).catch(() => undefined)
        const sent =
          token === undefined
            ? undefined
            : await this.#send(place, { token, grant: client.id, actor: client.actor, ...what, body: '', isStream: true })
        if (sent?.outcome === 'open') await this.#pour(place, sent.n, { until, every })
      }
      await schedule.wait(150 + this.#machines.dice.below(700))
    }
  }

  /** Byte after byte, until it is cut or done. */
  async #pour(place: number, n: number, { until, every }: { readonly until: number; readonly every: number }): Promise<void> {
    const { schedule } = this.#machines
    for (;;) {
      await schedule.wait(every)
      const at = this.#machines.door(place)
      if (at === undefined || !at.door.open.has(n)) return
      if (schedule.now >= until) {
        at.machine.receive(() => at.door.end(n))
        return
      }
      at.machine.receive(() => at.door.chunk(n))
    }
  }

  /** Several of one counted action, through every gateway that has it, nearly at once. */
  async #burst({ grant, operation, times, within, via }: Doing<'burst'>): Promise<void> {
    const client = this.#clients.get(grant)
    if (client?.isActive !== true) return
    const { dice, schedule } = this.#machines
    const all: Promise<unknown>[] = []
    for (let count = 0; count < times; count += 1) {
      const place = dice.below(this.#scenario.gateways.length + 1)
      const gateway = this.#machines.door(place)?.gateway
      const what = gateway === undefined ? undefined : this.#what(client, operation, gateway)
      if (gateway === undefined || what === undefined) continue
      const wait = dice.below(within)
      all.push(
        (async () => {
          await schedule.wait(wait)
          const token = await this.#token(client, gateway, via)
          if (token !== undefined)
            await this.#send(place, { token, grant: client.id, actor: client.actor, ...what, body: `${count}`, isStream: false })
        })(),
      )
    }
    await Promise.all(all)
  }

  /** An action that people are asked about; whoever was held comes back, and once more than was approved. */
  async #held({ grant, gateway: place, answers, decision, via }: Doing<'held'>): Promise<void> {
    const { schedule, dice, outside } = this.#machines
    const client = this.#clients.get(grant)
    const gateway = this.#machines.door(place)?.gateway
    if (client?.isActive !== true || gateway === undefined || gatewayOfService.plant !== gateway) return
    const token = await this.#token(client, gateway, via)
    if (token === undefined) return
    const body = `held ${dice.below(1_000_000)}`
    const sent = { token, grant: client.id, actor: client.actor, service: 'plant', operation: 'restart', body, isStream: false }
    const first = await this.#send(place, sent)
    if (first?.outcome !== 'held') return
    await schedule.wait(answers)
    const answered = await this.#at(via, ({ desk }) => {
      // Control counts it from the moment in which it is kept.
      if (decision === 'approve') outside.approved(client.id, body)
      return answerAs(desk, dice.pick(answerers), first.hold, decision)
    })
    schedule.say(`people said ${decision}: ${told(answered)}`)
    // Through every process of that gateway at once, twice.
    const again: Promise<unknown>[] = []
    for (const [other, [, name]] of this.#scenario.gateways.entries()) {
      if (name !== gateway) continue
      again.push(this.#send(other, sent), this.#send(other, sent))
    }
    await Promise.all(again)
  }

  async #stop({ grant, how, via }: Doing<'stop'>): Promise<void> {
    const client = this.#clients.get(grant)
    if (client === undefined) return
    const { schedule, outside } = this.#machines
    await this.#at(via, async (node) => {
      const stopped = await this.#stopAt(node, client, how)
      if (stopped !== undefined) {
        outside.stopped(stopped, `${how} at ${schedule.now.toFixed(1)}`)
        this.#pressOn(client)
      }
    })
  }

  /** The grants of which control says that they have stopped everywhere. */
  async #stopAt({ desk }: ControlNode, client: Client, how: StopHow): Promise<readonly string[] | undefined> {
    const { schedule, outside } = this.#machines
    const id = mustBe(parseId('grn', client.id))
    switch (how) {
      case 'revoke': {
        const revoked = await revokeGrant(desk, personAt(desk, operator), id, 'stop')
        schedule.say(`revoke ${client.id}: ${told(revoked)}`)
        return revoked.ok ? [client.id] : undefined
      }
      case 'done': {
        const caller = await callerOrNothing(desk, this.#secretOf(client.actor))
        const completed = caller === undefined ? undefined : await completeGrant(desk, caller, id, 'done')
        return completed?.ok === true ? [client.id] : undefined
      }
      case 'quarantine': {
        const contained = await quarantine(desk, personAt(desk, operator), client.actor, 'odd')
        schedule.say(`quarantine ${client.actor}: ${told(contained)}`)
        return contained.ok ? contained.value.ended : undefined
      }
      case 'secret': {
        const actor = desk.facts.identityNamed(client.actor)
        const [secret] = actor === undefined ? [] : desk.facts.credentialsOf(actor.id)
        const revoked = secret === undefined ? undefined : await revokeSecret(desk, personAt(desk, operator), secret.id)
        schedule.say(`revoke the secret of ${client.actor}: ${told(revoked)}`)
        if (revoked?.ok === true) outside.stoppedActor(client.actor, `its secret at ${schedule.now.toFixed(1)}`, 'its secret')
        return revoked?.ok === true ? [] : undefined
      }
      case 'disable': {
        const gone = [...desk.facts.identities()].filter((each) => each.state === 'disabled' || each.name === client.actor)
        const document = documentOf({ book: 0, disabled: gone.map((each) => each.name) })
        const enabled = outside.enabledTimes(client.actor)
        const proposed = await proposeChange(desk, { machine: 'operator' }, { document })
        const state = proposed.ok ? (proposed.value.changeSet?.state ?? 'nothing') : proposed.refusal.code
        schedule.say(`disable ${client.actor}: ${state}`)
        if (state === 'applied' && enabled === outside.enabledTimes(client.actor))
          outside.stoppedActor(client.actor, `disabling it at ${schedule.now.toFixed(1)}`, 'disabling it')
        return state === 'applied' ? [] : undefined
      }
    }
  }

  /** Clients of whom something was just ended send at once, while everybody still believes in it. */
  #pressOn({ id, actor }: Client): void {
    for (const { door, machine } of this.#machines.doors())
      for (const [n, { sent }] of [...door.open]) if (sent.grant === id || sent.actor === actor) machine.receive(() => door.chunk(n))
  }

  async #book({ book, via }: Doing<'book'>): Promise<void> {
    const { schedule } = this.#machines
    const set = await this.#at(via, async ({ desk }) => {
      const proposed = await proposeChange(desk, { machine: 'operator' }, { document: documentOf({ book }), prune: 'policies' })
      return proposed.ok ? proposed.value.changeSet : undefined
    })
    if (set?.state !== 'proposed') return
    for (const name of ['ana', 'eva'] as const) {
      await schedule.wait(50)
      const answered = await this.#at(via, ({ desk }) => answerAs(desk, name, set.id, 'approve'))
      schedule.say(`${name} signs the book: ${told(answered)}`)
    }
  }

  /** With a grant of its own that nobody stops. */
  async #lookEverywhere(): Promise<void> {
    const place = this.#machines.template.grants.length - 1 + 100
    const name = 'probe'
    const scope = ['plant/look', 'shop/look']
    await this.#ask({ at: 0, what: 'ask', grant: place, via: 0, actor: machineNames.indexOf(name), scope, duration: 60_000 })
    const client = this.#clients.get(place)
    if (client?.isActive !== true) return
    for (let at = 0; at <= this.#scenario.gateways.length; at += 1) {
      const door = this.#machines.door(at)
      const what = door === undefined ? undefined : this.#what(client, 0, door.gateway)
      const token = door === undefined ? undefined : await this.#token(client, door.gateway, 0)
      if (what === undefined || token === undefined) continue
      const sent = await this.#send(at, { token, grant: client.id, actor: name, ...what, body: '', isStream: false })
      const answer = sent === undefined ? 'nothing' : sent.outcome === 'refused' ? `${sent.code} ${sent.detail ?? ''}` : sent.outcome
      this.#machines.outside.law(answer === 'done', `gateway ${at} answers ${answer} though nothing is broken any more`)
      this.#served += 1
    }
  }
}

function isService(name: string): name is ServiceName {
  return Object.hasOwn(gatewayOfService, name)
}

async function callerOrNothing(...given: Parameters<typeof callerAs>): Promise<Awaited<ReturnType<typeof callerAs>> | undefined> {
  try {
    return await callerAs(...given)
  } catch {
    // Contained, disabled, or its secret is gone.
    return undefined
  }
}

function told(result: Result<unknown> | undefined): string {
  if (result === undefined) return 'nobody came in'
  return result.ok ? 'done' : `${result.refusal.code} ${result.refusal.detail ?? ''}`
}

/** A gateway on a machine of its own that a scripted control has greeted, or leased to: what tests of the gateway's half begin with. */
import assert from 'node:assert/strict'
import { Machine } from './fed-machine.ts'
import { edge, noSnapshot, ScriptedControl, type ScriptedLink, welcome } from './scripted-control.ts'

export interface Given {
  readonly machine: Machine
  readonly control: ScriptedControl
  readonly link: ScriptedLink
}

export const session = 'ses_01J00000000000000000000000'
export const tier0 = { tier: 0, effect: 'write' } as const
export const tier3 = { tier: 3, effect: 'write' } as const

type More = Parameters<typeof Machine.make>[2]

/** A gateway that has said hello. */
export async function greeted(run: (given: Given) => Promise<void>, more: More = {}): Promise<void> {
  const control = new ScriptedControl()
  const machine = await Machine.make(edge, control.dial, more)
  try {
    await machine.start()
    await run({ machine, control, link: control.link })
  } finally {
    await machine.fed.close()
  }
}

/** A gateway that follows, with a lease, and has a stream under way. */
export function leased(run: (given: Given) => Promise<void>, more: More = {}): Promise<void> {
  return greeted(async (given) => {
    const { machine, link } = given
    await link.say(welcome(machine.clock), noSnapshot)
    await link.lease()
    assert.ok(lets(machine).ok)
    machine.control.onEnd(session, (reason) => machine.cuts.push({ session, reason, at: machine.clock.monotonic() }))
    await run(given)
  }, more)
}

export function lets(machine: Machine, action: typeof tier0 | typeof tier3 = tier0) {
  return machine.fed.gate.home.lets(action)
}

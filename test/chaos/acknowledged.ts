/** What a house has acknowledged: the answers that came before it was killed, and that it must still stand by afterwards. */
import type { Bot } from './chaos-house.ts'

export type GrantStep = 'pending' | 'approved' | 'active' | 'ended'

export interface GrantNote {
  readonly id: string
  readonly bot: Bot
  state: GrantStep
  token: string
  /** Uses that were answered with a yes, and how many there may be. */
  used: number
  readonly usesMax: number | undefined
  /** Somebody asked for its end; whether it came is not known until it was said. */
  mayHaveEnded: boolean
  /** It was finished to make room, and is asked about no more. */
  isForgotten: boolean
  /** Milliseconds of `performance.now()`, once its end was acknowledged. */
  endedAt: number | undefined
}

export type HoldStep = 'waiting' | 'approved' | 'spent'

export interface HoldNote {
  readonly id: string
  readonly target: string
  readonly grant: GrantNote
  state: HoldStep
}

export interface SecretNote {
  readonly credential: string
  readonly secret: string
  isRevoked: boolean
}

/** Where something may be once it was acknowledged to be there. */
export const laterGrant: Readonly<Record<GrantStep, readonly string[]>> = {
  pending: ['pending', 'approved', 'active', 'ended'],
  approved: ['approved', 'active', 'ended'],
  active: ['active', 'ended'],
  ended: ['ended'],
}

export const laterHold: Readonly<Record<HoldStep, readonly string[]>> = {
  waiting: ['waiting', 'approved', 'spent', 'withdrawn'],
  approved: ['approved', 'spent', 'withdrawn'],
  spent: ['spent'],
}

/** Of one house, over all its lives. */
export class Acknowledged {
  readonly grants: GrantNote[] = []
  readonly holds: HoldNote[] = []
  readonly secrets: SecretNote[] = []
  /** Under which grant a target was asked for. */
  readonly askedUnder = new Map<string, GrantNote>()
  /** A signed head that somebody outside kept. */
  head = ''
  count = 0
  #targets = 0

  grant(id: string, bot: Bot, at: { readonly state: 'pending' | 'approved'; readonly usesMax?: number }): GrantNote {
    const note: GrantNote = {
      id,
      bot,
      state: at.state,
      token: '',
      used: 0,
      usesMax: at.usesMax,
      mayHaveEnded: false,
      isForgotten: false,
      endedAt: undefined,
    }
    this.grants.push(note)
    this.count += 1
    return note
  }

  step(note: GrantNote, state: GrantStep): void {
    note.state = state
    this.count += 1
  }

  /** The end was answered. Whatever was sent before has been read some turns of the loop later. */
  async ended(note: GrantNote): Promise<void> {
    this.step(note, 'ended')
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    note.endedAt = performance.now()
  }

  used(note: GrantNote): void {
    note.used += 1
    this.count += 1
  }

  hold(id: string, target: string, grant: GrantNote): HoldNote {
    const note: HoldNote = { id, target, grant, state: 'waiting' }
    this.holds.push(note)
    this.count += 1
    return note
  }

  stepHold(note: HoldNote, state: HoldStep): void {
    note.state = state
    this.count += 1
  }

  /** A target that was never asked for before: `PUT /items/r17`. */
  target(start: string, grant: GrantNote): string {
    this.#targets += 1
    const target = `${start}r${this.#targets}`
    this.askedUnder.set(target, grant)
    return target
  }
}

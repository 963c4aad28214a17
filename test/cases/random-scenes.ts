/** Random rule books, requests and actions from a seed: what the second opinion and the simulation ask about. */
import type { Effect } from '../../src/model/effects.ts'
import type { Dice } from '../world/chance.ts'
import { type AskRule, type GuardRule, type OperationName, operationNames, operations, type RuleBook, type Wanted } from './rule-book.ts'
import type { Line, Limit } from './second-opinion.ts'

export const roleNames = ['agents', 'bots', 'sre', 'managers', 'suspects', 'administrators']
export const taskKinds = ['incident', 'release']
const effectsUsed: readonly Effect[] = ['read', 'write', 'execute', 'administer']

export function chanceOf(dice: Dice, outOfHundred: number): boolean {
  return dice.below(100) < outOfHundred
}

export function randomBook(dice: Dice, people: readonly string[]): RuleBook {
  const asks: AskRule[] = Array.from({ length: 2 + dice.below(4) }, (_, number) => randomAsk(dice, people, number))
  // One that lets much be asked, so that there is something to decide about.
  asks.push({ id: 'agents-may-ask', role: 'agents', most: 60 + dice.below(200) })
  const guards = Array.from({ length: 1 + dice.below(4) }, (_, number) => randomGuard(dice, people, number))
  return { asks, guards }
}

function randomAsk(dice: Dice, people: readonly string[], number: number): AskRule {
  const most = 1 + dice.below(200)
  return {
    id: `ask-${number}`,
    role: dice.pick(roleNames),
    ...(chanceOf(dice, 30) ? { on: dice.pick(operationNames) } : {}),
    ...(chanceOf(dice, 50) ? { task: dice.pick(taskKinds) } : {}),
    ...(chanceOf(dice, 30) ? { effects: [dice.pick(effectsUsed), dice.pick(effectsUsed)] } : {}),
    ...(chanceOf(dice, 40) ? { approval: randomWanted(dice, people) } : {}),
    ...(chanceOf(dice, 40) ? { usual: 1 + dice.below(most), most } : {}),
  }
}

function randomGuard(dice: Dice, people: readonly string[], number: number): GuardRule {
  const who = chanceOf(dice, 50)
    ? { kind: dice.pick(['ai-agent', 'service-account', 'human'] as const) }
    : chanceOf(dice, 60)
      ? { role: dice.pick(['agents', 'suspects', 'bots']) }
      : {}
  const hold = chanceOf(dice, 88) ? { hold: randomWanted(dice, people) } : {}
  const id = `guard-${number}`
  if (chanceOf(dice, 40)) return { id, ...who, effect: dice.pick(['execute', 'administer', 'write'] as const), ...hold }
  const on = dice.pick(operationNames)
  const texts: Partial<Record<OperationName, readonly string[]>> = { restart: ['till', 'checkout'], deploy: ['1', '2'] }
  const values = texts[on]
  return { id, ...who, on, ...(values !== undefined && chanceOf(dice, 50) ? { argument: dice.pick(values) } : {}), ...hold }
}

function randomWanted(dice: Dice, people: readonly string[]): readonly Wanted[] {
  const one = (): Wanted => {
    const from = [chanceOf(dice, 80) ? `role:${dice.pick(['sre', 'managers'])}` : `identity:${dice.pick(people)}`]
    if (chanceOf(dice, 25)) from.push(`identity:${dice.pick(people)}`)
    const distinct = [...new Set(from)]
    const isEnough = distinct.some((member) => member.startsWith('role:'))
    return { count: isEnough && chanceOf(dice, 25) ? 2 : 1, from: distinct }
  }
  if (!chanceOf(dice, 20)) return [one()]
  const [first, second] = [one(), one()]
  // A person named twice could not answer twice: such a text is refused.
  const isTwice = [...first.from].sort().join() === [...second.from].sort().join()
  return isTwice && first.from.every((member) => member.startsWith('identity:')) ? [first] : [first, second]
}

export function randomLine(dice: Dice): Line {
  const uses = chanceOf(dice, 35) ? { uses: 1 + dice.below(3) } : {}
  if (chanceOf(dice, 35)) return { effects: [...new Set([dice.pick(effectsUsed), dice.pick(effectsUsed)])].sort(), ...uses }
  const on = dice.pick(operationNames)
  return { on, ...(operations[on].argument !== undefined && chanceOf(dice, 50) ? { argument: randomLimit(dice, on) } : {}), ...uses }
}

/** One that may have a sum and a rate too. */
export function randomCountedLine(dice: Dice): Line {
  const line = randomLine(dice)
  return {
    ...line,
    ...(line.on === 'refund' && chanceOf(dice, 50) ? { sum: 20 + dice.below(80) } : {}),
    ...(chanceOf(dice, 20) ? { rate: 1 + dice.below(3) } : {}),
  }
}

function randomLimit(dice: Dice, on: OperationName): Limit {
  if (on === 'refund') return { atMost: 10 + dice.below(50), ...(chanceOf(dice, 30) ? { atLeast: dice.below(20) } : {}) }
  if (chanceOf(dice, 40)) return { like: dice.pick(['*', 'c*', '*t', '1*', 't*l', 'check*out']) }
  return { oneOf: on === 'restart' ? ['checkout', 'search'] : ['1', '3'] }
}

export function randomArgument(dice: Dice, on: OperationName): string | number | undefined {
  switch (on) {
    case 'restart':
      return dice.pick(['checkout', 'search', 'till'])
    case 'deploy':
      return dice.pick(['1', '2', '3'])
    case 'refund':
      return dice.below(70)
    default:
      return undefined
  }
}

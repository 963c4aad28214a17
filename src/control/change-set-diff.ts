/** Everything that a change-set does, line by line in words. */
import { type ChangeClass, changeClasses, type ChangeLine, strongest } from '../model/change-sets.ts'
import { applicationLines } from './change-set-applications.ts'
import { identityLines } from './change-set-people.ts'
import { policyLines, type RuledPicture } from './change-set-policies.ts'
import { issuerLines, serviceLines } from './change-set-services.ts'
import type { Slices } from './slices.ts'

interface Sides {
  readonly before: RuledPicture
  readonly after: RuledPicture
}

/** Up to here each thing is named by itself. */
const linesMax = 500
/** Of those that a line is about together, so many are named. */
const namedMax = 20
/** More than this nobody reads, however they are put together: the rest is counted. */
const effectsMax = 2_000

/** What is told of a change, and what it comes to. */
export interface Told {
  readonly class: ChangeClass
  readonly lines: readonly ChangeLine[]
  /** Effects, one by one. */
  readonly count: number
  /** Whether some were counted only: then nobody can be asked to sign for them. */
  readonly isCut: boolean
}

/** In the order of things; what applications bring is told after them. */
export function* changeLines({ before, after }: Sides): Generator<ChangeLine> {
  yield* identityLines(before, after)
  yield* issuerLines(before, after)
  yield* serviceLines(before, after)
  yield* policyLines(before, after)
}

/** What a change does, in slices. Where there are many, those with the same effect are told together, with their number. */
export async function tellChange(sides: Sides, slices: Slices): Promise<Told> {
  const lines: ChangeLine[] = []
  for (const line of changeLines(sides)) {
    await slices.pause()
    lines.push(line)
  }
  lines.push(...(await applicationLines(sides, slices)))
  const changeClass = strongest(new Set(lines.map((each) => each.class)))
  const together = lines.length <= linesMax ? lines : await putTogether(lines, slices)
  const isCut = together.length > effectsMax
  return { class: changeClass, lines: isCut ? cut(together) : together, count: lines.length, isCut }
}

async function putTogether(lines: readonly ChangeLine[], slices: Slices): Promise<readonly ChangeLine[]> {
  const byEffect = new Map<string, ChangeLine[]>()
  for (const line of lines) {
    await slices.pause()
    const effect = JSON.stringify([line.kind, line.what, line.class, line.says])
    const same = byEffect.get(effect)
    if (same === undefined) byEffect.set(effect, [line])
    else same.push(line)
  }
  return [...byEffect.values()].flatMap((same) => {
    const [first] = same
    if (first === undefined || same.length <= namedMax) return same
    const names = same.slice(0, namedMax).map((each) => each.name)
    const says = `each ${first.says} (${names.join(', ')} and ${same.length - namedMax} more)`
    return [{ ...first, name: `${same.length} ${first.kind === 'identity' ? 'identities' : 'of them'}`, says }]
  })
}

/** What weighs most is told first, and of the rest how many there are of each class. */
function cut(lines: readonly ChangeLine[]): readonly ChangeLine[] {
  const byWeight = lines.toSorted((left, right) => changeClasses.indexOf(right.class) - changeClasses.indexOf(left.class))
  const left = byWeight.slice(effectsMax)
  const rest = changeClasses.flatMap((each): ChangeLine[] => {
    const ofClass = left.filter((line) => line.class === each)
    const [first] = ofClass
    return first === undefined
      ? []
      : [{ ...first, name: `${ofClass.length} more`, says: 'other effects, which nobody would read one by one' }]
  })
  return [...byWeight.slice(0, effectsMax), ...rest]
}

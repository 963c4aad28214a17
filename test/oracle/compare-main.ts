/** `npm run sim -- --cedar 20000`: the long run of the comparison, in parts whose seeds are printed. */
import { compareAll, noTally } from './compare.ts'

const runsOfPart = 500

/** `many` comparisons from a seed on. Throws at the first difference, with the seed of its part in the message. */
export function tellComparisons(seed: number, many: number): void {
  const seen = noTally()
  const began = Date.now()
  for (let part = seed; seen.comparisons < many; part += 1) {
    try {
      compareAll(part, runsOfPart, seen)
    } catch (cause) {
      throw new Error(`a difference with the seed ${part}: CEDAR_SEED=${part} CEDAR_RUNS=${runsOfPart} finds it again`, { cause })
    }
    console.log(`seed ${part}: ${seen.comparisons} of ${many} compared, no difference`)
  }
  const { comparisons, allow, deny, determining, errors, links } = seen
  console.log(
    `${comparisons} comparisons with cedar-wasm and the naive evaluator without a difference in ${Math.round((Date.now() - began) / 1_000)} s: ` +
      `${allow} allowed, ${deny} denied; ${determining} policies determined an answer, ${errors} had an error, ${links} of them links of templates`,
  )
}

/** Makes a scenario that breaks a law smaller: leaves out what it does not need, and tries it again each time. */
import type { Act, Fault, Scenario } from './scenario.ts'

/** Whether it still breaks one. */
export type Breaks = (scenario: Scenario) => Promise<boolean>

/** At most so many runs. */
const triesMax = 250

export async function shrink(scenario: Scenario, breaks: Breaks): Promise<Scenario> {
  let left = triesMax
  const isBroken: Breaks = async (each) => {
    left -= 1
    return left >= 0 && breaks(each)
  }
  let smallest = scenario
  for (let before = -1; before !== sizeOf(smallest) && left > 0; ) {
    before = sizeOf(smallest)
    smallest = await withFewer(
      smallest,
      (each) => each.faults,
      (each, faults: readonly Fault[]) => ({ ...each, faults }),
      isBroken,
    )
    smallest = await withFewer(
      smallest,
      (each) => each.acts,
      (each, acts: readonly Act[]) => ({ ...each, acts }),
      isBroken,
    )
    smallest = await calmer(smallest, isBroken)
  }
  return smallest
}

function sizeOf({ acts, faults, network: { late, lost, doubled }, gateways, skews }: Scenario): number {
  const skewed = Object.values(skews).filter((skew) => skew !== 0).length
  return acts.length + faults.length + late + lost + doubled + gateways.length + skewed
}

/** Halves first, then single ones. */
async function withFewer<T>(
  scenario: Scenario,
  read: (scenario: Scenario) => readonly T[],
  write: (scenario: Scenario, parts: readonly T[]) => Scenario,
  breaks: Breaks,
): Promise<Scenario> {
  let smallest = scenario
  for (let size = Math.max(1, read(smallest).length >> 1); ; size >>= 1) {
    for (let from = 0; from < read(smallest).length; ) {
      const parts = read(smallest)
      const fewer = write(smallest, [...parts.slice(0, from), ...parts.slice(from + size)])
      if (await breaks(fewer)) smallest = fewer
      else from += size
    }
    if (size <= 1) return smallest
  }
}

/** A quieter network, right clocks, fewer gateways. */
async function calmer(scenario: Scenario, breaks: Breaks): Promise<Scenario> {
  let smallest = scenario
  const tryOut = async (each: Scenario) => {
    if (await breaks(each)) smallest = each
  }
  if (smallest.network.late > 0) await tryOut({ ...smallest, network: { ...smallest.network, late: 0 } })
  if (smallest.network.lost > 0) await tryOut({ ...smallest, network: { ...smallest.network, lost: 0 } })
  if (smallest.network.doubled > 0) await tryOut({ ...smallest, network: { ...smallest.network, doubled: 0 } })
  for (const [name, skew] of Object.entries(smallest.skews))
    if (skew !== 0) await tryOut({ ...smallest, skews: { ...smallest.skews, [name]: 0 } })
  return smallest
}

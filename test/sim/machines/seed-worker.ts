/** A process of the simulation: runs its share of the seeds and tells of each. */
import type { MachinesAsked } from './simulate.ts'
import { runSeed } from './run.ts'

process.once('message', (asked: MachinesAsked & { readonly step: number }) => {
  void runShare(asked)
})

async function runShare(asked: MachinesAsked & { readonly step: number }): Promise<void> {
  for (let seed = asked.from; seed <= asked.to; seed += asked.step) {
    const { broken, counts } = await runSeed(seed, asked)
    await new Promise((resolve) => {
      process.send?.({ seed, broken, counts: counts.entries() }, resolve)
    })
  }
  process.disconnect?.()
}

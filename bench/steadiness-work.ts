/** The same piece of work, whenever a line asks for it; answers how many microseconds it took. */
import { createInterface } from 'node:readline'
import { percentile } from './figures.ts'

/** One flat text of a byte a character. */
const text = Buffer.alloc(1_000_000, 'y').toString('latin1')
const times = 31

function timed(): number {
  const began = performance.now()
  if (/[\0-\x0f]/.test(text) || /[\x10-\x1f]/.test(text)) throw new Error('there is nothing to be found')
  return (performance.now() - began) * 1_000
}

for await (const _ of createInterface({ input: process.stdin })) {
  const took = Array.from({ length: times }, timed).toSorted((left, right) => left - right)
  process.stdout.write(`${Math.round(percentile(took, 50))}\n`)
}

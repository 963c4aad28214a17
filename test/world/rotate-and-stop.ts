/** Rotates the master key of a data folder, and kills itself after so many steps: what a test of that runs as a process. */
import { rotateKey } from '../../src/main/rotate-key.ts'

const [data = '', steps = '0', newMasterKey] = process.argv.slice(2)
let left = Number(steps)
const onStep = () => {
  if (left === 0) process.kill(process.pid, 'SIGKILL')
  left -= 1
}
await rotateKey({ data, onStep, ...(newMasterKey === undefined ? {} : { newMasterKey }) })

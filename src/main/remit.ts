/** The program: the command line, joined with the parts that it cannot reach as a client. */
import { runCli } from '../cli/build-cli.ts'
import type { House } from '../cli/house.ts'
import { terminalIo } from '../cli/io.ts'
import { version } from './version.ts'

// Whoever reads may have read enough (`remit grants | head`). That ends neither a server nor what a command is in the middle of.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

// What a command does not need is not loaded: `remit grants` has no use for a database.
const house: House = {
  up: async (options) => (await import('./up.ts')).up(options),
  gateway: async (options) => (await import('./gateway.ts')).gateway(options),
  witness: async (options) => (await import('./witness.ts')).witness(options),
  backup: async (options) => (await import('./backup.ts')).backup(options),
  restore: async (options) => (await import('./restore.ts')).restore(options),
  newEpoch: async (options) => (await import('./restore.ts')).newEpoch(options),
  rotateKey: async (options) => (await import('./rotate-key.ts')).rotateKey(options),
  check: async (folder, configuration) => (await import('./check.ts')).check(folder, configuration),
  declare: async (options) => (await import('./declare.ts')).declareServer(options),
  testPolicies: async (options) => (await import('./policy-cases.ts')).testPolicies(options),
  policyCasesSchema: async () => (await import('./policy-cases.ts')).policyCasesSchema(),
  verifyExport: async (options) => (await import('./verify.ts')).verify(options),
  verifyProof: async (text, vkeys) => (await import('../ledger/proof-file.ts')).verifyProof(text, vkeys),
}

process.exitCode = await runCli(process.argv.slice(2), { house, io: terminalIo(), version })

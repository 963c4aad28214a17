/** The command line as a process, without a house: for tests of `remit run` that need real signals and real children. */
import { runCli } from '../../src/cli/build-cli.ts'
import { terminalIo } from '../../src/cli/io.ts'

const nothing = () => Promise.reject(new Error('this process has no house'))

process.exitCode = await runCli(process.argv.slice(2), {
  io: terminalIo(),
  house: {
    up: nothing,
    check: nothing,
    testPolicies: nothing,
    declare: nothing,
    policyCasesSchema: nothing,
    rotateKey: nothing,
    backup: nothing,
    restore: nothing,
    newEpoch: nothing,
    verifyExport: nothing,
    verifyProof: nothing,
    witness: nothing,
    gateway: nothing,
  },
})

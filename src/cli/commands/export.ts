/** `remit export`: writes what is there as remit.yaml and its policies. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import { type Answer, type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { CliFailure } from '../failures.ts'

export function exportCommand(cli: Cli): Command {
  return remoteCommand('export', 'write what is there as remit.yaml and its policies', [
    { line: 'remit export ./desk', says: 'remit plan on it says that there is nothing to change; no secret is in it, and no exception' },
  ])
    .argument('[folder]', 'where to', '.')
    .option('--force', 'write over files that are there')
    .action(deed(cli, write))
}

async function write(run: Run): Promise<Answer> {
  const client = await run.client()
  const exported = await run.during('reading the configuration', client.configuration())
  const folder = run.words[0] ?? '.'
  const { exportedFiles } = await import('../export-files.ts')
  const files = exportedFiles(exported).map(({ name, text }) => ({ path: join(folder, name), text }))
  for (const { path, text } of files) {
    await mkdir(dirname(path), { recursive: true })
    try {
      await writeFile(path, text, { flag: run.flag('force') ? 'w' : 'wx' })
    } catch (thrown) {
      if (thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST')
        throw new CliFailure(`${path} is there already`, { remedy: 'name another folder, or add --force to write over it' })
      throw thrown
    }
  }
  // People approve each of them, whatever a file says: one that is written is proposed, and never there by that.
  const { exceptions } = await run.during('looking for exceptions', client.exceptions({ state: 'active', max: 1 }))
  const leftOut =
    exceptions.length === 0 ? [] : ['exceptions are left out: remit exception list --state active shows what stands, and until when']
  const kept = exported.secrets.map((service) => `the credential of ${service} stays where it is: it is written as "kept"`)
  return {
    json: { files: files.map(({ path }) => path), secrets: exported.secrets },
    text: [...files.map(({ path }) => path), ...kept, ...leftOut],
  }
}

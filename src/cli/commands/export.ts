/** `remit export`: writes what is there as remit.yaml and its policies. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import { type Answer, type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { exportedFiles } from '../export-files.ts'
import { CliFailure } from '../failures.ts'

export function exportCommand(cli: Cli): Command {
  return remoteCommand('export', 'write what is there as remit.yaml and its policies', [
    { line: 'remit export ./desk', says: 'remit plan on it says that there is nothing to change; no secret is in it' },
  ])
    .argument('[folder]', 'where to', '.')
    .option('--force', 'write over files that are there')
    .action(deed(cli, write))
}

async function write(run: Run): Promise<Answer> {
  const client = await run.client()
  const exported = await run.during('reading the configuration', client.configuration())
  const folder = run.words[0] ?? '.'
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
  const kept = exported.secrets.map((service) => `the credential of ${service} stays where it is: it is written as "kept"`)
  return { json: { files: files.map(({ path }) => path), secrets: exported.secrets }, text: [...files.map(({ path }) => path), ...kept] }
}

/** `remit ledger verify`: an export, and beside it journals from the folders in which gateways keep them. */
import type { ExportReport, VerifyOptions } from '../cli/house.ts'
import { readSealedLines } from '../control/journal-reading.ts'
import { JournalFiles } from '../host/journal-files.ts'
import { type BesideJournal, verifyExport } from '../ledger/verify.ts'

/** Throws a sentence for a person where a folder has no journal. */
export async function verify({ lines, vkeys, heads, journals }: VerifyOptions): Promise<ExportReport> {
  const beside: BesideJournal[] = []
  for (const folder of journals) {
    // Only read: it may be a copy, or belong to a gateway that is running.
    const disk = new JournalFiles(folder)
    const segments = await disk.list().catch(() => [])
    if (segments.length === 0) throw new Error(`there is no journal in ${folder}; name the folder in which its .jsonl files are`)
    beside.push({ where: folder, lines: readSealedLines(disk) })
  }
  return verifyExport(lines, vkeys, heads, beside)
}

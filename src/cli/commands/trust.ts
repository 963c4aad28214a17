/** `remit trust`: the certificate of the local authority, and how clients come to trust it. */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { type Cli, deed, localCommand } from '../command.ts'
import { usageFailure } from '../failures.ts'
import { factLines } from '../table.ts'

export function trustCommand(cli: Cli): Command {
  return localCommand('trust', "show this machine's own authority, and how clients come to trust it", [
    { line: 'remit trust --data ./remit-data', says: 'where it is, its fingerprint, and what to tell curl, Node and others' },
    {
      line: 'remit trust --data ./remit-data --pem > remit-ca.pem',
      says: 'the certificate itself, to be taken to clients; it is no secret',
    },
  ])
    .option('--data <folder>', 'the data folder of remit up --tls', 'remit-data')
    .option('--pem', 'print the certificate and nothing else')
    .action(
      deed(cli, async (run) => {
        const path = join(resolve(run.text('data') ?? 'remit-data'), 'keys', 'authority.crt')
        const pem = await readFile(path, 'utf8').catch(() => {
          throw usageFailure(`there is no authority in ${run.text('data')}`, 'remit up --tls makes it at its first start')
        })
        const certificate = new X509Certificate(pem)
        const { fingerprint256: fingerprint } = certificate
        const endsAt = certificate.validToDate.toISOString()
        if (run.flag('pem')) return { json: { path, fingerprint, endsAt, pem }, text: [pem.trim()] }
        const ways = [
          `remit   REMIT_CA_FILE=${path}, or --ca`,
          `curl    --cacert ${path}`,
          `Node    NODE_EXTRA_CA_CERTS=${path}`,
          `Python  REQUESTS_CA_BUNDLE=${path}`,
          'browser import it as an authority for web sites',
        ]
        const facts = factLines(
          [
            ['authority', path],
            ['sha256', fingerprint],
            ['ends', endsAt],
            ['clients', ways],
          ],
          run.paint,
        )
        return {
          json: { path, fingerprint, endsAt, pem },
          text: [...facts, 'compare the fingerprint by another way than the one the file came by'],
        }
      }),
    )
}

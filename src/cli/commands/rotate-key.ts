/** `remit rotate-key`: another master key for a data folder, while Remit does not run. */
import type { Command } from 'commander'
import { type Cli, deed, localCommand } from '../command.ts'
import { factLines } from '../table.ts'

export function rotateKeyCommand(cli: Cli): Command {
  return localCommand('rotate-key', 'replace the master key: every sealed credential is sealed anew, in one change', [
    { line: 'remit rotate-key --data ./remit-data', says: 'stop Remit first; the new key takes the place of keys/master.key' },
    {
      line: 'remit rotate-key --new-master-key passphrase',
      says: 'from the file in the data folder to a passphrase, which is asked for',
    },
    {
      line: 'remit rotate-key --master-key env:OLD_KEY --new-master-key env:NEW_KEY',
      says: 'keys that are kept elsewhere: 32 bytes in base64 each',
    },
  ])
    .option('--data <folder>', 'the data folder', 'remit-data')
    .option('--database <address>', 'where it keeps the rest in PostgreSQL: env:NAME, file:PATH or an address, as for remit up')
    .option('--master-key <source>', 'where the key in use is: file:PATH, env:NAME, command:…, passphrase (default: the data folder)')
    .option('--new-master-key <source>', 'where the new one is (default: made anew in the data folder)')
    .option('--tokens', 'replace the keys that sign tokens in place of the master key; tokens that are out stay good until their end')
    .action(
      deed(cli, async (run) => {
        const masterKey = run.text('masterKey')
        const newMasterKey = run.text('newMasterKey')
        const database = run.text('database')
        const rotating = cli.house.rotateKey({
          data: run.text('data') ?? 'remit-data',
          tokens: run.flag('tokens'),
          ...(database === undefined ? {} : { database }),
          ...(masterKey === undefined ? {} : { masterKey }),
          ...(newMasterKey === undefined ? {} : { newMasterKey }),
        })
        const { from, to, spaces, startWith, tokens } = await run.during('sealing anew', rotating)
        if (tokens !== undefined)
          return {
            json: { tokens },
            text: [`the next start makes new keys for tokens, in ${tokens.join(', ')}; what is out stays good until its end`],
          }
        const facts = factLines(
          [
            ['from', from],
            ['to', to],
            ['sealed anew', spaces.map(({ space, secrets }) => `${space}: ${secrets}`)],
            [
              'withdrawn',
              spaces.filter(({ withdrawn }) => withdrawn > 0).map(({ space, withdrawn }) => `${space}: ${withdrawn} change-sets`),
            ],
            ['start with', startWith === undefined ? undefined : `--master-key ${startWith}`],
          ],
          run.paint,
        )
        return {
          json: { from, to, spaces, startWith },
          text: ['the master key was replaced; the old one opens nothing here any more', ...facts],
        }
      }),
    )
}

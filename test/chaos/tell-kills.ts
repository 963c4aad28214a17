/** `npm run sim -- --kills N`: three of four kills on a file, the rest on PostgreSQL, and the figures of both. */
import { PostgresServer } from '../contract/postgres-server.ts'
import { killAgainAndAgain, type KillReport } from './kills.ts'

/** Throws what did not hold. */
export async function tellKills(seed: number, kills: number): Promise<void> {
  const onPostgres = Math.floor(kills / 4)
  console.log(`sim: seed ${seed}, ${kills} kills, ${onPostgres} of them on PostgreSQL`)
  const tell = (line: string) => console.log(`sim: ${line}`)
  await timed('SQLite', () => killAgainAndAgain({ seed, kills: kills - onPostgres, tell }))
  if (onPostgres === 0) return
  // The server's own user reads what is made for it.
  process.umask(0o022)
  const postgres = await PostgresServer.start()
  try {
    await timed('PostgreSQL', () => killAgainAndAgain({ seed: seed + 1, kills: onPostgres, postgres, tell }))
  } finally {
    await postgres.remove()
  }
}

async function timed(store: string, run: () => Promise<KillReport>): Promise<void> {
  const from = performance.now()
  const report = await run()
  const lines = Object.entries(report).map(([what, count]) => `  ${String(count).padStart(9)} ${what}`)
  console.log([`sim: ${store}, ${Math.round((performance.now() - from) / 1_000)} s, everything held`, ...lines].join('\n'))
}

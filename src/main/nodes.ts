/** What several nodes of one Remit must have in common, and what must not be the same in two of them. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import type { Database } from '../control/ports.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'

/** The node that is not called otherwise. A second one of this name is refused by the database. */
export const firstNode = 'main'

/** What a journal's name, and its folder's, end with: nothing at the first node, so that the others are beside it. */
export function nodeSuffix(node: string | undefined): string {
  return node === undefined || node === firstNode ? '' : `@${node}`
}

/**
 * Holds the key that signs a space's tokens against the nodes that run: with another one, this node would refuse what they issue. Where no
 * other node is there, a new key is as good as the one before. Refuses `configuration.invalid`.
 */
export async function holdTokenKey(
  database: Pick<Database, 'meta' | 'setMeta' | 'nodes'>,
  space: string,
  key: KeyObject,
): Promise<Result<undefined>> {
  const note = `tokenKey/${space}`
  const fingerprint = createHash('sha256')
    .update(createPublicKey(key).export({ type: 'spki', format: 'der' }))
    .digest('hex')
  const known = await database.meta(note)
  if (known === fingerprint) return done(undefined)
  const others = database.nodes.others()
  if (known !== undefined && others.length > 0)
    return refuse('configuration.invalid', {
      detail: `the key in the data folder that signs tokens of ${space} is not that of node ${others.join(', ')}; copy its folder keys`,
    })
  await database.setMeta(note, fingerprint)
  return done(undefined)
}
